"""One's own clips: assigned to folds, prepared, and split."""

import json

import pytest
from tiny_clips import RATE, table, write_csv, write_sounds, write_tone

from aed_plugins.core import InputError
from aed_plugins.data import CustomDataset, FoldSplit, read_manifest


@pytest.fixture
def sounds(tmp_path):
    """Four clips a class, of different lengths."""
    return write_sounds(tmp_path / "sounds")


def dataset(tmp_path, clips, **options):
    return CustomDataset(clips=str(clips), prepared_folder=str(tmp_path / "prepared"), **options)


def prepared(tmp_path, clips, **options):
    return dataset(tmp_path, clips, **options).prepare(RATE)


def test_made_folds_have_every_class_and_keep_recordings_together(tmp_path, sounds):
    rows = table("recording", lambda label, number: f"{label}{number // 2}")
    own = dataset(tmp_path, write_csv(tmp_path / "clips.csv", *rows), folds=2)
    data = own.prepare(RATE)
    manifest = read_manifest(data.manifest)
    assert (data.folds, data.clips, data.state) == ([1, 2], 12, "complete")
    of_recording = {}
    for name, entry in manifest.items():
        of_recording.setdefault(own.listing.clips[name].recording, set()).add(entry["fold"])
    assert len(of_recording) == 6
    assert all(len(folds) == 1 for folds in of_recording.values())
    found = sorted((entry["fold"], *entry["labels"]) for entry in manifest.values())
    assert found == sorted((f, c) for f in (1, 2) for c in ("high", "low", "middle") for _ in "ab")
    assert len({entry["samples"] for entry in manifest.values()}) == 4


def test_a_missing_column_of_recordings_is_told_of(tmp_path, sounds, capsys):
    prepared(tmp_path, sounds, folds=2)
    assert "warning: no column 'recording'" in capsys.readouterr().out
    rows = table("fold", lambda _, number: number % 2)
    prepared(tmp_path, write_csv(tmp_path / "clips.csv", *rows))
    assert "warning" not in capsys.readouterr().out


def test_a_class_of_fewer_clips_than_folds_is_refused(tmp_path, sounds):
    with pytest.raises(InputError, match=r"high has 4 clips, fewer than the 5 .*--folds=4"):
        prepared(tmp_path, sounds)
    for number in (1, 2, 3):
        (sounds / f"low/{number}.wav").unlink()
    with pytest.raises(InputError, match=r"low/0\.wav: low has 1 clip, .*or leave the class out"):
        prepared(tmp_path, sounds, folds=2)
    with pytest.raises(InputError, match="--folds: expected 2 or more, got 1"):
        prepared(tmp_path, sounds, folds=1)


def test_bad_clips_are_named_by_file_and_row_unless_skipped(tmp_path, sounds):
    path = write_csv(tmp_path / "clips.csv", *table("fold", lambda _, number: number % 2))
    (sounds / "low/0.wav").unlink()
    (sounds / "low/1.wav").write_text("not audio")
    write_tone(sounds / "low/2.wav", 300, 30.5)
    write_tone(sounds / "low/3.wav", 300, 0.01)
    first = r"4 of 12 clips cannot be used: .*clips\.csv line 2: .*low/0\.wav: expected an audio"
    with pytest.raises(InputError, match=first):
        prepared(tmp_path, path)
    reasons = json.loads((tmp_path / "prepared/bad_clips.json").read_text())
    assert "line 3" in reasons["sounds/low/1.wav"]
    assert "got 30.5 s; cut it into clips" in reasons["sounds/low/2.wav"]
    assert "expected 0.05 s of sound or more" in reasons["sounds/low/3.wav"]
    data = prepared(tmp_path, path, skip_bad_clips=True)
    assert (data.clips, data.expected_clips, data.state) == (8, 12, "partial")
    lost = r"line 2: low has no clip to train on when fold1 is tested"
    with pytest.raises(InputError, match=lost):
        dataset(tmp_path, path, test_folds=[1], valid_folds=[]).splits(data)


def test_without_a_usable_clip_there_is_nothing_to_do(tmp_path):
    path = write_csv(tmp_path / "clips.csv", ["file", "label"], ["a.wav", "dog"], ["b.wav", "cat"])
    with pytest.raises(InputError, match=r"no clip can be used: .*line 2: .*a\.wav"):
        prepared(tmp_path, path, skip_bad_clips=True)


def test_other_folds_decode_nothing_again(tmp_path, sounds, monkeypatch):
    prepared(tmp_path, sounds, folds=4)
    monkeypatch.setattr("aed_plugins.data.packing.read_waveform", None)
    assert prepared(tmp_path, sounds, folds=2).folds == [1, 2]


def splits(tmp_path, column, names, **options):
    """The splits of clips whose column has these values in turn."""
    rows = table(column, lambda _, number: names[number % len(names)])
    own = dataset(tmp_path, write_csv(tmp_path / "clips.csv", *rows), **options)
    return own.splits(own.prepare(RATE))


def test_a_split_is_what_it_says(tmp_path, sounds):
    found = splits(tmp_path, "split", ["test", "train", "valid"])
    assert found == [FoldSplit("test", ["valid"], ["train"])]
    found = splits(tmp_path, "split", ["test", "train"])
    assert found == [FoldSplit("test", [], ["train"])]
    with pytest.raises(InputError, match="clips whose split is test, found none"):
        splits(tmp_path, "split", ["train", "valid"])
    with pytest.raises(InputError, match="--test_folds: the column split says what is what"):
        splits(tmp_path, "split", ["train", "test"], test_folds="all")


def test_folds_may_have_names(tmp_path, sounds):
    found = splits(tmp_path, "fold", ["1", "garden", "house"])
    assert found == [FoldSplit("house", ["garden"], [1])]
    found = splits(tmp_path, "fold", ["a", "b"], test_folds="a", valid_folds=[])
    assert found == [FoldSplit("a", [], ["b"])]
    with pytest.raises(InputError, match="no clip of fold c; folds there: a, b"):
        splits(tmp_path, "fold", ["a", "b"], test_folds=["c"])


def test_clips_without_folds_are_evaluated_together_and_of_a_split_the_test_clips(
    tmp_path, sounds, capsys
):
    own = dataset(tmp_path, sounds, folds=9)
    data = own.prepare_evaluation(RATE, ["low"])
    assert (own.evaluation_folds(data), data.clips) == (["all"], 12)
    assert capsys.readouterr().out == "", "no folds are made, and none can be biased"
    rows = table("split", lambda _, number: ["test", "train"][number % 2])
    own = dataset(tmp_path, write_csv(tmp_path / "clips.csv", *rows))
    assert own.evaluation_folds(own.prepare_evaluation(RATE, ["low"])) == ["test"]


def test_names_in_audioset_are_checked_against_the_labels(tmp_path, sounds):
    assert dataset(tmp_path, sounds).audioset_mapping is None
    names = tmp_path / "names.yaml"
    names.write_text("low: Hum\n")
    assert dataset(tmp_path, sounds, audioset_names=names).audioset_mapping == {"low": "Hum"}
    names.write_text("lowest: Hum\n")
    with pytest.raises(InputError, match=r"names\.yaml line 1: expected one of high, low, middle"):
        _ = dataset(tmp_path, sounds, audioset_names=names).audioset_mapping
