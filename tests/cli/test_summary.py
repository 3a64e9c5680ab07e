"""`aed summary`: durations of recordings and of annotations."""

import csv
import io
import json

import pytest

from aed_plugins.annotations import write_timeline
from aed_plugins.core import Event, Timeline


def test_summary_of_recordings_is_that_of_their_timelines(aed, folder, model):
    (folder / "talks/bad.wav").unlink()
    _, direct, _ = aed("summary", "talks", "--model", model, "--format", "json")
    aed("timeline", "talks", "--model", model, "--format", "json", "--output", "lines")
    _, read, _ = aed("summary", "lines", "--format", "json")
    content = json.loads(direct)
    present = [row for row in content["classes"] if row["events"]]
    assert content["recordings"] == 2
    assert content["seconds"] == 7.5
    key = lambda row: row["label"]  # noqa: E731
    assert sorted(json.loads(read)["classes"], key=key) == sorted(present, key=key)


def test_summary_keeps_timelines_and_goes_on_from_them(aed, folder, model):
    (folder / "talks/bad.wav").unlink()
    command = ("summary", "talks", "--model", model, "--timelines", "kept", "--format", "csv")
    aed(*command)
    mine = Timeline((Event("dog", 0.0, 2.5, 0.9),), "a.wav", 3.0)
    write_timeline("kept/a.json", mine)
    write_timeline("kept/deep/ü b.json", Timeline((), "ü b.flac", 4.5))
    _, out, _ = aed(*command)
    rows = {row["class"]: row for row in csv.DictReader(io.StringIO(out))}
    assert rows["dog"]["seconds"] == "2.5"
    assert float(rows["dog"]["fraction"]) == pytest.approx(2.5 / 7.5)
    assert rows["siren"]["events"] == "0"


def test_summary_of_annotations_needs_their_duration(aed, folder):
    write_timeline("a.csv", Timeline((Event("dog", 0.0, 1.0),), "a.wav"))
    status, _, err = aed("summary", "a.csv")
    assert status == 1
    assert "a.csv: expected an annotation with the recording's duration" in err
