"""A running median over the cells of each class."""

import numpy as np

from aed_plugins.core import FloatArray, IntArray


class MedianFilter:
    """A running median per class; the first and the last cell are continued at the ends."""

    def __init__(self, halves: IntArray) -> None:
        self.halves = halves
        self.reach = int(halves.max(initial=0))
        self._kept: FloatArray | None = None

    def push(self, cells: FloatArray) -> FloatArray:
        """Take cells `(cell, class)`; give those whose whole surroundings are known."""
        if not self.reach or not len(cells):
            return cells
        if self._kept is None:
            self._kept = np.repeat(cells[:1], self.reach, axis=0)
        held = np.concatenate([self._kept, cells])
        ready = max(0, len(held) - 2 * self.reach)
        self._kept = held[ready:]
        return self._medians(held, ready)

    def finish(self) -> FloatArray:
        """Give the cells that are left."""
        if self._kept is None:
            return np.empty((0, len(self.halves)))
        held = np.concatenate([self._kept, np.repeat(self._kept[-1:], self.reach, axis=0)])
        self._kept = None
        return self._medians(held, len(held) - 2 * self.reach)

    def _medians(self, held: FloatArray, ready: int) -> FloatArray:
        filtered = held[self.reach : self.reach + ready].copy()
        for half in np.unique(self.halves[self.halves > 0]) if ready else ():
            chosen = self.halves == half
            first, end = self.reach - half, self.reach + half + ready
            windows = np.lib.stride_tricks.sliding_window_view(
                held[first:end, chosen], 2 * half + 1, axis=0
            )
            filtered[:, chosen] = np.median(windows, axis=-1)
        return filtered
