"""Tuning of the thresholds from which on a class is predicted."""

from typing import Any

import numpy as np
import numpy.typing as npt

from aed_plugins.core import BoolArray, FloatArray, InputError, IntArray
from aed_plugins.metrics.predictions import check_arrays

DEFAULT_THRESHOLD = 0.5
THRESHOLD_METRICS = ("f1", "youden", "accuracy")


def tune_thresholds(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, metric: str
) -> FloatArray:
    """Find each class's threshold with the highest metric on the given clips.

    Every way to split the clips by their score is tried, all and none of them included; the
    threshold lies midway between the neighboring scores (0 and 1 at the ends; just above 1 when
    even a score of 1 is too low). Of equally good ones it is the one nearest to 0.5.
    Time grows as clips x log(clips) per class.

    Parameters
    ----------
    targets : array_like
        `(clip, class)`, 0 or 1, of validation data, as metrics of the same clips are optimistically
        biased.
    probabilities : array_like
        `(clip, class)`, in [0, 1].
    metric : str
        `f1`, `youden` (sensitivity + specificity - 1) or `accuracy`.

    Returns
    -------
    ndarray
        `(class,)`; 0.5 for a class without a positive, and for `youden` without a negative.

    Raises
    ------
    InputError
        If there is no such metric.
    ValueError
        If the arrays do not belong together.

    Examples
    --------
    The positives score 0.8 and 0.3, the negatives 0.4 and 0.1. From 0.2 on, both positives and one
    negative are predicted (F1 4/5); from 0.6 on, one positive (2/3):

    >>> tune_thresholds([[1], [0], [1], [0]], [[0.8], [0.4], [0.3], [0.1]], "f1")
    array([0.2])
    >>> tune_thresholds([[0], [0]], [[0.8], [0.4]], "f1")
    array([0.5])
    """
    if metric not in THRESHOLD_METRICS:
        raise InputError(f"expected a metric of {', '.join(THRESHOLD_METRICS)}, got {metric!r}")
    positive, scores = check_arrays(targets, probabilities)
    columns = zip(positive.T, scores.T, strict=True)
    return np.array([_best_threshold(target, column, metric) for target, column in columns])


def _best_threshold(target: BoolArray, scores: npt.NDArray[Any], metric: str) -> float:
    positives, negatives = int(target.sum()), int((~target).sum())
    if not positives or (metric == "youden" and not negatives):
        return DEFAULT_THRESHOLD
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    # One threshold above all scores, then one below each distinct score.
    predicted = np.append(0, np.flatnonzero(last) + 1)
    hits = np.append(0, np.cumsum(target[order])[last])
    above_all = 1.0 if ranked[0] < 1 else np.nextafter(1, 2)
    upper, lower = np.append(above_all, ranked[last]), np.append(ranked[last], 0.0)
    midway = (upper + lower) / 2
    # Between neighboring floats there is none, and the middle is rounded to one of them.
    thresholds = np.where(midway > lower, midway, upper)
    values = _values(metric, hits, predicted - hits, positives, negatives)
    best = thresholds[values == values.max()]
    return float(best[np.abs(best - DEFAULT_THRESHOLD).argmin()])


def _values(
    metric: str, hits: IntArray, false: IntArray, positives: int, negatives: int
) -> npt.NDArray[Any]:
    """Compute the metric, or what rises with it and is whole, so that equal values are equal."""
    if metric == "f1":
        return 2 * hits / (hits + false + positives)
    if metric == "youden":
        return hits * negatives - false * positives
    return hits - false
