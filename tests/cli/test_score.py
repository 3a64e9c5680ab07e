"""`aed score`: metrics against annotations."""

import json

import pytest

from aed_plugins.annotations import write_timeline
from aed_plugins.core import Event, Timeline


def test_score_compares_with_annotations_of_any_format(aed, folder):
    found = (Event("Applause", 0.0, 2.0, 0.9), Event("dog", 3.1, 4.0, 0.8), Event("cat", 0.0, 9.0))
    write_timeline("found/a.json", Timeline(found, "a.wav", 10.0))
    reference = (Event("Clapping", 0.0, 2.0), Event("dog", 3.0, 5.0))
    write_timeline("reference/a.TextGrid", Timeline(reference, "a.wav", 10.0))
    arguments = ("found", "--reference", "reference", "--format", "json")
    status, out, _ = aed("score", *arguments, "--rename", "Applause=Clapping")
    metrics = json.loads(out)
    assert status == 0
    assert metrics["segments"]["micro_f1"] == pytest.approx(6 / 7)  # 3 of 3 found, 3 of 4 there
    assert metrics["events"]["micro_f1"] == 1.0
    metrics = json.loads(aed("score", *arguments)[1])
    assert metrics["segments"]["micro_f1"] == pytest.approx(2 / 5)
    status, out, _ = aed("score", "found/a.json", "--reference", "reference/a.TextGrid")
    assert out.splitlines()[1].split() == ["Clapping", "1", *["0.000"] * 4]
    status, _, err = aed("score", "found", "--reference", "nowhere")
    assert status == 1
    assert "nowhere" in err


def test_score_names_an_annotation_without_timeline(aed, folder):
    dog = (Event("dog", 0.0, 2.0, 0.9),)
    write_timeline("found/a.json", Timeline(dog, "a.wav", 10.0))
    for name in ("a", "deep/b"):
        write_timeline(f"reference/{name}.csv", Timeline(dog, "a.wav", 10.0))
    status, out, err = aed("score", "found", "--reference", "reference")
    assert status == 1
    assert err == "not evaluated: reference/deep/b.csv has no counterpart\n"
    assert out.splitlines()[1].split() == ["dog", "1", *["1.000"] * 4]
