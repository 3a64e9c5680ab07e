import importlib.util
import json
import shlex
import string
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, strategies as st

from aed_plugins.core import InputError
from aed_plugins.data import read_manifest
from aed_plugins.data.packing import load_clip

RECIPE = Path(__file__).resolve().parents[2] / "recipes/audioset"
sys.path.insert(0, str(RECIPE))
import audioset_prepare  # noqa: E402
from audioset_clips import Fit, find_clips, match_name  # noqa: E402
from audioset_lists import FOLDS, Segment, hash_to_fraction, read_lists  # noqa: E402
from audioset_prepare import Selection, find_data, is_demonstration, prepare  # noqa: E402

from aed_plugins.data import DEMONSTRATION_MARK  # noqa: E402

RATE = 1000
SPEECH, SHOUT, CRYING, BABY = "/m/09x0r", "/m/07p6fty", "/m/0463cq4", "/t/dd00002"
SIREN = "/m/03kmc9"
NAMES = {
    SPEECH: "Speech",
    SHOUT: "Shout",
    CRYING: "Crying, sobbing",
    BABY: "Baby cry, infant cry",
    SIREN: "Siren",
}
CHOSEN = ("Speech", "Crying, sobbing")
HEAD = (
    "# Segments csv created Sun Mar  5 10:54:31 2017\n"
    "# num_ytids=4, num_segs=4, num_unique_labels=4, num_positive_labels=6\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
)
TRAIN = [
    ("--speech_001", 30, 40, [SPEECH]),
    ("_babies_30x", 0, 10, [BABY, SHOUT]),
    ("both-_-_-10", 10, 20, [SPEECH, BABY]),
    ("sirenssirens", 5, 15, [SIREN]),
]
EVAL = [("-evalspeech", 0, 10, [SPEECH]), ("evalcrying_", 20.8, 30.8, [CRYING])]


def write_list(path, rows, head=HEAD):
    lines = [f'{v}, {start:.3f}, {end:.3f}, "{",".join(mids)}"' for v, start, end, mids in rows]
    path.write_text(head + "\n".join(lines) + "\n")


def sound(path, seconds=10.0):
    """A ramp: its value tells where in the recording a sample was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.arange(round(seconds * RATE)) / 2**15, RATE)


@pytest.fixture
def data(tmp_path):
    """Four clips to train on and two to be judged on, in AudioSet's layout."""
    folder = tmp_path / "AudioSet"
    folder.mkdir()
    table = [f'{n},{mid},"{name}"' for n, (mid, name) in enumerate(NAMES.items())]
    (folder / "class_labels_indices.csv").write_text(
        "\n".join(["index,mid,display_name", *table, ""])
    )
    entries = [
        {"id": mid, "name": name, "child_ids": [BABY] if mid == CRYING else []}
        for mid, name in NAMES.items()
    ]
    (folder / "ontology.json").write_text(json.dumps(entries))
    write_list(folder / "balanced_train_segments.csv", TRAIN)
    write_list(folder / "eval_segments.csv", EVAL)
    for video, *_ in TRAIN + EVAL:
        sound(folder / f"audio/Y{video}.wav")
    return folder


@pytest.fixture
def run(data, tmp_path):
    """Prepare the data, of all training clips, with other options where they are given."""

    def prepared(needed=FOLDS, **options):
        chosen = Selection(**{"classes": CHOSEN, "valid_fraction": 0, **options})
        return prepare(data, str(tmp_path / "prepared"), RATE, chosen, needed)

    return prepared


def clips_of(prepared):
    return read_manifest(prepared.manifest)


def test_the_manifest_lists_every_clip_with_its_classes_and_fold(run):
    found = run()
    manifest = clips_of(found)
    assert {name: (entry["labels"], entry["fold"]) for name, entry in manifest.items()} == {
        "--speech_001_30000": (["Speech"], "train"),
        "_babies_30x_0": (["Crying, sobbing"], "train"),
        "both-_-_-10_10000": (["Speech", "Crying, sobbing"], "train"),
        "sirenssirens_5000": ([], "train"),
        "-evalspeech_0": (["Speech"], "eval"),
        "evalcrying__20800": (["Crying, sobbing"], "eval"),
    }
    assert found.labels == ["Speech", "Crying, sobbing"]
    assert (found.folds, found.clips) == (["train", "eval"], {"train": 4, "eval": 2})
    assert found.positives == {
        "Speech": {"train": 2, "eval": 1},
        "Crying, sobbing": {"train": 2, "eval": 1},
    }
    assert (found.state, found.expected_clips, found.warnings) == ("complete", 6, [])
    entry = manifest["--speech_001_30000"]
    waveform = load_clip(entry["file"], entry["start"], entry["samples"])
    np.testing.assert_array_equal(waveform, np.arange(10000, dtype=np.float32) / 2**15)


def test_the_summary_can_be_written_as_json(run):
    assert json.loads(json.dumps(run().summary()))["state"] == "complete"


def test_labels_follow_the_order_of_choice(run):
    found = run(classes=["Crying, sobbing", SPEECH])
    assert found.labels == ["Crying, sobbing", "Speech"]
    assert clips_of(found)["both-_-_-10_10000"]["labels"] == ["Crying, sobbing", "Speech"]


def test_preparing_again_decodes_nothing(run, monkeypatch):
    run()
    monkeypatch.setattr("aed_plugins.data.packing.read_waveform", None)
    assert run(classes=["Speech"]).clips == {"train": 4, "eval": 2}


def test_each_selection_has_a_manifest_of_its_own(run):
    first = run()
    second = run(classes=["Speech"])
    assert first.manifest != second.manifest
    assert len(clips_of(first)["both-_-_-10_10000"]["labels"]) == 2
    assert run() == first


def test_each_selection_has_a_report_of_its_own_under_its_manifest_s_tag(data, run):
    (data / "audio/Y_babies_30x.wav").unlink()
    first = run()
    before = first.report.read_bytes()
    second = run(classes=["Speech"])
    assert first.report.read_bytes() == before
    for found in (first, second):
        assert found.report.stem.removeprefix("missing-") == found.manifest.stem[-8:]
        (counts,) = {tuple(part["classes"]) for part in report_of(found)["lists"].values()}
        assert list(counts) == found.labels


def test_clips_with_none_of_the_classes_can_be_left_out_without_touching_other_shards(run):
    kept = run()
    before = {name: Path(entry["file"]).stat() for name, entry in clips_of(kept).items()}
    dropped = run(negatives="drop")
    assert set(clips_of(kept)) - set(clips_of(dropped)) == {"sirenssirens_5000"}
    assert (dropped.expected_clips, dropped.state) == (5, "complete")
    after = {name: Path(entry["file"]).stat() for name, entry in clips_of(kept).items()}
    assert after == before


def test_without_an_ontology_labels_count_for_themselves_and_a_line_says_so(data, run, capsys):
    (data / "ontology.json").rename(data / "elsewhere.json")
    with pytest.raises(InputError, match=r"none of the 4 train clips .* has 'Crying, sobbing'"):
        run()
    capsys.readouterr()
    write_list(data / "more.csv", [("evalbabyxxx", 0, 10, [BABY])])
    sound(data / "audio/evalbabyxxx.wav")
    babies = ["Speech", "Baby cry, infant cry"]
    found = run(classes=babies, eval_segments=["eval_segments.csv", "more.csv"])
    (line,) = found.warnings
    assert "no ontology.json, so labels count for themselves alone" in line
    assert capsys.readouterr().out == f"warning: {line}\n"
    assert run(ontology="elsewhere.json").warnings == []


# --- lists


PLACES = {SPEECH: (0,), BABY: (1,), SIREN: ()}


@pytest.mark.parametrize("head", [HEAD, "", "YTID, start_seconds, end_seconds, labels\n", "\n"])
def test_a_list_is_read_with_and_without_its_comment_lines(tmp_path, head):
    write_list(tmp_path / "eval.csv", [("-abcdefghi_", 30, 40, [SPEECH, BABY])], head=head)
    segments = read_lists({"eval": [tmp_path / "eval.csv"]}, PLACES)
    expected = Segment("-abcdefghi_", 30.0, 40.0, (0, 1), "eval", "eval")
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
    assert run().clips["train"] == 4
    (data / "balanced_train_segments.csv").unlink()
    assert run().clips["train"] == 3


def test_several_lists_make_one_fold_and_each_has_shards_of_its_own(data, run):
    write_list(data / "more.csv", [("morespeech1", 0, 10, [SPEECH])])
    sound(data / "audio/morespeech1.wav")
    found = run(train_segments=["balanced_train_segments.csv", str(data / "more.csv")])
    assert found.clips["train"] == 5
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


def test_a_list_for_validation_leaves_the_training_list_whole(data, run):
    write_list(data / "valid.csv", [("validspeech", 0, 10, [SPEECH])])
    sound(data / "audio/validspeech.wav")
    found = run(valid_segments="valid.csv", valid_fraction=0.9)
    assert found.clips == {"train": 4, "valid": 1, "eval": 2}
    assert found.warnings == [
        "no validation clip has 'Crying, sobbing': no threshold can be tuned there"
    ]


NO_VALIDATION = "; for no validation give --valid_fraction=0 and no --valid_segments"


def test_validation_that_was_asked_for_but_has_no_clip_is_told(data, run):
    write_list(data / "valid.csv", [("validspeech", 0, 10, [SPEECH])])
    message = "expected clips of the 1 valid segments, such as Yvalidspeech.wav, found none"
    with pytest.raises(InputError, match=message) as caught:
        run(valid_segments="valid.csv")
    assert str(caught.value).endswith(NO_VALIDATION)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=message):  # the training clips come from elsewhere
        run(needed=("valid", "eval"), valid_segments="valid.csv")
    judged = run(needed=("train", "eval"), valid_segments="valid.csv")
    assert judged.clips == {"train": 4, "eval": 2}


def test_with_shards_to_train_on_validation_clips_are_still_needed(data, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("audioset_train", RECIPE / "train.py")
    program = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "audioset_train", program)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "read_shard_index", {"shards": "index"}.get)
    write_list(data / "valid.csv", [("validspeech", 0, 10, [SPEECH])])
    for video, *_ in TRAIN:
        (data / f"audio/Y{video}.wav").unlink()
    given = [str(RECIPE.parent.parent / "hparams/resnet_dilated.yaml"), "--webdataset=shards"]
    given += [f"--data_folder={data}", f"--prepared_folder={tmp_path / 'prepared'}"]
    given += [f"--classes={json.dumps(CHOSEN)}", f"--sample_rate={RATE}"]
    with pytest.raises(InputError, match="expected clips of the 1 valid segments"):
        program.main([*given, "--valid_segments=valid.csv"])


def test_a_fraction_for_validation_that_leaves_no_video_is_told(run):
    fraction = min(hash_to_fraction(f"valid {video}") for video, *_ in TRAIN) / 2
    message = "no valid segment is left; give another --valid_segments, a greater --valid_fraction,"
    with pytest.raises(InputError, match=message) as caught:
        run(valid_fraction=fraction)
    assert str(caught.value).endswith(NO_VALIDATION)
    assert run(valid_fraction=0).folds == ["train", "eval"]


def test_clips_that_cannot_be_read_are_told_only_where_they_are_the_reason(data, run):
    write_list(data / "valid.csv", [("validspeech", 0, 10, [SPEECH])])
    (data / "audio/Y_babies_30x.wav").rename(data / "audio/Y_babies_30x.m4a")
    with pytest.raises(InputError, match="expected clips of the 1 valid segments"):
        run(valid_segments="valid.csv")
    (data / "audio/validspeech.webm").touch()
    with pytest.raises(InputError, match="2 clips are m4a, webm, which libsndfile does not read"):
        run(valid_segments="valid.csv")


# --- files


IDS = st.text(string.ascii_letters + string.digits + "-_", min_size=11, max_size=11)
STARTS = st.one_of(st.integers(0, 20000), st.integers(0, 200000).map(lambda tenths: tenths / 10))
WRITERS = {
    "Y{id}": Fit.VIDEO,
    "{id}": Fit.VIDEO,
    "{id}_{start:.3f}": Fit.START,
    "Y{id}_{start:g}": Fit.START,
    "{id}_{start_ms}": Fit.START,
    "{id}_{start_ms:09d}": Fit.START,
    "Y{id}_{start:.3f}_{end:.3f}": Fit.START_AND_END,
    "{id}_{start:.1f}-{end:.1f}": Fit.START_AND_END,
    "{id}_{start_ms}_{end_ms}": Fit.START_AND_END,
    "{id}_{start:010.3f}_{end:010.3f}": Fit.START_AND_END,
    "{id}_{start_ms:07d}_{end_ms:07d}": Fit.START_AND_END,
    "{id}_{start:.3f}_{late:.3f}": Fit.START_AND_ANOTHER_END,
}


def segment_of(video, start, length=10):
    return Segment(video, float(start), float(start + length), (), "list", "train")


def named(writer, segment):
    return writer.format(
        id=segment.video,
        start=segment.start,
        end=segment.end,
        late=segment.end + 3,
        start_ms=round(segment.start * 1000),
        end_ms=round(segment.end * 1000),
    )


@pytest.mark.parametrize("writer", WRITERS)
@given(ids=st.sets(IDS, min_size=1, max_size=4), start=STARTS, length=st.integers(1, 30))
def test_a_segment_is_found_by_the_name_that_each_downloader_gives_it(writer, ids, start, length):
    wanted = {video: [segment_of(video, start, length)] for video in ids}
    for (segment,) in wanted.values():
        assert match_name(named(writer, segment), wanted) == (segment, WRITERS[writer])


@pytest.mark.parametrize("writer", [writer for writer in WRITERS if "start" in writer])
@given(video=IDS, start=st.integers(0, 20000), gap=st.integers(1, 20000))
def test_another_moment_of_the_video_is_not_taken_for_the_segment(writer, video, start, gap):
    other = segment_of(video, start + gap)
    if other.start in {start * 1000, start / 1000}:
        return  # seconds of the one are milliseconds of the other
    stem = named(writer, other)
    assert match_name(stem, {video: [segment_of(video, start)]}) is None
    both = {video: [segment_of(video, start), other]}
    assert match_name(stem, both) == (other, WRITERS[writer])


@pytest.mark.parametrize(
    "video",
    ["abcdefgh_30", "abcd_30_40x", "_30_40_3040", "-----------", "Yabcdefghij", "_Y_12_34_5"],
)
def test_ids_that_look_like_times_or_prefixes_are_read_right(video):
    segment = segment_of(video, 30)
    for writer, fit in WRITERS.items():
        assert match_name(named(writer, segment), {video: [segment]}) == (segment, fit)


def test_a_start_without_its_fraction_is_found_when_no_other_segment_fits_better():
    fraction, whole = segment_of("abcdefghijk", 30.8), segment_of("abcdefghijk", 30)
    wanted = {"abcdefghijk": [fraction]}
    assert match_name("abcdefghijk_30", wanted) == (fraction, Fit.WHOLE_SECONDS)
    assert match_name("abcdefghijk_31", wanted) == (fraction, Fit.WHOLE_SECONDS)
    assert match_name("abcdefghijk_32", wanted) is None
    both = {"abcdefghijk": [fraction, whole]}
    assert match_name("abcdefghijk_30", both) == (whole, Fit.START)


def find(folder, *segments):
    return find_clips(folder, {segment.clip: segment for segment in segments})


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_the_most_telling_name_wins_then_the_format_then_the_path(tmp_path):
    names = [
        "a/Yabcdefghijk_30.000_40.000.wav",
        "b/Yabcdefghijk_30.000_40.000.wav",
        "a/abcdefghijk_30_40.FLAC",
        "abcdefghijk_30.wav",
        "abcdefghijk_30_44.wav",
        "Yabcdefghijk.wav",
    ]
    touch(tmp_path, *names)
    segment = segment_of("abcdefghijk", 30)
    left = set(names)
    for expected in names:
        assert find(tmp_path, segment).files[segment.clip].path == str(tmp_path / expected)
        (tmp_path / expected).unlink()
        left.remove(expected)
    assert not find(tmp_path, segment).files


def test_subfolders_and_links_are_searched_and_hidden_files_are_not(tmp_path):
    touch(tmp_path, "real/eval/Speech/abcdefghijk.flac", "audio/._Ylmnopqrstuv.wav")
    touch(tmp_path, "audio/.hidden/lmnopqrstuv.wav", "audio/lmnopqrstuv.txt", "audio/unknown.wav")
    (tmp_path / "audio/link").symlink_to(tmp_path / "real")
    (tmp_path / "real/circle").symlink_to(tmp_path / "audio")
    found = find(tmp_path / "audio", segment_of("abcdefghijk", 0), segment_of("lmnopqrstuv", 0))
    assert list(found.files) == ["abcdefghijk_0"]
    assert found.seen == 2


def test_a_name_without_a_start_is_left_alone_where_a_video_has_several_segments(tmp_path):
    touch(tmp_path, "abcdefghijk.wav", "abcdefghijk_30.wav")
    found = find(tmp_path, segment_of("abcdefghijk", 0), segment_of("abcdefghijk", 30))
    assert list(found.files) == ["abcdefghijk_30000"]
    assert found.ambiguous == [str(tmp_path / "abcdefghijk.wav")]


def test_a_format_that_libsndfile_reads_is_preferred_to_a_more_telling_name(tmp_path):
    touch(tmp_path, "abcdefghijk_30_40.m4a", "abcdefghijk.mp3", "lmnopqrstuv_0.webm")
    found = find(tmp_path, segment_of("abcdefghijk", 30), segment_of("lmnopqrstuv", 0))
    assert found.files["abcdefghijk_30000"].path.endswith("abcdefghijk.mp3")
    assert found.unreadable == {"lmnopqrstuv_0": str(tmp_path / "lmnopqrstuv_0.webm")}


# --- what is lacking


def report_of(prepared):
    return json.loads(prepared.report.read_text())


def test_missing_clips_do_not_stop_and_are_counted_by_list_and_class(data, run):
    (data / "audio/Yboth-_-_-10.wav").unlink()
    found = run()
    assert (found.state, found.clips, found.expected_clips) == (
        "partial",
        {"train": 3, "eval": 2},
        6,
    )
    assert found.problems["missing"] == 1
    report = report_of(found)
    assert report["missing"] == {"balanced_train_segments": ["both-_-_-10_10000"]}
    counts = report["lists"]["balanced_train_segments"]
    assert (counts["listed"], counts["used"], counts["missing"]) == (4, 3, 1)
    speech = {"listed": 2, "used": 1, "missing": 1, "unreadable": 0, "bad": 0}
    assert counts["classes"]["Speech"] == speech
    assert report["lists"]["eval_segments"]["missing"] == 0
    assert report["labels_counted"]["Crying, sobbing"] == ["Baby cry, infant cry"]


def test_a_clip_that_came_later_is_used(data, run):
    (data / "audio/Yboth-_-_-10.wav").rename(data / "later.wav")
    assert run().clips["train"] == 3
    (data / "later.wav").rename(data / "audio/both-_-_-10_10.wav")
    found = run()
    assert (found.state, found.clips["train"]) == ("complete", 4)


def test_a_clip_shorter_than_its_segment_is_used_and_listed(data, run):
    sound(data / "audio/Y--speech_001.wav", 9.6)  # not worth a word
    sound(data / "audio/Y_babies_30x.wav", 6.0)
    found = run()
    manifest = clips_of(found)
    assert manifest["--speech_001_30000"]["samples"] == 9600
    assert manifest["_babies_30x_0"]["samples"] == 6000
    assert (found.problems["shorter"], found.state) == (1, "complete")
    (item,) = report_of(found)["shorter"].values()
    assert (item["seconds"], item["segment"]) == (6.0, 10.0)
    assert item["file"].endswith("Y_babies_30x.wav")


def start_and_length(prepared, clip):
    """Where in its recording, a ramp, a clip begins, and how long it is; in samples."""
    entry = clips_of(prepared)[clip]
    waveform = load_clip(entry["file"], entry["start"], entry["samples"])
    return round(waveform[0] * 2**15), len(waveform)


@pytest.mark.parametrize(
    ("name", "seconds", "expected"),
    [
        ("--speech_001_30.wav", 10.9, (0, 10900)),  # near enough
        ("--speech_001_30.wav", 30.0, (0, 10000)),  # the name says where it begins
        ("--speech_001.wav", 20.0, (0, 10000)),  # cannot be the video: that has 40 s at least
        ("--speech_001.wav", 32.0, (0, 10000)),
        ("--speech_001.wav", 39.7, (30000, 9700)),  # the whole video
        ("--speech_001_30.wav", 11.5, (0, 10000)),
    ],
)
def test_of_a_clip_longer_than_its_segment_the_segment_is_used(data, run, name, seconds, expected):
    (data / "audio/Y--speech_001.wav").unlink()
    sound(data / f"audio/{name}", seconds)
    found = run()
    assert start_and_length(found, "--speech_001_30000") == expected
    longer = report_of(found)["longer"]
    assert len(longer) == found.problems["longer"] == (seconds > 11)
    if longer:
        assert longer["--speech_001_30000"]["used_from"] == expected[0] / RATE


def test_a_bad_clip_stops_unless_skipped(data, run):
    path = data / "audio/Yboth-_-_-10.wav"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"1 of 6 clips cannot be used: .*-10\.wav: ") as caught:
        run()
    assert "--skip_bad_clips=True" in str(caught.value)
    assert "\n" not in str(caught.value)
    found = run(skip_bad_clips=True)
    assert (found.state, found.clips["train"], found.problems["bad"]) == ("partial", 3, 1)
    assert list(report_of(found)["bad"]) == ["both-_-_-10_10000"]


def test_clips_in_a_format_that_libsndfile_does_not_read_are_named_in_one_line(data, run):
    (data / "audio/Yboth-_-_-10.wav").rename(data / "audio/Yboth-_-_-10.m4a")
    found = run()
    (line,) = found.warnings
    assert line.startswith("1 clips are m4a, which libsndfile does not read")
    assert list(report_of(found)["unreadable"]) == ["both-_-_-10_10000"]
    for video, *_ in EVAL:
        (data / f"audio/Y{video}.wav").rename(data / f"audio/Y{video}.webm")
    with pytest.raises(InputError, match="3 clips are m4a, webm, which libsndfile does not read"):
        run()


def test_a_class_without_a_positive_is_named_with_its_list_and_the_mend(data, run):
    with pytest.raises(
        InputError, match=r"none of the 2 eval clips .*'Shout' \(eval_segm"
    ) as caught:
        run(classes=["Speech", "Crying, sobbing", "Shout"])
    words = shlex.split(str(caught.value).split("; get such clips, or choose without: ")[1])
    mend = json.loads(words[0].removeprefix("--classes="))
    assert mend == ["Speech", "Crying, sobbing"]
    assert run(classes=mend).labels == mend


def test_a_class_whose_clips_are_all_missing_says_how_many_were_listed(data, run):
    (data / "audio/Yevalcrying_.wav").unlink()
    with pytest.raises(
        InputError,
        match=r"none of the 1 eval .* 'Crying, sobbing' \(eval_segments.csv lists 1\)",
    ):
        run()
    (report,) = (data.parent / "prepared").glob("missing-*.json")
    assert json.loads(report.read_text())["missing"]


def test_no_clip_at_all_names_the_folder_and_a_name_that_would_do(data, run):
    for path in (data / "audio").glob("Y*eval*"):
        path.unlink()
    message = r"audio: expected clips of the 2 eval segments, such as Y-evalspeech\.wav, found none"
    with pytest.raises(InputError, match=rf"{message} among 4 audio files; --audio_folder"):
        run()


def test_no_segment_with_any_of_the_classes_is_said(data, run):
    write_list(data / "eval_segments.csv", [("sirens_eval", 0, 10, [SIREN])])
    with pytest.raises(InputError, match=r"no eval segment is left; .*--negatives=keep"):
        run(negatives="drop")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"negatives": "no"}, "--negatives: expected keep or drop, got 'no'"),
        ({"valid_fraction": 1}, "--valid_fraction: expected a fraction from 0 to below 1, got 1"),
        ({"valid_fraction": "a"}, "--valid_fraction: expected a fraction"),
        ({"audio_folder": "wavs"}, r"wavs: no such folder; --audio_folder"),
        ({"ontology": "other.json"}, r"other\.json: no such file"),
        ({"classes": ["Speach"]}, r"did you mean 'Speech'\?"),
    ],
)
def test_a_wrong_option_is_named(run, options, message):
    with pytest.raises(InputError, match=message):
        run(**options)


# --- shards and folders


def test_shards_depend_on_the_list_and_hold_no_more_than_a_thousand_clips(tmp_path, data):
    rows = [(f"v{n:010d}", 0, 10, [SPEECH, BABY]) for n in range(20000)]
    write_list(data / "balanced_train_segments.csv", rows)
    selection, ontology = Selection(), audioset_prepare._ontology(data, Selection())[0]
    _, shards = audioset_prepare._wanted(data, selection, ontology, [SPEECH])
    names, counts = np.unique(list(shards.values()), return_counts=True)
    assert len(names) == 24 + 1  # of 850 clips on average, and one for the evaluation
    assert counts.max() <= 1000


def test_the_hash_is_the_same_everywhere():
    # printf %s -- --PJHxphWEs | sha256sum: 61bafbf5...
    assert hash_to_fraction("--PJHxphWEs") == pytest.approx(0x61BAFBF5 / 2**32, abs=2**-32)


def test_folders_that_are_not_the_dataset_are_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find_data(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: expected class_labels_indices\.csv in it"):
        find_data(str(tmp_path / "empty"))


def test_without_data_the_demonstration_corpus_is_built(tmp_path, monkeypatch, data, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(audioset_prepare, "build_audioset_demonstration", lambda folder: folder)
    assert find_data(None) == Path("data/AudioSet_demonstration")
    assert "DEMONSTRATION" in capsys.readouterr().out
    Path("data").mkdir()
    data.rename("data/AudioSet")
    assert find_data(None) == Path("data/AudioSet")


def test_the_demonstration_is_marked_in_its_state(data, run):
    assert not is_demonstration(data)
    (data / DEMONSTRATION_MARK).parent.mkdir()
    (data / DEMONSTRATION_MARK).touch()
    assert is_demonstration(data)
    assert run().state == "demonstration"
