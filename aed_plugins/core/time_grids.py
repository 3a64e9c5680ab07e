"""Time grids: equal frames along a recording, so that seconds are computed in one place."""

import math
from dataclasses import dataclass
from typing import NamedTuple


class Grid(NamedTuple):
    """Equal frames along a recording, in whole samples, so that seconds are computed in one place.

    Attributes
    ----------
    sample_rate : int
        Hertz.
    frame_samples : int
        Samples of a frame.
    origin_samples : int
        Where frame 0 begins; below 0 where the middle of the first frame is the recording's start.

    Examples
    --------
    >>> grid = Grid(sample_rate=16000, frame_samples=8000, origin_samples=-4000)
    >>> grid.edge(0), grid.edge(3), grid.frame_length
    (0.0, 1.25, 0.5)
    >>> grid.edge(3, duration=1.1)
    1.1
    """

    sample_rate: int
    frame_samples: int
    origin_samples: int = 0

    @property
    def frame_length(self) -> float:
        """Seconds of a frame."""
        return self.frame_samples / self.sample_rate

    def edge(self, frame: int, duration: float = math.inf) -> float:
        """Return the seconds at which a frame begins, within the recording.

        Parameters
        ----------
        frame : int
            Its number; the edge of the one after the last is where the last one ends.
        duration : float
            Seconds of the recording, where it is known.
        """
        samples = self.origin_samples + frame * self.frame_samples
        return min(max(samples, 0) / self.sample_rate, duration)


@dataclass(frozen=True)
class Steps:
    """Where a model's own steps lie, in samples.

    Attributes
    ----------
    sample_rate : int
        Hertz.
    length : int
        From one step to the next.
    first_center : int
        The middle of step 0.
    context : int
        Samples that a step's last spectrogram frame needs beyond the step's own: 0 for centered
        frames.
    repeat_to : int
        Samples that the model fills with a window that has fewer; 0 where it does not.
    """

    sample_rate: int
    length: int
    first_center: int
    context: int = 0
    repeat_to: int = 0
