"""Figures over the clips of an evaluation set that have several labels each.

All take `targets (clip, class)`, true where a class is in a clip, and `probabilities (clip, class)`
in [0, 1]; a class is predicted where its probability is at least its threshold. Arrays hold NaN
where a figure is not defined; `compute_metrics` has None there, as JSON has no NaN.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import sklearn.metrics
from scipy.sparse import csr_array
from scipy.special import ndtri

from aed_plugins.core import BoolArray, FloatArray
from aed_plugins.metrics.arrays import check_arrays
from aed_plugins.metrics.bootstrap import (
    Ranking,
    bootstrap_weights,
    percentile_interval,
    ratio,
)

# AUC is kept this far from 0 and 1 in d', as a perfect ranking would make it infinite.
SMALLEST_AUC_ERROR = 1e-9

# How much is worked on at a time: memory depends on them, results do not.
VALUES_AT_ONCE = 2**22
RESAMPLES_AT_ONCE = 64


class Rates(NamedTuple):
    """Precision, recall and F1, their harmonic mean."""

    precision: FloatArray
    recall: FloatArray
    f1: FloatArray


def decide(probabilities: npt.ArrayLike, thresholds: npt.ArrayLike) -> BoolArray:
    """Tell which classes are predicted, `(clip, class)`: those at their threshold or above.

    Raises
    ------
    ValueError
        If there is not one threshold per class.

    Examples
    --------
    >>> decide([[0.9, 0.1], [0.5, 0.2]], [0.5, 0.5])
    array([[ True, False],
           [ True, False]])
    """
    given, cuts = np.asarray(probabilities), np.asarray(thresholds, np.float64)
    if cuts.shape != given.shape[1:]:
        raise ValueError(
            f"expected {given.shape[1]} thresholds, got an array of shape {cuts.shape}"
        )
    return given >= cuts


def rates(hits: npt.ArrayLike, predicted: npt.ArrayLike, positives: npt.ArrayLike) -> Rates:
    """Give hits / predicted, hits / positives and 2 hits / (predicted + positives).

    Nothing predicted is a precision of 0; without positives, none of the three is defined.
    scikit-learn's own are not used because it reads one column of 0 and 1 as two classes.

    Parameters
    ----------
    hits, predicted, positives : array_like
        How many predictions were right, how many there were, how many should have been.

    Examples
    --------
    >>> rates([3, 0], [4, 1], [6, 0])
    Rates(precision=array([0.75, nan]), recall=array([0.5, nan]), f1=array([0.6, nan]))
    """
    hits, predicted, positives = np.asarray(hits), np.asarray(predicted), np.asarray(positives)
    known = np.where(positives > 0, 1.0, np.nan)
    return Rates(
        known * hits / np.maximum(predicted, 1),
        known * hits / np.maximum(positives, 1),
        known * 2 * hits / np.maximum(predicted + positives, 1),
    )


def class_rates(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, thresholds: npt.ArrayLike
) -> Rates:
    """Give precision, recall and F1 of each class at its threshold, each `(class,)`.

    Examples
    --------
    The first class is predicted twice, once rightly; the second never:

    >>> class_rates([[1, 0], [0, 1]], [[0.9, 0.1], [0.5, 0.2]], [0.5, 0.5])
    Rates(precision=array([0.5, 0. ]), recall=array([1., 0.]), f1=array([0.66666667, 0. ]))
    """
    right, predicted = np.asarray(targets, bool), decide(probabilities, thresholds)
    return rates((right & predicted).sum(0), predicted.sum(0), right.sum(0))


def micro_rates(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, thresholds: npt.ArrayLike
) -> Rates:
    """Give precision, recall and F1 over all decisions of all classes.

    A class without a positive counts too: what is predicted of it is wrong.

    Examples
    --------
    One of two predictions is right, and one of two labels is found:

    >>> rates = micro_rates([[1, 0], [0, 1]], [[0.9, 0.1], [0.5, 0.2]], [0.5, 0.5])
    >>> [float(rate) for rate in rates]
    [0.5, 0.5, 0.5]
    """
    right, predicted = np.asarray(targets, bool), decide(probabilities, thresholds)
    return rates((right & predicted).sum(), predicted.sum(), right.sum())


def macro_rates(
    targets: npt.ArrayLike, probabilities: npt.ArrayLike, thresholds: npt.ArrayLike
) -> Rates:
    """Give the means over classes of precision, recall and F1; no class without a positive counts.

    Macro F1 is the mean of the classes' F1, not the F1 of the two other means.

    Examples
    --------
    F1 is 2/3 for the first class and 0 for the second:

    >>> round(float(macro_rates([[1, 0], [0, 1]], [[0.9, 0.1], [0.5, 0.2]], [0.5, 0.5]).f1), 4)
    0.3333
    """
    return Rates(*map(nanmean, class_rates(targets, probabilities, thresholds)))


def average_precision(targets: npt.ArrayLike, probabilities: npt.ArrayLike) -> FloatArray:
    """Give each class's average precision `(class,)`: sum of precision times gain in recall.

    Source: `sklearn.metrics.average_precision_score`, not interpolated, clips of equal probability
    are taken together. NaN for a class without a positive; `nanmean` of the rest is mAP.

    Examples
    --------
    Positives at ranks 1 and 3: (1/1 + 2/3) / 2.

    >>> average_precision([[1], [0], [1]], [[0.9], [0.8], [0.7]]).round(4)
    array([0.8333])
    """
    columns = zip(np.asarray(targets, bool).T, np.asarray(probabilities).T, strict=True)
    score = sklearn.metrics.average_precision_score
    return np.array([score(t, p) if t.any() else np.nan for t, p in columns])


def roc_auc(targets: npt.ArrayLike, probabilities: npt.ArrayLike) -> FloatArray:
    """Give each class's area under the receiver operating characteristic, `(class,)`.

    It is the chance that a positive clip scores above a negative one, an equal score counting half.
    Source: `sklearn.metrics.roc_auc_score`. NaN for a class without a positive or a negative.

    Examples
    --------
    Of two pairs of a positive and the negative, one is in the right order:

    >>> roc_auc([[1], [0], [1]], [[0.9], [0.8], [0.7]])
    array([0.5])
    """
    columns = zip(np.asarray(targets, bool).T, np.asarray(probabilities).T, strict=True)
    score = sklearn.metrics.roc_auc_score
    return np.array([score(t, p) if t.any() and not t.all() else np.nan for t, p in columns])


def d_prime(auc: npt.ArrayLike) -> FloatArray:
    """Give d' = sqrt(2) * Phi^-1(AUC), the distance of two unit normals with this AUC.

    AUC is first brought into [1e-9, 1 - 1e-9], so that d' stays within -8.5 and 8.5.
    Source: Hershey et al., CNN Architectures for Large-Scale Audio Classification, 2017.

    Examples
    --------
    >>> d_prime([0.5, 0.84, 1.0]).round(3)
    array([0.   , 1.406, 8.482])
    """
    return np.sqrt(2) * ndtri(np.clip(auc, SMALLEST_AUC_ERROR, 1 - SMALLEST_AUC_ERROR))


def lwlrap(targets: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Give the label-weighted label-ranking average precision.

    For each label of each clip: of the classes that score at least as high in that clip, the share
    that are its labels; the mean over all labels of all clips. Equal scores therefore count as the
    worse rank, as in scikit-learn; the original breaks ties by the order of the classes. NaN
    without any label.
    Source: Howard and Plakal, in Fonseca et al., Audio Tagging with Noisy Labels and Minimal
    Supervision (FSDKaggle2019), 2019.

    Examples
    --------
    The first clip's labels have ranks 1 and 3 (1/1 and 2/3), the second's has rank 2 (1/2):

    >>> round(lwlrap([[1, 0, 1], [0, 1, 0]], [[0.9, 0.8, 0.7], [0.6, 0.5, 0.1]]), 4)
    0.7222
    """
    right = np.asarray(targets, bool)
    if not right.any():
        return float("nan")
    return float(_label_precisions(right, np.asarray(probabilities)).sum() / right.sum())


def nanmean(values: npt.ArrayLike) -> FloatArray:
    """Give the mean over the first axis of what is not NaN; NaN where there is nothing else.

    Examples
    --------
    >>> nanmean([[0.2, np.nan], [np.nan, np.nan], [0.4, np.nan]])
    array([0.3, nan])
    """
    values = np.asarray(values)
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0.0).sum(0), known.sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)[()]


def class_metrics(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    labels: Sequence[str],
) -> list[dict[str, Any]]:
    """Give a row of figures per class.

    Returns
    -------
    list of dict
        `label`, `support` (clips that have it), `precision`, `recall`, `f1`, `AP`, `AUC`, `d_prime`
        (None where not defined), `threshold`, `share_predicted` (of the clips).

    Examples
    --------
    >>> targets, probabilities = [[1, 0], [0, 0]], [[0.9, 0.1], [0.5, 0.2]]
    >>> row, missing = class_metrics(targets, probabilities, [0.5, 0.5], ["siren", "drill"])
    >>> row["label"], row["support"], row["recall"], row["AP"], row["share_predicted"]
    ('siren', 1, 1.0, 1.0, 1.0)
    >>> missing["support"], missing["recall"], missing["AP"], missing["share_predicted"]
    (0, None, None, 0.0)
    """
    auc = roc_auc(targets, probabilities)
    columns = {
        **class_rates(targets, probabilities, thresholds)._asdict(),
        "AP": average_precision(targets, probabilities),
        "AUC": auc,
        "d_prime": d_prime(auc),
        "threshold": np.asarray(thresholds, np.float64),
        "share_predicted": decide(probabilities, thresholds).mean(0),
    }
    supports = np.asarray(targets, bool).sum(0)
    return [
        {"label": label, "support": int(support)}
        | {name: _plain(values[index]) for name, values in columns.items()}
        for index, (label, support) in enumerate(zip(labels, supports, strict=True))
    ]


def compute_metrics(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    labels: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
) -> dict[str, Any]:
    """Give every figure of an evaluation set, ready for JSON.

    Parameters
    ----------
    targets : array_like
        `(clip, class)`, 0 or 1.
    probabilities : array_like
        `(clip, class)`, in [0, 1].
    thresholds : array_like
        `(class,)`.
    labels : sequence of str
        Names of the classes.
    seed, resamples, level : int, int, float
        Of the intervals, see `bootstrap_intervals`; with 0 resamples there are none.

    Returns
    -------
    dict
        `micro_precision`, `micro_recall`, `micro_f1`, the same for `macro`, `mAP`, `AUC` (mean over
        classes), `d_prime` (of that mean, as published for AudioSet), `lwlrap`; `per_class`, see
        `class_metrics`; `intervals`, low and high of each figure. None where not defined.

    Raises
    ------
    ValueError
        If the arrays or labels do not belong together.

    Examples
    --------
    >>> probabilities = [[0.9, 0.1], [0.5, 0.2]]
    >>> result = compute_metrics([[1, 0], [0, 1]], probabilities, [0.5, 0.5], ["siren", "drill"])
    >>> result["micro_f1"], result["mAP"], result["lwlrap"], result["per_class"][1]["label"]
    (0.5, 1.0, 0.75, 'drill')
    """
    right, given = check_arrays(targets, probabilities)
    if len(labels) != right.shape[1]:
        raise ValueError(f"expected {right.shape[1]} labels, got {len(labels)}")
    table = class_metrics(right, given, thresholds, labels)
    values = _all_figures(
        micro_rates(right, given, thresholds),
        class_rates(right, given, thresholds),
        np.array([row["AP"] for row in table], np.float64),
        np.array([row["AUC"] for row in table], np.float64),
        np.float64(lwlrap(right, given)),
    )
    intervals = {}
    if resamples:
        intervals = bootstrap_intervals(
            right, given, thresholds, seed=seed, resamples=resamples, level=level
        )
    return {
        **{name: _plain(value) for name, value in values.items()},
        "per_class": table,
        "intervals": {name: pair and list(pair) for name, pair in intervals.items()},
    }


def bootstrap_intervals(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    *,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
) -> dict[str, tuple[float, float] | None]:
    """Give a percentile bootstrap interval of each figure, resampling clips.

    Thresholds are kept as they are. A class that a resample has no positive of is left out of that
    resample's means, as it is from the figures themselves. The scores are sorted once; a resample
    is a weight per clip, the number of times it was drawn, see `resampling.Ranking`. Time grows as
    clips x classes x resamples: on one core 0.1 s for 2000 x 10 x 1000, 6 s and 50 MB beside the
    arrays for 20000 x 527 x 1000.

    Parameters
    ----------
    targets, probabilities, thresholds : array_like
        As in `compute_metrics`.
    seed : int
        Of the resamples: resample k is row k of `default_rng(seed).integers(clips, size=(resamples,
        clips))`.
    resamples : int
        How many, at least 1.
    level : float
        Share of the resamples' values within the interval.

    Returns
    -------
    dict of str to (float, float) or None
        Low and high, by the names in `compute_metrics`; None if no resample had a value.

    Raises
    ------
    ValueError
        If `resamples` or `level` is out of range, or the arrays do not belong together.

    Examples
    --------
    A class that is found in every clip is found in every resample:

    >>> bootstrap_intervals([[1], [1]], [[0.9], [0.8]], [0.5], seed=0)["micro_f1"]
    (1.0, 1.0)
    """
    right, given = check_arrays(targets, probabilities)
    if resamples < 1 or not 0 < level < 1:
        expected = "expected at least 1 resample and a level between 0 and 1"
        raise ValueError(f"{expected}, got {resamples} and {level}")
    predicted = decide(given, thresholds)
    counted = [
        csr_array(part.T, dtype=np.float32) for part in (right & predicted, predicted, right)
    ]
    rankings = [Ranking.of(t, p) for t, p in zip(right.T, given.T, strict=True)]
    precisions, labels = _label_precisions(right, given), right.sum(1)
    blocks = []
    for weights in _blocks(len(right), resamples, seed):
        counts = [(part @ weights).astype(np.float64) for part in counted]
        by_class = np.array([ranking.figures(weights) for ranking in rankings])
        blocks.append(
            _all_figures(
                rates(*(count.sum(0) for count in counts)),
                rates(*counts),
                by_class[:, 0],
                by_class[:, 1],
                ratio(precisions @ weights, labels @ weights),
            )
        )
    values = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return {name: percentile_interval(drawn, level) for name, drawn in values.items()}


def _blocks(clips: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Give the weights `(clip, resample)` of a few resamples after another."""
    rng = np.random.default_rng(seed)
    at_once = max(1, min(RESAMPLES_AT_ONCE, VALUES_AT_ONCE // clips))
    for start in range(0, resamples, at_once):
        yield bootstrap_weights(rng, clips, min(at_once, resamples - start))


def _all_figures(
    micro: Rates, by_class: Rates, precision: FloatArray, auc: FloatArray, ranking: FloatArray
) -> dict[str, Any]:
    """Name the figures; those by class are `(class, ...)`, of which the mean is taken."""
    mean_auc = nanmean(auc)
    macro = {f"macro_{name}": nanmean(v) for name, v in by_class._asdict().items()}
    return {
        **{f"micro_{name}": value for name, value in micro._asdict().items()},
        **macro,
        "mAP": nanmean(precision),
        "AUC": mean_auc,
        "d_prime": d_prime(mean_auc),
        "lwlrap": ranking,
    }


def _plain(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _label_precisions(targets: BoolArray, probabilities: FloatArray) -> FloatArray:
    """Sum over each clip's labels: of what scores at least as high, the share of labels."""
    clips, classes = np.nonzero(targets)
    precisions = np.empty(len(clips))
    at_once = max(1, VALUES_AT_ONCE // targets.shape[1])
    for start in range(0, len(clips), at_once):
        some = slice(start, start + at_once)
        own = probabilities[clips[some], classes[some], None]
        above = probabilities[clips[some]] >= own
        precisions[some] = (above & targets[clips[some]]).sum(1) / above.sum(1)
    return np.bincount(clips, precisions, len(targets)).astype(np.float64)
