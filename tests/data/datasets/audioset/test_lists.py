"""AudioSet's segment lists: what is read, and what is refused."""

from pathlib import Path

import pytest
from tiny_audioset import BABY, EVAL, HEAD, SIREN, SPEECH, TRAIN, clips_of, sound, write_list

from aed_plugins.core import InputError
from aed_plugins.data.datasets.audioset.lists import AudioSetSegment, read_lists

PLACES = {SPEECH: (0,), BABY: (1,), SIREN: ()}


@pytest.mark.parametrize("head", [HEAD, "", "YTID, start_seconds, end_seconds, labels\n", "\n"])
def test_a_list_is_read_with_and_without_its_comment_lines(tmp_path, head):
    write_list(tmp_path / "eval.csv", [("-abcdefghi_", 30, 40, [SPEECH, BABY])], head=head)
    segments = read_lists({"eval": [tmp_path / "eval.csv"]}, PLACES)
    expected = AudioSetSegment("-abcdefghi_", 30.0, 40.0, (0, 1), "eval", "eval")
    assert segments == {"-abcdefghi__30000": expected}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a, 0, 10", "expected 4 columns, .* got 3"),
        (f"a, 0, 10, {SPEECH},{BABY}", "expected 4 columns, .*double quotes, got 5"),
        (f'a, x, 10, "{SPEECH}"', "expected a time in seconds, got 'x'"),
        (f'a, nan, 10, "{SPEECH}"', "expected a time in seconds, got 'nan'"),
        (f'a, 0, inf, "{SPEECH}"', "expected a time in seconds, got 'inf'"),
        (f'a, -1, 10, "{SPEECH}"', "expected a time in seconds, got '-1'"),
        (f'a, 10, 10.0, "{SPEECH}"', "expected an end after the start 10, got 10.0"),
        (f'a, 10, 0, "{SPEECH}"', "expected an end after the start 10, got 0"),
        (f', 0, 10, "{SPEECH}"', "expected a YouTube id of .*: ''"),
        (f'../a, 0, 10, "{SPEECH}"', "expected a YouTube id of .*: '../a'"),
        ('a, 0, 10, "/m/nosuch"', "'/m/nosuch' is no MID of class_labels"),
        (f'a, 0, 10, "{SPEECH},"', "'' is no MID"),
        ('a, 0, 10, ""', "'' is no MID"),
        (f'fine, 0.0, 10, "{SIREN}"', r"fine from 0 s is listed a second time \(first in list\)"),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(tmp_path, row, message):
    path = tmp_path / "list.csv"
    path.write_text(f'{HEAD}fine, 0, 10, "{SPEECH}"\n{row}\n')
    with pytest.raises(InputError, match=rf"list\.csv line 5: {message}") as caught:
        read_lists({"train": [path]}, PLACES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(HEAD.encode(), "expected segments, found none"), (b"\xff\xfe\x00", "expected a CSV table")],
)
def test_a_list_that_is_none_is_named(tmp_path, content, message):
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(InputError, match=rf"list\.csv: {message}"):
        read_lists({"train": [tmp_path / "list.csv"]}, PLACES)


def test_a_list_that_is_missing_says_where_the_official_ones_are(run):
    with pytest.raises(
        InputError, match=r"none\.csv: no such segment list; --eval_segments .*goog"
    ):
        run(eval_segments="none.csv")


def test_the_default_training_list_is_the_balanced_one_or_else_any(data, run):
    write_list(data / "train_segments.csv", TRAIN[:3])
    assert run().clips_by_fold["train"] == 4
    (data / "balanced_train_segments.csv").unlink()
    assert run().clips_by_fold["train"] == 3


def test_several_lists_make_one_fold_and_each_has_shards_of_its_own(data, run):
    write_list(data / "more.csv", [("morespeech1", 0, 10, [SPEECH])])
    sound(data / "audio/morespeech1.wav")
    found = run(train_segments=["balanced_train_segments.csv", str(data / "more.csv")])
    assert found.clips_by_fold["train"] == 5
    shards = {Path(entry["file"]).stem.rsplit("-", 1)[0] for entry in clips_of(found).values()}
    assert shards == {"balanced_train_segments", "more", "eval_segments"}


def test_a_segment_that_two_lists_of_a_fold_share_is_refused(data, run):
    write_list(data / "more.csv", TRAIN[:1])
    with pytest.raises(
        InputError, match=r"more\.csv line 4: --speech_001 from 30 s is listed a sec"
    ):
        run(train_segments=["balanced_train_segments.csv", "more.csv"])


@pytest.mark.parametrize("start", [30, 70])
def test_a_video_in_two_folds_is_refused(data, run, start):
    write_list(data / "eval_segments.csv", [*EVAL, ("--speech_001", start, 80, [SPEECH])])
    with pytest.raises(InputError, match=r"line 6: .*--speech_001"):
        run()


def many(tmp_path, count):
    rows = [
        (f"video{n:06d}", start, start + 10, [SPEECH]) for n in range(count) for start in (0, 30)
    ]
    write_list(tmp_path / "many.csv", rows)
    return read_lists({"train": [tmp_path / "many.csv"]}, PLACES, 0.1)


def test_a_fraction_of_the_videos_is_for_validation_whatever_else_is_listed(tmp_path):
    segments = many(tmp_path, 2000)
    fold_of = {}
    for segment in segments.values():
        assert fold_of.setdefault(segment.video, segment.fold) == segment.fold
    valid = sum(fold == "valid" for fold in fold_of.values())
    assert valid == pytest.approx(200, abs=40)  # three standard deviations
    fewer = many(tmp_path, 100)
    assert all(segments[clip] == segment for clip, segment in fewer.items())
