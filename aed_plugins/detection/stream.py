"""Events of a recording in one pass: from samples to windows, probabilities and events."""

from collections.abc import Callable, Sequence

import numpy.typing as npt

from aed_plugins.audio import Resampler, check_duration, quantize, to_mono
from aed_plugins.core import Event, FloatArray, Grid
from aed_plugins.detection.event_detector import EventDetector
from aed_plugins.detection.post_processing import PostProcessing
from aed_plugins.detection.windows import FrameStream, Windows


class EventStream:
    """Takes samples at the model's rate and returns the events that are over.

    Parameters
    ----------
    model : callable
        Takes `(batch, sample)`; gives probabilities, as for `FrameStream`.
    windows : Windows
        How to cut the samples.
    labels : sequence of str
        The classes, in the order of the model's values.
    post_processing : PostProcessing
        How probabilities become events.
    on_probabilities : callable, optional
        Called with the probabilities `(frame, class)` as they become certain, such as to draw them.

    Attributes
    ----------
    grid : Grid
        Where the frames are.

    Examples
    --------
    >>> import numpy as np
    >>> windows = Windows(8000, 8000, Grid(8000, 8000), 1, 1, batch_size=1)
    >>> loud = lambda batch: np.abs(batch).max(1, keepdims=True)
    >>> stream = EventStream(loud, windows, ["loud"], PostProcessing())
    >>> stream.push(np.repeat(np.float32([0, 0.75, 0]), 8000))
    [Event(label='loud', onset=1.0, offset=2.0, score=0.75)]
    >>> stream.finish(), stream.duration
    ([], 3.0)
    """

    def __init__(
        self,
        model: Callable[[FloatArray], FloatArray],
        windows: Windows,
        labels: Sequence[str],
        post_processing: PostProcessing,
        on_probabilities: Callable[[FloatArray], None] | None = None,
    ) -> None:
        self.grid: Grid = windows.grid
        self._frames = FrameStream(model, windows, len(labels))
        self._detector = EventDetector(labels, windows.grid, post_processing)
        self._on_probabilities = on_probabilities

    @property
    def duration(self) -> float:
        """Seconds that came so far, in whole samples at the model's rate."""
        return self._frames.samples / self.grid.sample_rate

    def push(self, samples: FloatArray) -> list[Event]:
        """Take the next samples; return the events that became certain, in that order.

        Parameters
        ----------
        samples : ndarray
            `(sample,)`, float32, mono, at the model's rate, rounded to 16 bits as in training.
        """
        return self._detect(self._frames.push(samples))

    def finish(self) -> list[Event]:
        """Return the events that are left at the end of the recording.

        Raises
        ------
        InputError
            If the recording was shorter than 0.05 s.
        """
        check_duration(self.duration)
        events = self._detect(self._frames.finish())
        return events + self._detector.finish(self.duration)

    def _detect(self, frames: FloatArray) -> list[Event]:
        if self._on_probabilities is not None and len(frames):
            self._on_probabilities(frames)
        return self._detector.push(frames)


class TimelineStream:
    """Takes the samples of a recording that is still going on and returns the events that are over.

    However the samples are cut, the events are the same, to the last sample and bit. A sample can
    change an event no longer than a batch of windows, the median filter and a gap that could still
    be closed after it.

    Parameters
    ----------
    events : EventStream
        Detects at the model's rate.
    sample_rate : int, optional
        Of the samples to come, in hertz; by default the model's.

    Attributes
    ----------
    sample_rate : int
        Of the samples to come.
    """

    def __init__(self, events: EventStream, sample_rate: int | None = None) -> None:
        model_rate = events.grid.sample_rate
        self.sample_rate = model_rate if sample_rate is None else sample_rate
        self._events = events
        self._resampler = Resampler(self.sample_rate, model_rate)
        self._finished = False

    @property
    def grid(self) -> Grid:
        """Where the frames are."""
        return self._events.grid

    @property
    def duration(self) -> float:
        """Seconds that came so far, in whole samples at the model's rate."""
        return self._events.duration

    def push(self, samples: npt.ArrayLike) -> list[Event]:
        """Take the next samples.

        Parameters
        ----------
        samples : array_like
            `(sample,)` or `(sample, channel)`, floats in [-1, 1] or int16; channels are averaged,
            and what a model gets is rounded to 16 bits, as in training.

        Returns
        -------
        list of Event
            Those that became certain, in that order.

        Raises
        ------
        ValueError
            If the shape or the type is another, a sample is not finite, or the stream is finished.
        """
        if self._finished:
            raise ValueError("the stream is finished: make another for another recording")
        return self._events.push(quantize(self._resampler.push(to_mono(samples))))

    def finish(self) -> list[Event]:
        """Return the events that are left at the end of the recording.

        Raises
        ------
        InputError
            If the recording was shorter than 0.05 s.
        """
        if self._finished:
            return []
        self._finished = True
        events = self._events.push(quantize(self._resampler.finish()))
        return events + self._events.finish()
