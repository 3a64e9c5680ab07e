"""Sound events and their times.

Needs neither torch nor SpeechBrain.
"""

import math
from typing import NamedTuple


class _Event(NamedTuple):
    label: str
    onset: float
    offset: float
    score: float | None = None


class Event(_Event):
    """Something that is heard from an onset to an offset.

    Parameters
    ----------
    label : str
        What is heard.
    onset, offset : float
        Seconds from the start of the recording; `0 <= onset <= offset`.
    score : float, optional
        The probability of its most certain moment, in [0, 1]; `None` where nobody said one, as in
        a person's annotation.

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
