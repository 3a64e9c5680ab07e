"""Predictions and ground truth of clips, as the clip metrics take them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aed_plugins.core import BoolArray, FloatArray, IntArray

# Probabilities are at least this in the loss, as a certain error would make it infinite.
SMALLEST_PROBABILITY = 1e-7


class Predictions(NamedTuple):
    """Probabilities and ground truth of the clips of an evaluation set.

    Attributes
    ----------
    ids : list of str
        Names of the clips.
    targets : ndarray
        `(clip,)`, the label's index; where a clip may have several, `(clip, class)`, 0 or 1.
    probabilities : ndarray
        `(clip, class)`; with one label per clip, each row adds up to 1.
    """

    ids: list[str]
    targets: npt.NDArray[Any]
    probabilities: FloatArray

    @property
    def predicted(self) -> IntArray:
        """The most probable label's index, `(clip,)`."""
        return self.probabilities.argmax(axis=1)


def concatenate_predictions(parts: Iterable[Predictions]) -> Predictions:
    """Join the predictions of several batches or processes, in the order of the clips' names.

    Parameters
    ----------
    parts : iterable of Predictions
        At least one; no clip may be in two.

    Examples
    --------
    >>> parts = [
    ...     Predictions(["b"], np.array([0]), np.array([[0.9, 0.1]])),
    ...     Predictions(["a"], np.array([1]), np.array([[0.4, 0.6]])),
    ... ]
    >>> concatenate_predictions(parts).ids
    ['a', 'b']
    """
    parts = list(parts)
    ids = [name for part in parts for name in part.ids]
    order = np.argsort(ids)
    return Predictions(
        [ids[i] for i in order],
        np.concatenate([part.targets for part in parts])[order],
        np.concatenate([part.probabilities for part in parts])[order],
    )


def check_arrays(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike
) -> tuple[BoolArray, FloatArray]:
    """Return both as arrays of truth values and of float64 if they belong together.

    Parameters
    ----------
    targets : array_like
        `(clip, class)`, 0 or 1.
    probabilities : array_like
        `(clip, class)`, in [0, 1].

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
    positive, scores = np.asarray(targets), np.asarray(probabilities, dtype=np.float64)
    if positive.shape != scores.shape or positive.ndim != 2 or not positive.size:
        shapes = f"{positive.shape} and {scores.shape}"
        raise ValueError(f"expected targets and probabilities (clip, class), got shapes {shapes}")
    if not np.isin(positive, (0, 1)).all():
        raise ValueError("expected targets of 0 and 1 only")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError("expected probabilities from 0 to 1, got others or NaN")
    return positive.astype(bool), scores
