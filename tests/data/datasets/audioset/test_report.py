"""What is missing of AudioSet, and what the report and the messages say of it."""

import json
import shlex

import pytest
from tiny_audioset import EVAL, SIREN, report_of, write_list

from aed_plugins.core import InputError


def test_missing_clips_do_not_stop_and_are_counted_by_list_and_class(data, run):
    (data / "audio/Yboth-_-_-10.wav").unlink()
    found = run()
    assert (found.state, found.clips_by_fold, found.expected_clips) == (
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
    assert run().clips_by_fold["train"] == 3
    (data / "later.wav").rename(data / "audio/both-_-_-10_10.wav")
    found = run()
    assert (found.state, found.clips_by_fold["train"]) == ("complete", 4)


def test_a_bad_clip_stops_unless_skipped(data, run):
    path = data / "audio/Yboth-_-_-10.wav"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"1 of 6 clips cannot be used: .*-10\.wav: ") as caught:
        run()
    assert "--skip_bad_clips=True" in str(caught.value)
    assert "\n" not in str(caught.value)
    found = run(skip_bad_clips=True)
    assert (found.state, found.clips_by_fold["train"], found.problems["bad"]) == ("partial", 3, 1)
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
    assert list(run(classes=mend).positives) == mend


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
