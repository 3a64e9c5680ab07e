"""Precision, recall and F1 of clips with several labels, at thresholds.

All take `targets (clip, class)`, true where a class is in a clip, and `probabilities (clip, class)`
in [0, 1]; a class is predicted where its probability is at least its threshold. Rates that are not
defined are NaN.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aed_plugins.core import BoolArray, FloatArray


class Rates(NamedTuple):
    """Precision, recall and F1, their harmonic mean."""

    precision: FloatArray
    recall: FloatArray
    f1: FloatArray


def apply_thresholds(probabilities: npt.ArrayLike, thresholds: npt.ArrayLike) -> BoolArray:
    """Return which classes are predicted, `(clip, class)`: those at their threshold or above.

    Raises
    ------
    ValueError
        If there is not one threshold per class.

    Examples
    --------
    >>> apply_thresholds([[0.9, 0.1], [0.5, 0.2]], [0.5, 0.5])
    array([[ True, False],
           [ True, False]])
    """
    scores, limits = np.asarray(probabilities), np.asarray(thresholds, np.float64)
    if limits.shape != scores.shape[1:]:
        raise ValueError(
            f"expected {scores.shape[1]} thresholds, got an array of shape {limits.shape}"
        )
    return scores >= limits


def compute_rates(hits: npt.ArrayLike, predicted: npt.ArrayLike, positives: npt.ArrayLike) -> Rates:
    """Compute hits / predicted, hits / positives and 2 hits / (predicted + positives).

    Nothing predicted is a precision of 0; without positives, none of the three is defined.
    scikit-learn's own are not used because it reads one column of 0 and 1 as two classes.

    Parameters
    ----------
    hits, predicted, positives : array_like
        How many predictions were right, how many there were, how many should have been.

    Examples
    --------
    >>> compute_rates([3, 0], [4, 1], [6, 0])
    Rates(precision=array([0.75, nan]), recall=array([0.5, nan]), f1=array([0.6, nan]))
    """
    hits, predicted, positives = np.asarray(hits), np.asarray(predicted), np.asarray(positives)
    known = np.where(positives > 0, 1.0, np.nan)
    return Rates(
        known * hits / np.maximum(predicted, 1),
        known * hits / np.maximum(positives, 1),
        known * 2 * hits / np.maximum(predicted + positives, 1),
    )


def compute_class_rates(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, thresholds: npt.ArrayLike
) -> Rates:
    """Compute precision, recall and F1 of each class at its threshold, each `(class,)`.

    Examples
    --------
    The first class is predicted twice, once rightly; the second never:

    >>> compute_class_rates([[1, 0], [0, 1]], [[0.9, 0.1], [0.5, 0.2]], [0.5, 0.5])
    Rates(precision=array([0.5, 0. ]), recall=array([1., 0.]), f1=array([0.66666667, 0. ]))
    """
    positive, predicted = np.asarray(targets, bool), apply_thresholds(probabilities, thresholds)
    return compute_rates((positive & predicted).sum(0), predicted.sum(0), positive.sum(0))


def compute_micro_rates(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, thresholds: npt.ArrayLike
) -> Rates:
    """Compute precision, recall and F1 over all decisions of all classes.

    A class without a positive counts too: what is predicted of it is wrong.

    Examples
    --------
    One of two predictions is right, and one of two labels is found:

    >>> rates = compute_micro_rates([[1, 0], [0, 1]], [[0.9, 0.1], [0.5, 0.2]], [0.5, 0.5])
    >>> [float(rate) for rate in rates]
    [0.5, 0.5, 0.5]
    """
    positive, predicted = np.asarray(targets, bool), apply_thresholds(probabilities, thresholds)
    return compute_rates((positive & predicted).sum(), predicted.sum(), positive.sum())


def compute_macro_rates(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, thresholds: npt.ArrayLike
) -> Rates:
    """Compute the means over classes of precision, recall and F1.

    A class without a positive counts in none of them. Macro F1 is the mean of the classes' F1, not
    the F1 of the two other means.

    Examples
    --------
    F1 is 2/3 for the first class and 0 for the second:

    >>> rates = compute_macro_rates([[1, 0], [0, 1]], [[0.9, 0.1], [0.5, 0.2]], [0.5, 0.5])
    >>> round(float(rates.f1), 4)
    0.3333
    """
    return Rates(*map(average_defined, compute_class_rates(targets, probabilities, thresholds)))


def average_defined(values: npt.ArrayLike) -> FloatArray:
    """Return the mean over the first axis of what is not NaN; NaN where there is nothing else.

    Examples
    --------
    >>> average_defined([[0.2, np.nan], [np.nan, np.nan], [0.4, np.nan]])
    array([0.3, nan])
    """
    values = np.asarray(values)
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0.0).sum(0), known.sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)[()]
