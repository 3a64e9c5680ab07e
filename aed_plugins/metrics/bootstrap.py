"""Figures of many resamples of an evaluation set at once.

A bootstrap resample is a weight per clip: how often it was drawn. Scores are sorted once, and every
resample's average precision and AUC are sums of such weights.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aed_plugins.core import FloatArray, IntArray


def bootstrap_weights(rng: np.random.Generator, clips: int, resamples: int) -> FloatArray:
    """Draw as many clips as there are, with replacement, and count how often each came.

    Parameters
    ----------
    rng : numpy.random.Generator
        Gives `rng.integers(clips, size=(resamples, clips))`.
    clips, resamples : int
        How many there are, and how many resamples are wanted.

    Returns
    -------
    ndarray
        `(clip, resample)`, float32, which is exact below 2**24.

    Examples
    --------
    >>> bootstrap_weights(np.random.default_rng(0), clips=3, resamples=4).sum(0)
    array([3., 3., 3., 3.], dtype=float32)
    """
    drawn = rng.integers(clips, size=(resamples, clips)) + clips * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=clips * resamples).reshape(resamples, clips)
    return np.ascontiguousarray(counts.T, dtype=np.float32)


def percentile_interval(values: npt.ArrayLike, level: float) -> tuple[float, float] | None:
    """Give what `level` of the values lie between; None when all are NaN.

    Examples
    --------
    >>> percentile_interval([0.0, 0.1, 0.2, 0.3, 0.4, np.nan], level=0.5)
    (0.1, 0.3)
    """
    given = np.asarray(values, np.float64)
    known = given[~np.isnan(given)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Divide; NaN where the whole is 0.

    Examples
    --------
    >>> ratio([1, 0], [4, 0])
    array([0.25,  nan])
    """
    whole = np.asarray(whole)
    return np.asarray(part) / np.where(whole > 0, whole, np.nan)


class Ranking(NamedTuple):
    """A class's clips by falling score, cut below each score that a positive has.

    Attributes
    ----------
    positives, negatives, tied : csr_array
        `(cut, clip)`, 1 where a clip comes in with a cut: as a positive, as a negative, or as a
        negative with the very score of that cut's positives.
    """

    positives: csr_array
    negatives: csr_array
    tied: csr_array

    @classmethod
    def of(cls, targets: npt.ArrayLike, scores: npt.ArrayLike) -> "Ranking":
        """Sort the clips of a class, targets and scores `(clip,)`."""
        given, right = np.asarray(scores), np.asarray(targets, bool)
        order = np.argsort(-given, kind="stable").astype(np.int32)
        ranked, positive = given[order], right[order]
        group = np.cumsum(np.append(False, ranked[1:] != ranked[:-1]))
        with_positive = np.bincount(group, positive) > 0
        cut: IntArray = (np.cumsum(with_positive) - with_positive)[group]
        cuts = np.arange(with_positive.sum() + 1)
        parts = []
        for member in (positive, ~positive, ~positive & with_positive[group]):
            starts = np.searchsorted(cut[member], cuts).astype(np.int32)
            clips = order[member][: starts[-1]]
            ones = np.ones(len(clips), np.float32)
            parts.append(csr_array((ones, clips, starts), (len(cuts) - 1, len(order))))
        return cls(*parts)

    def figures(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Give average precision and AUC of each resample, as scikit-learn defines them.

        Parameters
        ----------
        weights : ndarray
            `(clip, resample)`, whole numbers that add up to the number of clips in each resample.

        Returns
        -------
        tuple of ndarray
            Each `(resample,)`; NaN without a positive and, for AUC, without a negative.

        Examples
        --------
        The clips as they are, and with the second drawn twice instead of the last:

        >>> ranking = Ranking.of([1, 0, 1], [0.9, 0.8, 0.7])
        >>> precision, auc = ranking.figures(np.array([[1, 1], [1, 2], [1, 0]]))
        >>> precision.round(4), auc
        (array([0.8333, 1.    ]), array([0.5, 1. ]))
        """
        if not self.positives.shape[0]:
            return np.full(weights.shape[1], np.nan), np.full(weights.shape[1], np.nan)
        gained = self.positives @ weights
        hits = gained.cumsum(0, dtype=np.float64)
        false = (self.negatives @ weights).cumsum(0, dtype=np.float64)
        positives = hits[-1]
        negatives = len(weights) - positives
        precision = (gained * hits / np.maximum(hits + false, 1)).sum(0)
        below = negatives - false + (self.tied @ weights) / 2
        auc = ratio((gained * below).sum(0), positives * negatives)
        return ratio(precision, positives), auc
