"""Targets and probabilities of clips that may have several labels."""

import numpy as np
import numpy.typing as npt

from aed_plugins.core import BoolArray, FloatArray


def check_arrays(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike
) -> tuple[BoolArray, FloatArray]:
    """Give both as arrays of truth values and of float64 when they belong together.

    Raises
    ------
    ValueError
        If they are empty, differ in shape, or hold other than 0 and 1, and 0 to 1.

    Examples
    --------
    >>> check_arrays([[1, 0]], [[0.5]])
    Traceback (most recent call last):
    ValueError: expected targets and probabilities (clip, class), got shapes (1, 2) and (1, 1)
    """
    right, given = np.asarray(targets), np.asarray(probabilities, dtype=np.float64)
    if right.shape != given.shape or right.ndim != 2 or not right.size:
        shapes = f"{right.shape} and {given.shape}"
        raise ValueError(f"expected targets and probabilities (clip, class), got shapes {shapes}")
    if not np.isin(right, (0, 1)).all():
        raise ValueError("expected targets of 0 and 1 only")
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError("expected probabilities from 0 to 1, got others or NaN")
    return right.astype(bool), given
