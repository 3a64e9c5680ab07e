"""Predictions and ground truth of clips, as all clip metrics take them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aed_plugins.core import FloatArray, IntArray

# Probabilities are kept this far from 0 in the loss, as a certain error would make it infinite.
SMALLEST_PROBABILITY = 1e-7


class Predictions(NamedTuple):
    """What a model said of the clips of an evaluation set.

    Attributes
    ----------
    ids : list of str
        Names of the clips.
    targets : ndarray
        `(clip,)`, the right label's index; where a clip may have several, `(clip, class)`, 0 or 1.
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
