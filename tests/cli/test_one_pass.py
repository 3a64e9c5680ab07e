"""A timeline's walk enters each part once: decoding, rounding, planning, detecting."""

import pytest

from aed_plugins.audio import read_info

COUNTED = (
    "aed_plugins.pretrained.building.check_tagger",
    "aed_plugins.detection.settings.plan_windows",
    "aed_plugins.inference.recordings.read_blocks",
    "aed_plugins.inference.recording_tagger.EventStream",
)
ROUNDED = ("aed_plugins.inference.recordings.quantize", "aed_plugins.detection.stream.quantize")


@pytest.fixture
def counts(monkeypatch):
    """Count the calls of functions, and the samples that are rounded, while they work as ever."""
    calls = dict.fromkeys((*COUNTED, "samples"), 0)

    def count(path, amount):
        module, _, name = path.rpartition(".")
        real = getattr(__import__(module, fromlist=[name]), name)

        def counted(*given, **options):
            what, number = amount(path, *given)
            calls[what] += number
            return real(*given, **options)

        monkeypatch.setattr(path, counted)

    for path in COUNTED:
        count(path, lambda path, *_: (path, 1))
    for path in ROUNDED:
        count(path, lambda _, samples: ("samples", len(samples)))
    return calls


@pytest.mark.parametrize(
    "command",
    [
        ("timeline", "talks/a.wav", "--output", "a.csv"),
        ("timeline", "talks/a.wav", "--window", "2", "--hop", "0.5", "--output", "a.csv"),
        ("summary", "talks/a.wav"),
        ("report", "talks/a.wav", "--output", "a.html"),
    ],
)
def test_each_part_is_entered_once(aed, folder, model, counts, command):
    assert aed(*command, "--model", model)[0] == 0
    samples = round(read_info("talks/a.wav").duration * 8000)
    assert counts == dict.fromkeys(COUNTED, 1) | {"samples": samples}
