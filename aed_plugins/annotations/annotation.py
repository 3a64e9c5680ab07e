"""What an annotation file says: the events of one recording."""

import math
import re
from dataclasses import dataclass

from aed_plugins.core import Event, InputError

# Source: XML 1.0, production 2 (Char). One rule for all formats, so that what can be written in one
# can be written in every other; UTF-8 holds all of these.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Annotation:
    """The events of one recording.

    Parameters
    ----------
    events : iterable of Event
        Kept as a tuple in the order of onset, then offset, label and score, with times and scores
        as Python floats. They may overlap. A label has at least one visible character and no
        control characters but tabs and line ends.
    recording : str
        The audio file's name, without folders; empty where it is not known.
    duration : float, optional
        Seconds; `None` where it is not known. An event may end later: it is not cut.

    Raises
    ------
    InputError
        If a label is blank, a label or the recording's name has characters that text files do not
        hold, or the duration is negative or not finite.

    Examples
    --------
    >>> annotation = Annotation([Event("dog", 2, 3), Event("siren", 0.5, 4, 0.9)], "street.wav")
    >>> [event.label for event in annotation.events], annotation.duration
    (['siren', 'dog'], None)
    >>> Annotation([Event(" ", 2, 3)], "street.wav")
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: expected a label, got ' '
    """

    events: tuple[Event, ...]
    recording: str = ""
    duration: float | None = None

    def __post_init__(self) -> None:
        check_text(self.recording, "recording's name")
        events = sorted(map(_plain, self.events), key=_place)
        for event in events:
            check_label(event.label)
        object.__setattr__(self, "events", tuple(events))
        if self.duration is not None:
            if not 0 <= self.duration < math.inf:
                raise InputError(f"expected a duration of 0 s or more, got {self.duration}")
            object.__setattr__(self, "duration", float(self.duration) + 0.0)


def check_label(label: str) -> None:
    """Refuse a label that not every format could hold.

    Parameters
    ----------
    label : str
        Any text with a visible character in it.

    Raises
    ------
    InputError
        If it is blank or has a control character other than a tab or a line end.
    """
    if not label.strip():
        raise InputError(f"expected a label, got {label!r}")
    check_text(label, "label")


def check_text(text: str, what: str) -> None:
    """Refuse characters that text files do not hold.

    Parameters
    ----------
    text : str
        What is to be written.
    what : str
        What it is, for the message.

    Raises
    ------
    InputError
        If there is one.
    """
    if found := _FORBIDDEN.search(text):
        raise InputError(f"expected a {what} of printable characters, got {found[0]!r} in {text!r}")


def _plain(event: Event) -> Event:
    """Turn NumPy's numbers and -0.0 into what `repr` and JSON write as everyone reads them."""
    score = None if event.score is None else float(event.score) + 0.0
    return Event(event.label, float(event.onset) + 0.0, float(event.offset) + 0.0, score)


def _place(event: Event) -> tuple[float, float, str, float]:
    return event.onset, event.offset, event.label, -1.0 if event.score is None else event.score
