"""What is shown of a recording."""

from pathlib import Path

import numpy as np
import pytest
from recording_report import duration_of, report

from aed_plugins.core import Event
from aed_plugins.report.recording import DARK_COLORS, LIGHT_COLORS, collect_labels, format_duration


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"duration": -1.0}, "duration above 0 seconds, got -1.0"),
        ({"column_length": np.inf}, "column_length above 0"),
        ({"curves": np.zeros((2, 40))}, "curves to be uint8 with 2 axes, got float64"),
        ({"curves": np.zeros((3, 40), np.uint8)}, "curve for each of 2 labels, got 3"),
        ({"events": [Event("cat", 0, 1)]}, "got 'cat'"),
        ({"durations": [duration_of("cow")]}, "got 'cow'"),
        ({"thresholds": {"pig": 0.5}}, "got 'pig'"),
        ({"labels": ["dog", "dog"]}, "every label once"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        report(Path("a.wav"), **wrong)


def test_a_class_keeps_its_color_in_every_recording():
    first = report(Path("a.wav"), labels=("dog", "rain"))
    second = report(Path("b.wav"), labels=("cat", "dog"))
    assert collect_labels([first, second]) == ["dog", "rain", "cat"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3599.4, "59 min 59 s"),
        (7199, "2 h 0 min"),
    ],
)
def test_lengths_of_time_never_show_60(seconds, words):
    assert format_duration(seconds) == words


def luminance(color):
    levels = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize(("colors", "ground"), [(LIGHT_COLORS, 1.0), (DARK_COLORS, 0.0107)])
def test_every_color_stands_out_from_its_ground(colors, ground):
    for color in colors:
        low, high = sorted((luminance(color), ground))
        assert (high + 0.05) / (low + 0.05) >= 3
