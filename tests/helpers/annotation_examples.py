"""Events that are hard to write, and what is expected of malformed files."""

import pytest

from aed_plugins.annotations import read_timeline
from aed_plugins.core import Event, InputError, Timeline

# Overlaps of one label and of several, no length, no score, an awkward text.
EVENTS = (
    Event('Crying, "sobbing" <b>&amp; é日', 0.0, 1.5, 0.25),
    Event("dog", 0.5, 2.0, 0.9),
    Event("dog", 1.25, 3.0),
    Event("click", 1.5, 1.5),
    Event("dog", 3.0, 4.0, 1.0),
)
STREET = Timeline(EVENTS, "my street.wav", 10.0)
UNSCORED = tuple(event._replace(score=None) for event in EVENTS)


def assert_refused(path, content, message):
    """Expect that a file is refused in one line that begins with its name."""
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_timeline(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
