"""AudioSet prepared: the manifest, the shards, the folders."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_audioset import BABY, RATE, SPEECH, clips_of, report_of, sound, write_list

from aed_plugins.core import InputError
from aed_plugins.data import DEMONSTRATION_MARK, AudioSet
from aed_plugins.data.datasets.audioset import dataset as module
from aed_plugins.data.datasets.audioset.lists import hash_to_fraction
from aed_plugins.data.datasets.audioset.selection import (
    AudioSetSelection,
    read_selected_ontology,
    select_segments,
)
from aed_plugins.data.packing import load_clip


def test_the_manifest_lists_every_clip_with_its_classes_and_fold(run, dataset):
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
    assert dataset().labels == ["Speech", "Crying, sobbing"]
    assert (found.folds, found.clips) == (["train", "eval"], 6)
    assert found.clips_by_fold == {"train": 4, "eval": 2}
    assert found.positives == {
        "Speech": {"train": 2, "eval": 1},
        "Crying, sobbing": {"train": 2, "eval": 1},
    }
    assert (found.state, found.expected_clips, found.warnings) == ("complete", 6, [])
    entry = manifest["--speech_001_30000"]
    waveform = load_clip(entry["file"], entry["start"], entry["samples"])
    np.testing.assert_array_equal(waveform, np.arange(10000, dtype=np.float32) / 2**15)


def test_the_summary_can_be_written_as_json(run):
    summary = json.loads(json.dumps(run().summary()))
    assert (summary["state"], summary["clips"], summary["bad_clips"]) == ("complete", 6, 0)
    assert summary["clips_by_fold"] == {"train": 4, "eval": 2}


def test_labels_follow_the_order_of_choice(run, dataset):
    found = run(classes=["Crying, sobbing", SPEECH])
    assert dataset(classes=["Crying, sobbing", SPEECH]).labels == ["Crying, sobbing", "Speech"]
    assert clips_of(found)["both-_-_-10_10000"]["labels"] == ["Crying, sobbing", "Speech"]


def test_preparing_again_decodes_nothing(run, monkeypatch):
    run()
    monkeypatch.setattr("aed_plugins.data.packing.read_waveform", None)
    assert run(classes=["Speech"]).clips_by_fold == {"train": 4, "eval": 2}


def test_each_selection_has_a_manifest_of_its_own(run):
    first = run()
    second = run(classes=["Speech"])
    assert first.manifest != second.manifest
    assert len(clips_of(first)["both-_-_-10_10000"]["labels"]) == 2
    assert run() == first


def test_each_selection_has_a_report_of_its_own_under_its_manifest_s_tag(data, run):
    (data / "audio/Y_babies_30x.wav").unlink()
    first = run()
    before = report_of(first)
    second = run(classes=["Speech"])
    assert report_of(first) == before
    for found in (first, second):
        assert Path(found.report).stem.removeprefix("missing-") == found.manifest.stem[-8:]
        (counts,) = {tuple(part["classes"]) for part in report_of(found)["lists"].values()}
        assert list(counts) == list(found.positives)


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


def test_shards_depend_on_the_list_and_hold_no_more_than_a_thousand_clips(tmp_path, data):
    rows = [(f"v{n:010d}", 0, 10, [SPEECH, BABY]) for n in range(20000)]
    write_list(data / "balanced_train_segments.csv", rows)
    ontology, _ = read_selected_ontology(data, AudioSetSelection())
    _, shards = select_segments(data, AudioSetSelection(), ontology, [SPEECH])
    names, counts = np.unique(list(shards.values()), return_counts=True)
    assert len(names) == 24 + 1  # of 850 clips on average, and one for the evaluation
    assert counts.max() <= 1000


def test_the_hash_is_the_same_everywhere():
    # printf %s -- --PJHxphWEs | sha256sum: 61bafbf5...
    assert hash_to_fraction("--PJHxphWEs") == pytest.approx(0x61BAFBF5 / 2**32, abs=2**-32)


def test_folders_that_are_not_the_dataset_are_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        _ = AudioSet(data_folder=str(tmp_path / "nowhere")).folder
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: expected class_labels_indices\.csv in it"):
        _ = AudioSet(data_folder=str(tmp_path / "empty")).folder


def test_without_data_the_demonstration_corpus_is_built(tmp_path, monkeypatch, data, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "build_audioset_demonstration", lambda folder: folder)
    assert AudioSet().folder == Path("data/AudioSet_demonstration")
    assert "DEMONSTRATION" in capsys.readouterr().out
    Path("data").mkdir()
    data.rename("data/AudioSet")
    assert AudioSet().folder == Path("data/AudioSet")


def test_the_demonstration_is_marked_in_its_name_and_state(data, dataset, run):
    assert dataset().name == "audioset"
    (data / DEMONSTRATION_MARK).parent.mkdir()
    (data / DEMONSTRATION_MARK).touch()
    assert dataset().name == "audioset_demonstration"
    assert run().state == "demonstration"
