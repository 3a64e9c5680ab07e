"""What a page or a picture shows of one recording."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aed_plugins.core import Event
from aed_plugins.metrics import LabelDuration

# Seven colors that stay apart for people who see two of the three primaries (Machado 2009; the
# nearest two are 16 CIELAB units apart), each with a contrast of 3 and more to the ground: white,
# and the dark page's #171b21. The eighth class and later ones repeat them with stripes.
LIGHT_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#332288", "#6B1A0E", "#3F4A54")
DARK_COLORS = ("#56B4E9", "#F0863C", "#A6F0B4", "#F7B6DC", "#AD74FF", "#FB5663", "#FEE657")


@dataclass(frozen=True, eq=False)
class RecordingReport:
    """What a page or a picture shows of one recording.

    Parameters
    ----------
    name : str
        What it is called; any text.
    path : Path
        The recording itself.
    duration : float
        Its length in seconds, above 0.
    labels : list of str
        The lanes to show, from top to bottom, each once.
    curves : ndarray
        `(label, column)`, uint8: the largest probability within each column, times 255.
    column_length : float
        Seconds per column.
    events : list of Event
        The detected events; each label has a lane.
    spectrogram : ndarray
        `(mel, column)`, uint8, low frequencies first; 0 is quiet and 255 loud.
    spectrogram_column_length : float
        Seconds per column of the spectrogram.
    mel_frequencies : list of tuple
        Marks for the frequency axis: (row of the spectrogram, hertz).
    durations : list of LabelDuration
        In the order to show; each label has a lane.
    thresholds : dict of str to float
        The probability from which a class counts as present, by label. A lane may have none.
    hidden : int
        How many detected classes have no lane.

    Raises
    ------
    ValueError
        If the parts do not fit together.

    Examples
    --------
    >>> entry = LabelDuration("dog", 1.0, 0.5, 1, (0.4, 1.6), (0.2, 0.8), (0.5, 2.0))
    >>> report = RecordingReport(
    ...     name="garden",
    ...     path=Path("garden.wav"),
    ...     duration=2.0,
    ...     labels=["dog"],
    ...     curves=np.array([[10, 250, 240, 0]], np.uint8),
    ...     column_length=0.5,
    ...     events=[Event("dog", 0.5, 1.5, 0.98)],
    ...     spectrogram=np.zeros((64, 200), np.uint8),
    ...     spectrogram_column_length=0.01,
    ...     mel_frequencies=[(0, 60.0), (63, 7800.0)],
    ...     durations=[entry],
    ...     thresholds={"dog": 0.5},
    ... )
    >>> report.labels
    ['dog']
    """

    name: str
    path: Path
    duration: float
    labels: list[str]
    curves: npt.NDArray[np.uint8]
    column_length: float
    events: list[Event]
    spectrogram: npt.NDArray[np.uint8]
    spectrogram_column_length: float
    mel_frequencies: list[tuple[int, float]]
    durations: list[LabelDuration]
    thresholds: dict[str, float]
    hidden: int = 0

    def __post_init__(self) -> None:
        for field in ("duration", "column_length", "spectrogram_column_length"):
            seconds = getattr(self, field)
            if not 0 < seconds < math.inf:
                raise ValueError(f"expected {field} above 0 seconds, got {seconds}")
        for field in ("curves", "spectrogram"):
            values = getattr(self, field)
            if values.dtype != np.uint8 or values.ndim != 2:
                raise ValueError(
                    f"expected {field} to be uint8 with 2 axes, got {values.dtype} {values.shape}"
                )
        if len(self.curves) != len(self.labels):
            raise ValueError(
                f"expected a curve for each of {len(self.labels)} labels, got {len(self.curves)}"
            )
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"expected every label once, got {self.labels}")
        shown = {event.label for event in self.events} | {entry.label for entry in self.durations}
        unknown = sorted((shown | set(self.thresholds)) - set(self.labels))
        if unknown:
            raise ValueError(f"expected labels among {self.labels}, got {unknown[0]!r}")


def collect_labels(recordings: Sequence[RecordingReport]) -> list[str]:
    """Give the labels of all recordings as they first come; a class's place is its color.

    Parameters
    ----------
    recordings : sequence of RecordingReport
        What is shown together.

    Returns
    -------
    list of str
        Each label once.
    """
    return list(dict.fromkeys(label for recording in recordings for label in recording.labels))


def format_duration(seconds: float) -> str:
    """Say a length of time as a person would.

    Parameters
    ----------
    seconds : float
        At least 0.

    Returns
    -------
    str
        Tenths up to a minute, whole seconds up to an hour, whole minutes above.

    Examples
    --------
    >>> format_duration(4.25), format_duration(279.3), format_duration(7500)
    ('4.2 s', '4 min 39 s', '2 h 5 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = int(seconds + 0.5)  # as the page does
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = int(seconds / 60 + 0.5)
    return f"{minutes // 60} h {minutes % 60} min"
