"""Events and timelines: which sound events occur in a recording, and when."""

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

from aed_plugins.core.errors import InputError

# Source: XML 1.0, production 2 (Char). One rule for all formats, so that what can be written in one
# can be written in every other; UTF-8 holds all of these.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Event(NamedTuple):
    label: str
    onset: float
    offset: float
    score: float | None = None


class Event(_Event):
    """A sound event: a class that is present from an onset to an offset.

    Parameters
    ----------
    label : str
        The class.
    onset, offset : float
        Seconds from the start of the recording; `0 <= onset <= offset`.
    score : float, optional
        Its highest probability, in [0, 1]; `None` where there is none, as in a person's
        annotation.

    Raises
    ------
    ValueError
        If the times are not finite or in the wrong order, or the score is not in [0, 1].

    Examples
    --------
    >>> event = Event("dog", 1.5, 2.25, 0.9)
    >>> event.duration
    0.75
    >>> Event("dog", 2.0, 1.0)
    Traceback (most recent call last):
    ValueError: expected 0 <= onset <= offset, got 2.0 and 1.0 for 'dog'
    """

    __slots__ = ()

    def __new__(  # noqa: D102  the class docstring describes it
        cls, label: str, onset: float, offset: float, score: float | None = None
    ) -> "Event":
        if not 0 <= onset <= offset < math.inf:
            raise ValueError(
                f"expected 0 <= onset <= offset, got {onset} and {offset} for {label!r}"
            )
        if score is not None and not 0 <= score <= 1:
            raise ValueError(f"expected a score in [0, 1], got {score} for {label!r}")
        return super().__new__(cls, label, onset, offset, score)

    @property
    def duration(self) -> float:
        """Seconds from onset to offset."""
        return self.offset - self.onset


@dataclass(frozen=True)
class Timeline:
    """The events of one recording, detected or annotated.

    Parameters
    ----------
    events : iterable of Event
        Stored as a tuple, sorted by onset, offset, label and score, with times and scores as Python
        floats. They may overlap. A label has at least one visible character and no control
        characters but tabs and line ends.
    recording : str
        The audio file's name, without folders; empty where it is not known.
    duration : float, optional
        Seconds; `None` where it is not known. An event may end later: it is not cut.

    Raises
    ------
    InputError
        If a label is blank, a label or the recording's name has characters that text files cannot
        hold, or the duration is negative or not finite.

    Examples
    --------
    >>> timeline = Timeline([Event("dog", 2, 3), Event("siren", 0.5, 4, 0.9)], "street.wav")
    >>> [event.label for event in timeline.events], timeline.duration
    (['siren', 'dog'], None)
    >>> Timeline([Event(" ", 2, 3)], "street.wav")
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: expected a label, got ' '
    """

    events: tuple[Event, ...]
    recording: str = ""
    duration: float | None = None

    def __post_init__(self) -> None:
        _check_text(self.recording, "recording's name")
        events = sorted(map(_plain, self.events), key=_sort_key)
        for event in events:
            check_label(event.label)
        object.__setattr__(self, "events", tuple(events))
        if self.duration is not None:
            if not 0 <= self.duration < math.inf:
                raise InputError(f"expected a duration of 0 s or more, got {self.duration}")
            object.__setattr__(self, "duration", float(self.duration) + 0.0)


def check_label(label: str) -> None:
    """Check that every annotation format can hold a label.

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
    _check_text(label, "label")


def _check_text(text: str, what: str) -> None:
    if found := _FORBIDDEN.search(text):
        raise InputError(f"expected a {what} of printable characters, got {found[0]!r} in {text!r}")


def _plain(event: Event) -> Event:
    """Turn NumPy's numbers and -0.0 into floats that `repr` and JSON write in the usual way."""
    score = None if event.score is None else float(event.score) + 0.0
    return Event(event.label, float(event.onset) + 0.0, float(event.offset) + 0.0, score)


def _sort_key(event: Event) -> tuple[float, float, str, float]:
    return event.onset, event.offset, event.label, -1.0 if event.score is None else event.score
