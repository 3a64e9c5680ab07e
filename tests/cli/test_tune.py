"""`aed tune`: settings that fit annotated recordings."""

import json
from pathlib import Path

from tiny_model import write_model

from aed_plugins.annotations import write_timeline
from aed_plugins.core import Event, Timeline
from aed_plugins.pretrained import write_timeline_settings


def test_tune_saves_settings_that_a_timeline_takes(aed, folder, model):
    command = ("timeline", "talks/a.wav", "--model", model, "--format", "json")
    reference = Timeline((Event("dog", 1.0, 2.0), Event("siren", 0.0, 3.0)), "a.wav", 3.0)
    write_timeline("annotations/a.json", reference)
    arguments = ("--annotations", "annotations", "--model", model, "--window", "1")
    status, out, err = aed("tune", "talks/a.wav", *arguments, "--output", "settings.json")
    assert status == 0, err
    assert out.splitlines()[0].split() == ["class", "events", "F1", "before", "F1", "after"]
    tuned = json.loads(Path("settings.json").read_text())
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [["dog", "1"], ["siren", "1"]]
    assert "dog" in tuned["post_processing"]["onset"]
    assert aed(*command, "--settings", "settings.json")[0] == 0
    # Saved in the model's folder, they are what it begins with.
    own = write_model(folder / "own")
    aed("tune", "talks/a.wav", *arguments[:2], "--model", own, "--output", own)
    saved = json.loads((own / "timeline.json").read_text())
    assert saved["post_processing"] == tuned["post_processing"]
    out = [
        aed("timeline", "talks/a.wav", "--model", m, *s)[1]
        for m, s in ((model, ("--settings", "settings.json")), (own, ()))
    ]
    assert out[0] == out[1]


def test_tune_names_a_recording_without_annotation(aed, folder, model):
    status, _, err = aed("tune", "talks/a.wav", "--model", model, "--output", "settings.json")
    assert status == 1
    assert "talks/a.wav: there is no annotation talks/a.*" in err
    assert not Path("settings.json").exists()


def test_tuning_some_classes_leaves_the_others_theirs(aed, folder):
    own = write_model(folder / "own")
    how = {"window_length": 1.0, "post_processing": {"onset": {"siren": 0.9, "dog": 0.1}}}
    write_timeline_settings(own, how)
    reference = Timeline((Event("dog", 1.0, 2.0),), "a.wav", 3.0)
    write_timeline("annotations/a.json", reference)
    command = ("talks/a.wav", "--annotations", "annotations", "--model", own, "--output", own)
    status, _, err = aed("tune", *command, "--classes", "dog")
    assert status == 0, err
    onset = json.loads((own / "timeline.json").read_text())["post_processing"]["onset"]
    assert (onset["siren"], onset["Crying, sobbing"]) == (0.9, 0.5)
