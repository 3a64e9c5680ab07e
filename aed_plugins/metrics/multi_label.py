"""Metrics of an evaluation set whose clips have several labels each, with bootstrap intervals.

All take `targets (clip, class)`, true where a class is in a clip, and `probabilities (clip, class)`
in [0, 1]. What is not defined is None, as JSON has no NaN.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aed_plugins.core import FloatArray
from aed_plugins.metrics.bootstrap import compute_percentile_interval, draw_bootstrap_weights
from aed_plugins.metrics.predictions import check_arrays
from aed_plugins.metrics.ranking import (
    VALUES_AT_ONCE,
    Ranking,
    compute_average_precision,
    compute_d_prime,
    compute_lwlrap,
    compute_roc_auc,
    divide,
    sum_label_precisions,
)
from aed_plugins.metrics.rates import (
    Rates,
    apply_thresholds,
    average_defined,
    compute_class_rates,
    compute_micro_rates,
    compute_rates,
)

# How many are computed at a time: memory depends on it, results do not.
BOOTSTRAP_SAMPLES_AT_ONCE = 64


def compute_metrics(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    labels: Sequence[str],
    *,
    seed: int = 0,
    bootstrap_samples: int = 1000,
    level: float = 0.95,
) -> dict[str, Any]:
    """Compute all metrics of an evaluation set, ready for JSON.

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
    seed, bootstrap_samples, level : int, int, float
        Of the intervals, see `compute_bootstrap_intervals`; with 0 bootstrap samples there are
        none.

    Returns
    -------
    dict
        `micro_precision`, `micro_recall`, `micro_f1`, the same for `macro`, `mAP`, `AUC` (mean over
        classes), `d_prime` (of that mean, as published for AudioSet), `lwlrap`; `per_class`, see
        `compute_class_metrics`; `intervals`, low and high of each metric. None where not defined.

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
    positive, scores = check_arrays(targets, probabilities)
    if len(labels) != positive.shape[1]:
        raise ValueError(f"expected {positive.shape[1]} labels, got {len(labels)}")
    rows = compute_class_metrics(positive, scores, thresholds, labels)
    values = _name_metrics(
        compute_micro_rates(positive, scores, thresholds),
        compute_class_rates(positive, scores, thresholds),
        np.array([row["AP"] for row in rows], np.float64),
        np.array([row["AUC"] for row in rows], np.float64),
        np.float64(compute_lwlrap(positive, scores)),
    )
    intervals = {}
    if bootstrap_samples:
        intervals = compute_bootstrap_intervals(
            positive,
            scores,
            thresholds,
            seed=seed,
            bootstrap_samples=bootstrap_samples,
            level=level,
        )
    return {
        **{name: _number(value) for name, value in values.items()},
        "per_class": rows,
        "intervals": {name: pair and list(pair) for name, pair in intervals.items()},
    }


def compute_class_metrics(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    labels: Sequence[str],
) -> list[dict[str, Any]]:
    """Compute a row of metrics per class.

    Returns
    -------
    list of dict
        `label`, `support` (clips that have it), `precision`, `recall`, `f1`, `AP`, `AUC`, `d_prime`
        (None where not defined), `threshold`, `predicted_fraction` (of the clips).

    Examples
    --------
    >>> targets, probabilities = [[1, 0], [0, 0]], [[0.9, 0.1], [0.5, 0.2]]
    >>> labels = ["siren", "drill"]
    >>> row, missing = compute_class_metrics(targets, probabilities, [0.5, 0.5], labels)
    >>> row["label"], row["support"], row["recall"], row["AP"], row["predicted_fraction"]
    ('siren', 1, 1.0, 1.0, 1.0)
    >>> missing["support"], missing["recall"], missing["AP"], missing["predicted_fraction"]
    (0, None, None, 0.0)
    """
    auc = compute_roc_auc(targets, probabilities)
    columns = {
        **compute_class_rates(targets, probabilities, thresholds)._asdict(),
        "AP": compute_average_precision(targets, probabilities),
        "AUC": auc,
        "d_prime": compute_d_prime(auc),
        "threshold": np.asarray(thresholds, np.float64),
        "predicted_fraction": apply_thresholds(probabilities, thresholds).mean(0),
    }
    supports = np.asarray(targets, bool).sum(0)
    return [
        {"label": label, "support": int(support)}
        | {name: _number(values[index]) for name, values in columns.items()}
        for index, (label, support) in enumerate(zip(labels, supports, strict=True))
    ]


def compute_bootstrap_intervals(
    targets: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    *,
    seed: int,
    bootstrap_samples: int = 1000,
    level: float = 0.95,
) -> dict[str, tuple[float, float] | None]:
    """Compute a percentile bootstrap interval of each metric, over clips.

    Thresholds are kept as they are. A class that a bootstrap sample has no positive of is left out
    of that sample's means, as it is from the metrics themselves. The scores are sorted once; a
    bootstrap sample is a weight per clip, the number of times it was drawn, see `Ranking`. Time
    grows as clips x classes x bootstrap samples: on one core 0.1 s for 2000 x 10 x 1000, 6 s and
    50 MB besides the arrays for 20000 x 527 x 1000.

    Parameters
    ----------
    targets, probabilities, thresholds : array_like
        As in `compute_metrics`.
    seed : int
        Of the draws: bootstrap sample k is row k of `default_rng(seed).integers(clips,
        size=(bootstrap_samples, clips))`.
    bootstrap_samples : int
        How many, at least 1.
    level : float
        Fraction of the bootstrap samples' values within the interval.

    Returns
    -------
    dict of str to (float, float) or None
        Low and high, by the names in `compute_metrics`; None if no bootstrap sample had a value.

    Raises
    ------
    ValueError
        If `bootstrap_samples` or `level` is out of range, or the arrays do not belong together.

    Examples
    --------
    A class that is found in every clip is found in every bootstrap sample:

    >>> intervals = compute_bootstrap_intervals([[1], [1]], [[0.9], [0.8]], [0.5], seed=0)
    >>> intervals["micro_f1"]
    (1.0, 1.0)
    """
    positive, scores = check_arrays(targets, probabilities)
    if bootstrap_samples < 1 or not 0 < level < 1:
        expected = "expected at least 1 bootstrap sample and a level between 0 and 1"
        raise ValueError(f"{expected}, got {bootstrap_samples} and {level}")
    predicted = apply_thresholds(scores, thresholds)
    counted = [
        csr_array(part.T, dtype=np.float32) for part in (positive & predicted, predicted, positive)
    ]
    rankings = [Ranking.of(t, p) for t, p in zip(positive.T, scores.T, strict=True)]
    precisions, labels = sum_label_precisions(positive, scores), positive.sum(1)
    blocks = []
    for weights in _weight_blocks(len(positive), bootstrap_samples, seed):
        counts = [(part @ weights).astype(np.float64) for part in counted]
        by_class = np.array([ranking.compute_metrics(weights) for ranking in rankings])
        blocks.append(
            _name_metrics(
                compute_rates(*(count.sum(0) for count in counts)),
                compute_rates(*counts),
                by_class[:, 0],
                by_class[:, 1],
                divide(precisions @ weights, labels @ weights),
            )
        )
    values = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return {
        name: compute_percentile_interval(drawn, (1 - level) / 2) for name, drawn in values.items()
    }


def _weight_blocks(clips: int, bootstrap_samples: int, seed: int) -> Iterator[FloatArray]:
    """Yield the weights `(clip, bootstrap sample)`, a few bootstrap samples at a time."""
    rng = np.random.default_rng(seed)
    at_once = max(1, min(BOOTSTRAP_SAMPLES_AT_ONCE, VALUES_AT_ONCE // clips))
    for start in range(0, bootstrap_samples, at_once):
        yield draw_bootstrap_weights(rng, clips, min(at_once, bootstrap_samples - start))


def _name_metrics(
    micro: Rates, by_class: Rates, precision: FloatArray, auc: FloatArray, lwlrap: FloatArray
) -> dict[str, Any]:
    """Name the metrics; those by class are `(class, ...)`, of which the mean is taken."""
    mean_auc = average_defined(auc)
    macro = {f"macro_{name}": average_defined(v) for name, v in by_class._asdict().items()}
    return {
        **{f"micro_{name}": value for name, value in micro._asdict().items()},
        **macro,
        "mAP": average_defined(precision),
        "AUC": mean_auc,
        "d_prime": compute_d_prime(mean_auc),
        "lwlrap": lwlrap,
    }


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
