"""Clips for validation: a list of their own, or a fraction of the training videos."""

import pytest
from tiny_audioset import CHOSEN, RATE, SPEECH, TRAIN, sound, write_list

from aed_plugins.core import InputError
from aed_plugins.data import ShardIndex
from aed_plugins.data.datasets.audioset import dataset as module
from aed_plugins.data.datasets.audioset.lists import hash_to_fraction


def test_a_list_for_validation_leaves_the_training_list_whole(data, run):
    write_list(data / "valid.csv", [("validspeech", 0, 10, [SPEECH])])
    sound(data / "audio/validspeech.wav")
    found = run(valid_segments="valid.csv", valid_fraction=0.9)
    assert found.clips_by_fold == {"train": 4, "valid": 1, "eval": 2}
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
    prepared = run(needed=("train", "eval"), valid_segments="valid.csv")
    assert prepared.clips_by_fold == {"train": 4, "eval": 2}


def test_with_shards_to_train_on_validation_clips_are_still_needed(data, run, monkeypatch):
    train = {"clips": 4, "positives": dict.fromkeys(CHOSEN, 2)}
    index = ShardIndex("shards", RATE, list(CHOSEN), {"train": train})
    monkeypatch.setattr(module, "read_shard_index", {"shards": index}.get)
    write_list(data / "valid.csv", [("validspeech", 0, 10, [SPEECH])])
    for video, *_ in TRAIN:
        (data / f"audio/Y{video}.wav").unlink()
    with pytest.raises(InputError, match="expected clips of the 1 valid segments"):
        run(webdataset="shards", valid_segments="valid.csv")
    found = run(webdataset="shards")
    assert (found.clips_by_fold, found.state) == ({"train": 4, "eval": 2}, "complete")


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
