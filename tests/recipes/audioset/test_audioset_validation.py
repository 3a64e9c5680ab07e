"""Clips for validation: a list of their own, or a fraction of the training videos."""

import importlib.util
import json
import sys

import pytest
from audioset_lists import hash_to_fraction
from tiny_audioset import CHOSEN, RATE, RECIPE, SPEECH, TRAIN, sound, write_list

from aed_plugins.core import InputError


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
    prepared = run(needed=("train", "eval"), valid_segments="valid.csv")
    assert prepared.clips == {"train": 4, "eval": 2}


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
