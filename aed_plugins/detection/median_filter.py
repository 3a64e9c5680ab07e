"""A running median over the frames of each class, as is usual in DCASE's baselines."""

import numpy as np

from aed_plugins.core import FloatArray, IntArray


class MedianFilter:
    """A running median per class, over frames as they come.

    The first and the last frame are repeated beyond the ends. The result is the same however the
    frames are cut into pushes.

    Parameters
    ----------
    half_widths : ndarray
        `(class,)`: the median is over a frame and this many on each side; 0 for no filter.

    Examples
    --------
    >>> median = MedianFilter(np.array([1]))
    >>> median.push(np.array([[0.0], [1.0], [0.0], [1.0]])).ravel()
    array([0., 0., 1.])
    >>> median.finish().ravel()
    array([1.])
    """

    def __init__(self, half_widths: IntArray) -> None:
        self.half_widths = half_widths
        self.reach = int(half_widths.max(initial=0))
        self._buffer: FloatArray | None = None

    def push(self, frames: FloatArray) -> FloatArray:
        """Take frames `(frame, class)`; return the medians that no later frame can change."""
        if not self.reach or not len(frames):
            return frames
        if self._buffer is None:
            self._buffer = np.repeat(frames[:1], self.reach, axis=0)
        known = np.concatenate([self._buffer, frames])
        ready = max(0, len(known) - 2 * self.reach)
        self._buffer = known[ready:]
        return self._medians(known, ready)

    def finish(self) -> FloatArray:
        """Return the medians that are left at the end of the recording."""
        if self._buffer is None:
            return np.empty((0, len(self.half_widths)))
        known = np.concatenate([self._buffer, np.repeat(self._buffer[-1:], self.reach, axis=0)])
        self._buffer = None
        return self._medians(known, len(known) - 2 * self.reach)

    def _medians(self, known: FloatArray, ready: int) -> FloatArray:
        filtered = known[self.reach : self.reach + ready].copy()
        for half in np.unique(self.half_widths[self.half_widths > 0]) if ready else ():
            chosen = self.half_widths == half
            first, end = self.reach - half, self.reach + half + ready
            windows = np.lib.stride_tricks.sliding_window_view(
                known[first:end, chosen], 2 * half + 1, axis=0
            )
            filtered[:, chosen] = np.median(windows, axis=-1)
        return filtered
