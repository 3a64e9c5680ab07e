"""A recording of any length as overlapping windows, and a model's values of them as frames.

Samples come in blocks of any size; where the windows lie, and which of them make a batch, depends
on their numbers alone. So the frames are the same, to the last bit, however the samples were cut.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aed_plugins.core import FloatArray, Grid, InputError, Steps

RESOLUTIONS = ("window", "step")
BATCH_SECONDS = 32.0  # of audio in a batch, unless a batch size is given


@dataclass(frozen=True)
class Windows:
    """Windows of a recording, and the frames that each of them covers.

    Attributes
    ----------
    samples, hop : int
        Samples of a window, and from one window to the next.
    grid : Grid
        The frames.
    frames_per_hop : int
        Frames from one window to the next.
    frames_per_window : int or None
        Frames that a window gives its one value to; None where each frame is a step of the model
        and has its own.
    batch_size : int
        Windows that go to the model together.
    """

    samples: int
    hop: int
    grid: Grid
    frames_per_hop: int
    frames_per_window: int | None
    batch_size: int

    @property
    def step_samples(self) -> int:
        """Samples of which a window's start must be a multiple; 1 where it may start anywhere."""
        return self.grid.frame_samples if self.frames_per_window is None else 1

    def last_start(self, samples: int) -> int:
        """Return the start of the window that ends with a recording longer than a window."""
        start = samples - self.samples
        return -(-start // self.step_samples) * self.step_samples


def plan_windows(
    steps: Steps,
    window_length: float,
    hop_length: float | None = None,
    resolution: str = "window",
    batch_size: int | None = None,
) -> Windows:
    """Lay windows over a recording.

    Parameters
    ----------
    steps : Steps
        The model's own.
    window_length : float
        Seconds; rounded to samples, at the resolution of steps to whole steps, two at least.
    hop_length : float, optional
        Seconds from one window to the next; the window must be a whole number of hops. By default
        the window's length: windows side by side.
    resolution : {"window", "step"}
        Whether the model predicts each window as a clip, the frames being as long as a hop, or each
        of its own steps.
    batch_size : int, optional
        Windows that go to the model together; by default about half a minute of audio.

    Raises
    ------
    InputError
        If one of these values is out of range.

    Examples
    --------
    The paper's segments of a second; and windows of two seconds every half second, four of which
    cover each frame of half a second:

    >>> steps = Steps(sample_rate=16000, length=11776, first_center=0)
    >>> plan_windows(steps, 1.0).grid.frame_length
    1.0
    >>> plan = plan_windows(steps, 2.0, 0.5)
    >>> plan.grid.frame_length, plan.frames_per_window, plan.batch_size
    (0.5, 4, 16)
    >>> plan_windows(steps, 10.0, 5.0, "step").grid.edge(1)
    0.368
    """
    hop_length = window_length if hop_length is None else hop_length
    if resolution not in RESOLUTIONS:
        raise InputError(f"expected a resolution of {' or '.join(RESOLUTIONS)}, got {resolution!r}")
    if not 0 < hop_length <= window_length < float("inf"):
        raise InputError(
            "expected a window longer than 0 s and a hop not longer than it,"
            f" got {window_length} s and {hop_length} s"
        )
    rate = steps.sample_rate
    if batch_size is None:
        batch_size = max(1, int(BATCH_SECONDS / max(window_length, steps.repeat_to / rate)))
    if batch_size < 1:
        raise InputError(f"expected a batch size of 1 or more, got {batch_size}")
    if resolution == "step":
        window = max(2, round(window_length * rate / steps.length))
        hop = min(window, max(1, round(hop_length * rate / steps.length)))
        grid = Grid(rate, steps.length, steps.first_center - steps.length // 2)
        samples = window * steps.length + steps.context
        return Windows(samples, hop * steps.length, grid, hop, None, batch_size)
    hop = round(hop_length * rate)
    frames = round(window_length / hop_length)
    if hop < 1 or abs(frames * hop - window_length * rate) > frames:
        raise InputError(
            "expected a window that is a whole number of hops,"
            f" got {window_length} s and {hop_length} s"
        )
    return Windows(frames * hop, hop, Grid(rate, hop), 1, frames, batch_size)


class FrameStream:
    """Cuts samples into windows, runs a model on them, and averages its values where they overlap.

    Parameters
    ----------
    model : callable
        Takes `(batch, sample)` float32; gives `(batch, step, value)` where each step has its own
        values, `(batch, value)` where a window has one.
    windows : Windows
        How to cut.
    size : int
        How many values there are.

    Examples
    --------
    A model that gives the mean of its window, in windows of two samples that overlap by one:

    >>> windows = Windows(2, 1, Grid(1, 1), frames_per_hop=1, frames_per_window=2, batch_size=8)
    >>> stream = FrameStream(lambda batch: batch.mean(1, keepdims=True), windows, size=1)
    >>> frames = [stream.push(np.array([1, 2, 3, 4], np.float32)), stream.finish()]
    >>> np.concatenate(frames).ravel().tolist()
    [1.5, 2.0, 3.0, 3.5]
    """

    def __init__(
        self, model: Callable[[FloatArray], FloatArray], windows: Windows, size: int
    ) -> None:
        self.model = model
        self.windows = windows
        self.samples = 0  # that came
        # From the start of the next window on, and what the last window may need before it.
        self._buffer: FloatArray = np.empty(0, np.float32)
        self._buffer_start = 0
        self._next_start = 0  # of the next window
        self._batch: list[FloatArray] = []
        self._first_frame = 0  # of the next batch
        self._mean = _OverlapMean(size)

    def push(self, samples: FloatArray) -> FloatArray:
        """Take samples `(sample,)`; return the frames `(frame, value)` that are certain."""
        self.samples += len(samples)
        self._buffer = np.concatenate([self._buffer, samples.astype(np.float32, copy=False)])
        frames = []
        while (end := self._next_start + self.windows.samples) <= self.samples:
            self._batch.append(self._window(self._next_start, end))
            self._next_start += self.windows.hop
            if len(self._batch) >= self.windows.batch_size:
                frames.append(self._run_batch())
        self._trim_buffer()
        return np.concatenate(frames) if frames else self._mean.pop(0)

    def finish(self) -> FloatArray:
        """Return the frames that are left at the end of the recording."""
        frames = [self._run_batch()] if self._batch else []
        last_start = self._next_start - self.windows.hop
        covered = last_start + self.windows.samples if self._next_start else 0
        if covered < self.samples:
            frames.append(self._run_rest())
        frames.append(self._mean.pop(self._mean.end))
        return np.concatenate(frames)

    def _window(self, start: int, end: int) -> FloatArray:
        return self._buffer[start - self._buffer_start : end - self._buffer_start].copy()

    def _trim_buffer(self) -> None:
        """Drop the samples that neither the next window nor the last one can need."""
        start = min(self._next_start, max(0, self.samples - self.windows.samples))
        if start > self._buffer_start:
            self._buffer = self._buffer[start - self._buffer_start :].copy()
            self._buffer_start = start

    def _run_batch(self) -> FloatArray:
        values = self.model(np.stack(self._batch))
        if self.windows.frames_per_window is not None:
            values = np.repeat(values[:, None], self.windows.frames_per_window, axis=1)
        last = self._first_frame + (len(values) - 1) * self.windows.frames_per_hop
        self._mean.extend(last + values.shape[1])  # once, not window by window
        for window in values:
            self._mean.add(self._first_frame, window)
            self._first_frame += self.windows.frames_per_hop
        self._batch = []
        return self._mean.pop(self._first_frame)

    def _run_rest(self) -> FloatArray:
        """Run the model on the window that ends with the recording, for what no other covers."""
        start = self.windows.last_start(self.samples) if self.samples > self.windows.samples else 0
        values = self.model(self._window(start, self.samples)[None])[0]
        if self.windows.frames_per_window is None:
            self._mean.add(start // self.windows.grid.frame_samples, values)
            return self._mean.pop(self._first_frame)
        end = -(-self.samples // self.windows.grid.frame_samples)
        known = self._mean.end
        self._mean.add(known, np.repeat(values[None], end - known, axis=0))
        return self._mean.pop(self._first_frame)


class _OverlapMean:
    """The mean over the windows that cover a frame."""

    def __init__(self, size: int) -> None:
        self._first = 0  # number of the first frame that is kept
        self._sums: FloatArray = np.empty((0, size), np.float64)
        self._counts: FloatArray = np.empty((0, 1), np.float64)

    @property
    def end(self) -> int:
        """The number of the first frame without a value."""
        return self._first + len(self._sums)

    def extend(self, end: int) -> None:
        """Make room for the frames up to `end`."""
        missing = end - self.end
        if missing > 0:
            for name in ("_sums", "_counts"):
                known = getattr(self, name)
                setattr(self, name, np.concatenate([known, np.zeros((missing, known.shape[1]))]))

    def add(self, frame: int, values: FloatArray) -> None:
        """Add a window's values `(frame, value)`, from a frame on."""
        values = values[max(0, self._first - frame) :]
        start = max(0, frame - self._first)
        self.extend(self._first + start + len(values))
        self._sums[start : start + len(values)] += values
        self._counts[start : start + len(values)] += 1

    def pop(self, end: int) -> FloatArray:
        """Return the means of the frames before `end`, and drop these frames."""
        ready = max(0, end - self._first)
        means = self._sums[:ready] / self._counts[:ready]
        self._sums, self._counts = self._sums[ready:], self._counts[ready:]
        self._first += len(means)
        return means
