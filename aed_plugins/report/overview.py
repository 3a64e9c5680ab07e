"""Curves of a recording of any length, in memory that does not grow with it."""

import math

import numpy as np
import numpy.typing as npt


class Overview:
    """The largest value of every stretch of a recording, in at most `most` stretches.

    Columns come in as the recording goes by. When more than `most` are held, neighbours become one
    that has the larger value of the two, so that a short event stays visible however long the
    recording is. The outcome does not depend on how the columns were cut into pushes.

    Parameters
    ----------
    rows : int
        Values per column: classes, or mel bands.
    column_length : float
        Seconds between two columns that are pushed.
    most : int
        How many columns are held at most: an even number, at least 2.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    Five columns of one row, of which four may be held, become three of twice the length:

    >>> overview = Overview(1, column_length=0.5, most=4)
    >>> overview.push([[0.0], [1.0], [0.2], [0.4], [0.6]])
    >>> overview.result()
    (array([[255, 102, 153]], dtype=uint8), 1.0)
    """

    def __init__(self, rows: int, column_length: float, most: int = 4096) -> None:
        if rows < 1:
            raise ValueError(f"expected at least 1 row, got {rows}")
        if not 0 < column_length < math.inf:
            raise ValueError(f"expected a column length above 0 seconds, got {column_length}")
        if most < 2 or most % 2:
            raise ValueError(f"expected an even number of columns, 2 or more, got {most}")
        self.rows = rows
        self.column_length = column_length
        self.most = most
        self._held = np.empty((most, rows), np.float32)
        self._columns = 0
        self._merged = 1  # pushed columns in a held one
        self._newest = np.full(rows, -np.inf, np.float32)  # the column that is being filled
        self._in_newest = 0

    def push(self, values: npt.ArrayLike) -> None:
        """Take the next columns.

        Parameters
        ----------
        values : array_like
            `(column, row)`, finite.

        Raises
        ------
        ValueError
            If the shape is another, or a value is not finite.
        """
        given = np.asarray(values, np.float32)
        if given.ndim != 2 or given.shape[1] != self.rows:
            raise ValueError(f"expected values (column, {self.rows}), got shape {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("expected finite values, got NaN or infinite ones")
        while len(given):
            given = given[self._take(given) :]

    def _take(self, given: npt.NDArray[np.float32]) -> int:
        """Put away as many columns as fit without merging; give their number."""
        if self._columns == self.most:
            self._merge()
        if self._in_newest or len(given) < self._merged:
            taken = min(self._merged - self._in_newest, len(given))
            np.maximum(self._newest, given[:taken].max(0), out=self._newest)
            self._in_newest += taken
            if self._in_newest == self._merged:
                self._hold(self._newest[None])
                self._newest[:] = -np.inf
                self._in_newest = 0
            return taken
        whole = min(len(given) // self._merged, self.most - self._columns)
        taken = whole * self._merged
        self._hold(given[:taken].reshape(whole, self._merged, self.rows).max(1))
        return taken

    def _hold(self, columns: npt.NDArray[np.float32]) -> None:
        self._held[self._columns : self._columns + len(columns)] = columns
        self._columns += len(columns)

    def _merge(self) -> None:
        half = self.most // 2
        self._held[:half] = self._held.reshape(half, 2, self.rows).max(1)
        self._columns = half
        self._merged *= 2

    def _values(self) -> npt.NDArray[np.float32]:
        held = self._held[: self._columns]
        return np.vstack([held, self._newest]) if self._in_newest else held

    def range(self, low: float = 0.05, high: float = 0.999) -> tuple[float, float]:
        """Give the levels between which nearly all values lie, for a spectrogram's contrast.

        Parameters
        ----------
        low, high : float
            Fractions of the values that lie below them.

        Returns
        -------
        tuple of float
            What `result` takes.

        Raises
        ------
        ValueError
            If nothing was pushed.
        """
        values = self._values()
        if not len(values):
            raise ValueError("expected columns to be pushed before, got none")
        quiet, loud = np.quantile(values, [low, high])
        return float(quiet), float(loud)

    def result(self, low: float = 0.0, high: float = 1.0) -> tuple[npt.NDArray[np.uint8], float]:
        """Give what was pushed so far.

        Parameters
        ----------
        low, high : float
            The values that become 0 and 255; what lies outside is cut off there. Probabilities keep
            0 and 1; for the spectrogram pass `*overview.range()`.

        Returns
        -------
        tuple of ndarray and float
            `(row, column)`, uint8, rounded; and the seconds that a column stands for.

        Raises
        ------
        ValueError
            If `low` is above `high`. They are equal when every value is the same.
        """
        if not low <= high:
            raise ValueError(f"expected low <= high, got {low} and {high}")
        span = high - low
        scaled = (self._values() - low) / (span if span > 0 else 1.0)
        levels = np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
        return np.ascontiguousarray(levels.T), self.column_length * self._merged
