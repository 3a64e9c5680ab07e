"""Events of a recording while it is still going on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from aed_plugins.audio import as_in_training
from aed_plugins.detection import EventDetector
from aed_plugins.errors import InputError
from aed_plugins.post_processing import PostProcessing
from aed_plugins.timeline import Event
from aed_plugins.windows import CellStream, Floats, Steps, Windows, plan_windows

MOST_CHANNELS = 64  # more are samples in the place of channels
SHORTEST = 0.05  # seconds: less holds no sound event, and hardly a frame


@dataclass(frozen=True)
class TimelineSettings:
    """How a time line is made: windows, then post-processing.

    Attributes
    ----------
    window_length : float
        Seconds that the model hears at a time. 1 s is the paper's.
    hop_length : float, optional
        Seconds from one window to the next; by default the window's length.
    resolution : {"window", "step"}
        Whether a window is judged as a clip, or each of the encoder's own steps in it.
    batch_size : int, optional
        Windows judged together; by default about half a minute of sound.
    post_processing : PostProcessing
        How probabilities become events.

    Raises
    ------
    InputError
        If a value is of another type.

    Examples
    --------
    >>> settings = TimelineSettings(2.0, 0.5, post_processing=PostProcessing(onset=0.3))
    >>> TimelineSettings.from_dict(settings.to_dict()) == settings
    True
    """

    window_length: float = 1.0
    hop_length: float | None = None
    resolution: str = "window"
    batch_size: int | None = None
    post_processing: PostProcessing = field(default_factory=PostProcessing)

    def __post_init__(self) -> None:
        for name in ("window_length", "hop_length"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number and not (value is None and name == "hop_length"):
                raise InputError(f"expected {name} in seconds, got {value!r}")
        if self.batch_size is not None and type(self.batch_size) is not int:
            raise InputError(f"expected a whole number as batch_size, got {self.batch_size!r}")

    def windows(self, steps: Steps) -> Windows:
        """Lay the windows for a model.

        Parameters
        ----------
        steps : Steps
            The model's own.

        Raises
        ------
        InputError
            If a value cannot be.
        """
        return plan_windows(
            steps, self.window_length, self.hop_length, self.resolution, self.batch_size
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the settings as JSON has them; `from_dict` reads them back."""
        return asdict(self) | {"post_processing": self.post_processing.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "TimelineSettings":
        """Make settings of what `to_dict` gave.

        Parameters
        ----------
        content : mapping
            Missing values have their defaults.

        Raises
        ------
        InputError
            If there is something else in it.
        """
        known = [entry.name for entry in fields(cls)]
        unknown = [name for name in content if name not in known]
        if unknown:
            raise InputError(f"expected settings of {', '.join(known)}, got {unknown[0]!r}")
        given = dict(content)
        how = given.get("post_processing", {})
        if not isinstance(how, Mapping):
            raise InputError(f"expected post_processing to be settings by name, got {how!r}")
        given["post_processing"] = PostProcessing.from_dict(how)
        return cls(**given)


class TimelineStream:
    """Takes samples as they come and gives the events that are over.

    However the samples are cut, the events are the same, to the last sample and bit. A sample can
    change an event no longer than a batch of windows, the median filter and a gap that could still
    be closed after it.

    Parameters
    ----------
    model : callable
        Takes `(batch, sample)`; gives probabilities, as `CellStream` wants them.
    steps : Steps
        The model's own; its sample rate.
    labels : sequence of str
        The classes, in the order of the model's values.
    settings : TimelineSettings
        Windows and post-processing.
    sample_rate : int, optional
        Of the samples to come, in hertz; by default the model's.
    watch : callable, optional
        Is given the probabilities `(cell, class)` as they become certain, to draw them, say.

    Attributes
    ----------
    grid : Grid
        Where the cells are.

    Examples
    --------
    >>> steps = Steps(sample_rate=8000, length=256, first_centre=0)
    >>> loud = lambda batch: np.abs(batch).max(1, keepdims=True)
    >>> stream = TimelineStream(loud, steps, ["loud"], TimelineSettings(batch_size=1))
    >>> stream.push(np.repeat(np.float32([0, 0.75, 0]), 8000))
    [Event(label='loud', onset=1.0, offset=2.0, score=0.75)]
    >>> stream.finish()
    []
    >>> stream.duration
    3.0
    """

    def __init__(
        self,
        model: Callable[[Floats], Floats],
        steps: Steps,
        labels: Sequence[str],
        settings: TimelineSettings,
        sample_rate: int | None = None,
        watch: Callable[[Floats], None] | None = None,
    ) -> None:
        windows = settings.windows(steps)
        self.grid = windows.grid
        self.sample_rate = steps.sample_rate if sample_rate is None else sample_rate
        self._cells = CellStream(model, windows, len(labels))
        self._detector = EventDetector(labels, windows.grid, settings.post_processing)
        self._watch = watch
        self._finished = False
        self._resampler = None
        if self.sample_rate != steps.sample_rate:
            rates = (self.sample_rate, steps.sample_rate)
            self._resampler = soxr.ResampleStream(*rates, 1, "float32", "HQ")

    @property
    def duration(self) -> float:
        """Seconds that were heard, in whole samples at the model's rate."""
        return self._cells.samples / self.grid.sample_rate

    def push(self, samples: npt.ArrayLike) -> list[Event]:
        """Take the next samples.

        Parameters
        ----------
        samples : array_like
            `(sample,)` or `(sample, channel)`, in [-1, 1]; channels are averaged, and what a
            model gets is rounded to 16 bits, as in training.

        Returns
        -------
        list of Event
            Those that became certain, in that order.

        Raises
        ------
        ValueError
            If the shape or the type is another, a sample is not finite, or the stream is finished.
        """
        given = np.asarray(samples)
        if self._finished:
            raise ValueError("the stream is finished: make another for another recording")
        if given.ndim not in {1, 2} or (given.ndim == 2 and given.shape[1] > MOST_CHANNELS):
            raise ValueError(f"expected (sample,) or (sample, channel), got shape {given.shape}")
        if given.size and not np.issubdtype(given.dtype, np.floating):
            raise ValueError(
                f"expected floats in [-1, 1], got {given.dtype}: divide 16-bit samples by 32768"
            )
        given = given.astype(np.float32, copy=False)
        mono = given if given.ndim == 1 else sum(given.T) / np.float32(given.shape[1])
        if not np.isfinite(mono).all():
            raise ValueError("expected finite samples, got NaN or infinite ones")
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono)
        return self._detect(self._cells.push(as_in_training(mono)))

    def finish(self) -> list[Event]:
        """Give the events that are left at the end of the recording.

        Raises
        ------
        InputError
            If the recording was shorter than 0.05 s.
        """
        if self._finished:
            return []
        self._finished = True
        events: list[Event] = []
        if self._resampler is not None:
            rest = self._resampler.resample_chunk(np.empty(0, np.float32), last=True)
            events += self._detect(self._cells.push(as_in_training(rest)))
        check_duration(self.duration)
        events += self._detect(self._cells.finish())
        return events + self._detector.finish(self.duration)

    def _detect(self, cells: Floats) -> list[Event]:
        if self._watch is not None and len(cells):
            self._watch(cells)
        return self._detector.push(cells)


def check_duration(duration: float) -> None:
    """Refuse a recording that is too short to hear anything in.

    Parameters
    ----------
    duration : float
        Seconds.

    Raises
    ------
    InputError
        If it lasts less than 0.05 s.

    Examples
    --------
    >>> check_duration(0.01)
    Traceback (most recent call last):
    aed_plugins.errors.InputError: expected 0.05 s of sound or more, got 0.01 s; leave it out
    """
    if duration < SHORTEST:
        raise InputError(
            f"expected {SHORTEST} s of sound or more, got {duration:g} s; leave it out"
        )
