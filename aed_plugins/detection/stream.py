"""Detection of events in a recording while it is still going on."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import soxr

from aed_plugins.audio import check_duration, quantize
from aed_plugins.core import Event, FloatArray, Steps
from aed_plugins.detection.event_detector import EventDetector
from aed_plugins.detection.settings import TimelineSettings
from aed_plugins.detection.windows import (
    FrameStream,
)

MOST_CHANNELS = 64  # an array with more has its axes the wrong way round


class TimelineStream:
    """Takes samples as they come and returns the events that are over.

    However the samples are cut, the events are the same, to the last sample and bit. A sample can
    change an event no longer than a batch of windows, the median filter and a gap that could still
    be closed after it.

    Parameters
    ----------
    model : callable
        Takes `(batch, sample)`; gives probabilities, as for `FrameStream`.
    steps : Steps
        The model's own; its sample rate.
    labels : sequence of str
        The classes, in the order of the model's values.
    settings : TimelineSettings
        Windows and post-processing.
    sample_rate : int, optional
        Of the samples to come, in hertz; by default the model's.
    watch : callable, optional
        Called with the probabilities `(frame, class)` as they become certain, such as to draw them.

    Attributes
    ----------
    grid : Grid
        Where the frames are.

    Examples
    --------
    >>> steps = Steps(sample_rate=8000, length=256, first_center=0)
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
        model: Callable[[FloatArray], FloatArray],
        steps: Steps,
        labels: Sequence[str],
        settings: TimelineSettings,
        sample_rate: int | None = None,
        watch: Callable[[FloatArray], None] | None = None,
    ) -> None:
        windows = settings.windows(steps)
        self.grid = windows.grid
        self.sample_rate = steps.sample_rate if sample_rate is None else sample_rate
        self._frames = FrameStream(model, windows, len(labels))
        self._detector = EventDetector(labels, windows.grid, settings.post_processing)
        self._watch = watch
        self._finished = False
        self._resampler = None
        if self.sample_rate != steps.sample_rate:
            rates = (self.sample_rate, steps.sample_rate)
            self._resampler = soxr.ResampleStream(*rates, 1, "float32", "HQ")

    @property
    def duration(self) -> float:
        """Seconds that came so far, in whole samples at the model's rate."""
        return self._frames.samples / self.grid.sample_rate

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
        return self._detect(self._frames.push(quantize(mono)))

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
        events: list[Event] = []
        if self._resampler is not None:
            rest = self._resampler.resample_chunk(np.empty(0, np.float32), last=True)
            events += self._detect(self._frames.push(quantize(rest)))
        check_duration(self.duration)
        events += self._detect(self._frames.finish())
        return events + self._detector.finish(self.duration)

    def _detect(self, frames: FloatArray) -> list[Event]:
        if self._watch is not None and len(frames):
            self._watch(frames)
        return self._detector.push(frames)
