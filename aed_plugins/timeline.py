"""When something is heard: events, and the cells that a recording is divided into.

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


class Grid(NamedTuple):
    """Equal cells along a recording, in whole samples, so that seconds are computed in one place.

    Attributes
    ----------
    sample_rate : int
        Hertz.
    cell_samples : int
        Samples of a cell.
    origin_samples : int
        Where cell 0 begins; below 0 where the middle of the first cell is the recording's start.

    Examples
    --------
    >>> grid = Grid(sample_rate=16000, cell_samples=8000, origin_samples=-4000)
    >>> grid.edge(0), grid.edge(3), grid.cell_length
    (0.0, 1.25, 0.5)
    >>> grid.edge(3, duration=1.1)
    1.1
    """

    sample_rate: int
    cell_samples: int
    origin_samples: int = 0

    @property
    def cell_length(self) -> float:
        """Seconds of a cell."""
        return self.cell_samples / self.sample_rate

    def edge(self, cell: int, duration: float = math.inf) -> float:
        """Give the seconds at which a cell begins, within the recording.

        Parameters
        ----------
        cell : int
            Its number; the edge of the one behind the last is where the last one ends.
        duration : float
            Seconds of the recording, where it is known.
        """
        samples = self.origin_samples + cell * self.cell_samples
        return min(max(samples, 0) / self.sample_rate, duration)
