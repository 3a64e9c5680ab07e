"""A recording of any length as overlapping windows, and what a model says of them as cells.

Samples come in pieces of any size; windows lie where they lie, and go to the model in batches that
depend on nothing but their numbers. So the cells are the same, to the last bit, however the samples
were cut.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aed_plugins.core import FloatArray, Grid, InputError, Steps

RESOLUTIONS = ("window", "step")
BATCH_SECONDS = 32.0  # of sound in a batch, unless a batch size is given


@dataclass(frozen=True)
class Windows:
    """Windows of a recording, and the cells that each of them speaks for.

    Attributes
    ----------
    samples, hop : int
        Samples of a window, and from one window to the next.
    grid : Grid
        The cells.
    cells_per_hop : int
        Cells from one window to the next.
    cells_per_window : int or None
        The cells that all have the value of the window; None where each cell is a step of the model
        and has its own.
    batch_size : int
        Windows that go to the model together.
    """

    samples: int
    hop: int
    grid: Grid
    cells_per_hop: int
    cells_per_window: int | None
    batch_size: int

    @property
    def step_samples(self) -> int:
        """Samples that every window must begin at a multiple of; 1 where it may begin anywhere."""
        return self.grid.cell_samples if self.cells_per_window is None else 1

    def last_start(self, samples: int) -> int:
        """Give the start of the window that ends with a recording longer than a window."""
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
        Whether the model judges each window as a clip, the cells being as long as a hop, or each of
        its own steps.
    batch_size : int, optional
        Windows that go to the model together; by default about half a minute of sound.

    Raises
    ------
    InputError
        If one of these cannot be.

    Examples
    --------
    The paper's segments of a second; and windows of two seconds every half second, of which each
    cell of half a second hears four:

    >>> steps = Steps(sample_rate=16000, length=11776, first_centre=0)
    >>> plan_windows(steps, 1.0).grid.cell_length
    1.0
    >>> plan = plan_windows(steps, 2.0, 0.5)
    >>> plan.grid.cell_length, plan.cells_per_window, plan.batch_size
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
        grid = Grid(rate, steps.length, steps.first_centre - steps.length // 2)
        samples = window * steps.length + steps.context
        return Windows(samples, hop * steps.length, grid, hop, None, batch_size)
    hop = round(hop_length * rate)
    cells = round(window_length / hop_length)
    if hop < 1 or abs(cells * hop - window_length * rate) > cells:
        raise InputError(
            "expected a window that is a whole number of hops,"
            f" got {window_length} s and {hop_length} s"
        )
    return Windows(cells * hop, hop, Grid(rate, hop), 1, cells, batch_size)


class CellStream:
    """Cuts samples into windows, lets a model judge them, and averages where they overlap.

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
    A model that says the mean of its window, in windows of two samples that overlap by one:

    >>> windows = Windows(2, 1, Grid(1, 1), cells_per_hop=1, cells_per_window=2, batch_size=8)
    >>> stream = CellStream(lambda batch: batch.mean(1, keepdims=True), windows, size=1)
    >>> cells = [stream.push(np.array([1, 2, 3, 4], np.float32)), stream.finish()]
    >>> np.concatenate(cells).ravel().tolist()
    [1.5, 2.0, 3.0, 3.5]
    """

    def __init__(
        self, model: Callable[[FloatArray], FloatArray], windows: Windows, size: int
    ) -> None:
        self.model = model
        self.windows = windows
        self.samples = 0  # that came
        # From the start of the next window on, and what the last window may need before it.
        self._kept: FloatArray = np.empty(0, np.float32)
        self._kept_from = 0
        self._next = 0  # start of the next window
        self._batch: list[FloatArray] = []
        self._first_cell = 0  # of the next batch
        self._mean = _OverlapMean(size)

    def push(self, samples: FloatArray) -> FloatArray:
        """Take the next samples `(sample,)`; give the cells `(cell, value)` that are certain."""
        self.samples += len(samples)
        self._kept = np.concatenate([self._kept, samples.astype(np.float32, copy=False)])
        cells = []
        while self._next + self.windows.samples <= self.samples:
            self._batch.append(self._window(self._next, self._next + self.windows.samples))
            self._next += self.windows.hop
            if len(self._batch) >= self.windows.batch_size:
                cells.append(self._judge_batch())
        self._forget()
        return np.concatenate(cells) if cells else self._mean.before(0)

    def finish(self) -> FloatArray:
        """Give the cells that are left at the end of the recording."""
        cells = [self._judge_batch()] if self._batch else []
        covered = self._next - self.windows.hop + self.windows.samples if self._next else 0
        if covered < self.samples:
            cells.append(self._judge_rest())
        cells.append(self._mean.before(self._mean.end))
        return np.concatenate(cells)

    def _window(self, start: int, end: int) -> FloatArray:
        return self._kept[start - self._kept_from : end - self._kept_from].copy()

    def _forget(self) -> None:
        """Keep no more samples than the next window and the last one can need."""
        wanted = min(self._next, max(0, self.samples - self.windows.samples))
        if wanted > self._kept_from:
            self._kept = self._kept[wanted - self._kept_from :].copy()
            self._kept_from = wanted

    def _judge_batch(self) -> FloatArray:
        values = self.model(np.stack(self._batch))
        if self.windows.cells_per_window is not None:
            values = np.repeat(values[:, None], self.windows.cells_per_window, axis=1)
        last = self._first_cell + (len(values) - 1) * self.windows.cells_per_hop
        self._mean.reach(last + values.shape[1])  # once, not window by window
        for window in values:
            self._mean.add(self._first_cell, window)
            self._first_cell += self.windows.cells_per_hop
        self._batch = []
        return self._mean.before(self._first_cell)

    def _judge_rest(self) -> FloatArray:
        """Judge what no whole window covers by the window that ends with the recording."""
        start = self.windows.last_start(self.samples) if self.samples > self.windows.samples else 0
        values = self.model(self._window(start, self.samples)[None])[0]
        if self.windows.cells_per_window is None:
            self._mean.add(start // self.windows.grid.cell_samples, values)
            return self._mean.before(self._first_cell)
        end = -(-self.samples // self.windows.grid.cell_samples)
        known = self._mean.end
        self._mean.add(known, np.repeat(values[None], end - known, axis=0))
        return self._mean.before(self._first_cell)


class _OverlapMean:
    """The mean of what several windows say of the same cells."""

    def __init__(self, size: int) -> None:
        self._first = 0  # number of the first cell that is kept
        self._sums: FloatArray = np.empty((0, size), np.float64)
        self._counts: FloatArray = np.empty((0, 1), np.float64)

    @property
    def end(self) -> int:
        """The number of the first cell of which nothing was said."""
        return self._first + len(self._sums)

    def reach(self, cell: int) -> None:
        """Make room for the cells before one."""
        missing = cell - self.end
        if missing > 0:
            for name in ("_sums", "_counts"):
                held = getattr(self, name)
                setattr(self, name, np.concatenate([held, np.zeros((missing, held.shape[1]))]))

    def add(self, cell: int, values: FloatArray) -> None:
        """Count values `(cell, value)` in, from a cell on."""
        values = values[max(0, self._first - cell) :]
        place = max(0, cell - self._first)
        self.reach(self._first + place + len(values))
        self._sums[place : place + len(values)] += values
        self._counts[place : place + len(values)] += 1

    def before(self, cell: int) -> FloatArray:
        """Give the cells before one, and forget them."""
        ready = max(0, cell - self._first)
        means = self._sums[:ready] / self._counts[:ready]
        self._sums, self._counts = self._sums[ready:], self._counts[ready:]
        self._first += len(means)
        return means
