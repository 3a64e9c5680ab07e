"""Metrics of how classes rank clips: average precision, AUC, d' and lwlrap.

All take `targets (clip, class)`, true where a class is in a clip, and `probabilities (clip,
class)`. Metrics that are not defined are NaN.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import sklearn.metrics
from scipy.sparse import csr_array
from scipy.special import ndtri

from aed_plugins.core import BoolArray, FloatArray, IntArray

# AUC is kept this far from 0 and 1 in d', as a perfect ranking would make it infinite.
SMALLEST_AUC_ERROR = 1e-9

# How many values are compared or drawn at a time: memory depends on it, results do not.
VALUES_AT_ONCE = 2**22


def compute_average_precision(targets: npt.ArrayLike, probabilities: npt.ArrayLike) -> FloatArray:
    """Compute each class's average precision `(class,)`: sum of precision times gain in recall.

    Source: `sklearn.metrics.average_precision_score`, not interpolated, clips of equal probability
    are taken together. NaN for a class without a positive; `average_defined` of the rest is mAP.

    Examples
    --------
    Positives at ranks 1 and 3: (1/1 + 2/3) / 2.

    >>> compute_average_precision([[1], [0], [1]], [[0.9], [0.8], [0.7]]).round(4)
    array([0.8333])
    """
    columns = zip(np.asarray(targets, bool).T, np.asarray(probabilities).T, strict=True)
    score = sklearn.metrics.average_precision_score
    return np.array([score(t, p) if t.any() else np.nan for t, p in columns])


def compute_roc_auc(targets: npt.ArrayLike, probabilities: npt.ArrayLike) -> FloatArray:
    """Compute each class's area under the receiver operating characteristic, `(class,)`.

    It is the chance that a positive clip scores above a negative one, an equal score counting half.
    Source: `sklearn.metrics.roc_auc_score`. NaN for a class without a positive or a negative.

    Examples
    --------
    Of two pairs of a positive and the negative, one is in the right order:

    >>> compute_roc_auc([[1], [0], [1]], [[0.9], [0.8], [0.7]])
    array([0.5])
    """
    columns = zip(np.asarray(targets, bool).T, np.asarray(probabilities).T, strict=True)
    score = sklearn.metrics.roc_auc_score
    return np.array([score(t, p) if t.any() and not t.all() else np.nan for t, p in columns])


def compute_d_prime(auc: npt.ArrayLike) -> FloatArray:
    """Compute d' = sqrt(2) * Phi^-1(AUC), the distance of two unit normals with this AUC.

    AUC is first brought into [1e-9, 1 - 1e-9], so that d' stays within -8.5 and 8.5.
    Source: Hershey et al., CNN Architectures for Large-Scale Audio Classification, 2017.

    Examples
    --------
    >>> compute_d_prime([0.5, 0.84, 1.0]).round(3)
    array([0.   , 1.406, 8.482])
    """
    return np.sqrt(2) * ndtri(np.clip(auc, SMALLEST_AUC_ERROR, 1 - SMALLEST_AUC_ERROR))


def compute_lwlrap(targets: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Compute the label-weighted label-ranking average precision.

    For each label of each clip: of the classes that score at least as high in that clip, the
    fraction that are its labels; the mean over all labels of all clips. Equal scores therefore
    count as the worse rank, as in scikit-learn; the original breaks ties by the order of the
    classes. NaN without any label.
    Source: Howard and Plakal, in Fonseca et al., Audio Tagging with Noisy Labels and Minimal
    Supervision (FSDKaggle2019), 2019.

    Examples
    --------
    The first clip's labels have ranks 1 and 3 (1/1 and 2/3), the second's has rank 2 (1/2):

    >>> round(compute_lwlrap([[1, 0, 1], [0, 1, 0]], [[0.9, 0.8, 0.7], [0.6, 0.5, 0.1]]), 4)
    0.7222
    """
    positive = np.asarray(targets, bool)
    if not positive.any():
        return float("nan")
    precisions = sum_label_precisions(positive, np.asarray(probabilities))
    return float(precisions.sum() / positive.sum())


def sum_label_precisions(targets: BoolArray, probabilities: FloatArray) -> FloatArray:
    """Sum over each clip's labels, `(clip,)`: of what scores as high, the fraction of labels."""
    clips, classes = np.nonzero(targets)
    precisions = np.empty(len(clips))
    at_once = max(1, VALUES_AT_ONCE // targets.shape[1])
    for start in range(0, len(clips), at_once):
        some = slice(start, start + at_once)
        own = probabilities[clips[some], classes[some], None]
        above = probabilities[clips[some]] >= own
        precisions[some] = (above & targets[clips[some]]).sum(1) / above.sum(1)
    return np.bincount(clips, precisions, len(targets)).astype(np.float64)


def divide(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Divide; NaN where the whole is 0.

    Examples
    --------
    >>> divide([1, 0], [4, 0])
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
        values, targets = np.asarray(scores), np.asarray(targets, bool)
        order = np.argsort(-values, kind="stable").astype(np.int32)
        ranked, positive = values[order], targets[order]
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

    def compute_metrics(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Compute average precision and AUC of each bootstrap sample, as scikit-learn defines them.

        Parameters
        ----------
        weights : ndarray
            `(clip, bootstrap sample)`, whole numbers that add up to the number of clips in each
            bootstrap sample.

        Returns
        -------
        tuple of ndarray
            Each `(bootstrap sample,)`; NaN without a positive and, for AUC, without a negative.

        Examples
        --------
        The clips as they are, and with the second drawn twice instead of the last:

        >>> ranking = Ranking.of([1, 0, 1], [0.9, 0.8, 0.7])
        >>> precision, auc = ranking.compute_metrics(np.array([[1, 1], [1, 2], [1, 0]]))
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
        auc = divide((gained * below).sum(0), positives * negatives)
        return divide(precision, positives), auc
