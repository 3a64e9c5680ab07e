import numpy as np
import pytest

from aed_plugins.core import Event, InputError, Timeline


def test_events_are_sorted_and_hold_plain_floats():
    late = Event("dog", np.float32(2), np.float32(2.5), np.float32(0.5))
    timeline = Timeline([late, Event("cat", -0.0, 9, None), Event("dog", 2, 2.5)], duration=9)
    assert timeline.events == (Event("cat", 0, 9), Event("dog", 2, 2.5), Event("dog", 2, 2.5, 0.5))
    assert repr(timeline.events[0].onset) == "0.0"
    assert {type(value) for value in timeline.events[2][1:]} == {float}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([Event("\n", 0, 1)],), r"expected a label, got '\\n'"),
        (([Event("a\x00b", 0, 1)],), r"expected a label of printable characters, got '\\x00'"),
        (([Event("\ud800", 0, 1)],), r"expected a label of printable characters, got '\\ud800'"),
        (([], "a\x1b.wav"), r"expected a recording's name of printable characters"),
        (([], "a.wav", float("inf")), r"expected a duration of 0 s or more, got inf"),
    ],
)
def test_what_no_format_could_hold_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Timeline(*arguments)
