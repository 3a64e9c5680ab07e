"""From which probability on a class is said to be in a clip."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks

from aed_plugins.errors import InputError
from aed_plugins.multi_label_arrays import checked

UNTOUCHED = 0.5
METRICS = ("f1", "youden", "accuracy")

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def tune(targets: npt.ArrayLike, probabilities: npt.ArrayLike, metric: str) -> Floats:
    """Find each class's threshold with the highest metric on the given clips.

    Every way to part the clips by their score is tried, all and none of them included; the
    threshold lies midway between the neighbouring scores (0 and 1 at the ends; just above 1 when
    even a score of 1 is to be refused). Of equally good ones it is the one nearest to 0.5.
    Time grows as clips x log(clips) per class.

    Parameters
    ----------
    targets : array_like
        `(clip, class)`, 0 or 1, of validation data: figures on the same clips flatter.
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

    >>> tune([[1], [0], [1], [0]], [[0.8], [0.4], [0.3], [0.1]], "f1")
    array([0.2])
    >>> tune([[0], [0]], [[0.8], [0.4]], "f1")
    array([0.5])
    """
    if metric not in METRICS:
        raise InputError(f"expected a metric of {', '.join(METRICS)}, got {metric!r}")
    right, given = checked(targets, probabilities)
    columns = zip(right.T, given.T, strict=True)
    return np.array([_best(target, scores, metric) for target, scores in columns])


def _best(target: npt.NDArray[np.bool_], scores: npt.NDArray[Any], metric: str) -> float:
    positives, negatives = int(target.sum()), int((~target).sum())
    if not positives or (metric == "youden" and not negatives):
        return UNTOUCHED
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    # One cut above all scores, then one below each distinct score.
    predicted = np.append(0, np.flatnonzero(last) + 1)
    hits = np.append(0, np.cumsum(target[order])[last])
    above_all = 1.0 if ranked[0] < 1 else np.nextafter(1, 2)
    upper, lower = np.append(above_all, ranked[last]), np.append(ranked[last], 0.0)
    midway = (upper + lower) / 2
    # Between neighbouring floats there is none, and the middle is rounded to one of them.
    thresholds = np.where(midway > lower, midway, upper)
    values = _values(metric, hits, predicted - hits, positives, negatives)
    best = thresholds[values == values.max()]
    return float(best[np.abs(best - UNTOUCHED).argmin()])


def _values(
    metric: str, hits: Counts, false: Counts, positives: int, negatives: int
) -> npt.NDArray[Any]:
    """Give the metric, or what rises with it and is whole, so that equal values are equal."""
    if metric == "f1":
        return 2 * hits / (hits + false + positives)
    if metric == "youden":
        return hits * negatives - false * positives
    return hits - false


@register_checkpoint_hooks
class Thresholds:
    """A threshold per class; part of every checkpoint.

    Parameters
    ----------
    labels : sequence of str
        Names of the classes, in the order of the model's outputs.

    Attributes
    ----------
    labels : list of str
        As given.
    metric : str or None
        What the thresholds were tuned for; None as long as they are untouched.
    values : ndarray
        `(class,)`, float64, 0.5 at first.

    Examples
    --------
    >>> thresholds = Thresholds(["siren", "drill"])
    >>> thresholds.tune([[1, 0], [0, 1]], [[0.9, 0.1], [0.5, 0.3]], "f1")
    >>> thresholds.metric, thresholds.values
    ('f1', array([0.7, 0.2]))
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"expected labels that differ, got {self.labels}")
        self.metric: str | None = None
        self.values: Floats = np.full(len(self.labels), UNTOUCHED)

    def tune(self, targets: npt.ArrayLike, probabilities: npt.ArrayLike, metric: str) -> None:
        """Find the best thresholds for a metric, see `tune`.

        Raises
        ------
        ValueError
            If there is not a column per label, or `tune` refuses what it is given.
        """
        values = tune(targets, probabilities, metric)
        if len(values) != len(self.labels):
            raise ValueError(f"expected {len(self.labels)} classes, got {len(values)}")
        self.metric, self.values = metric, values

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Write metric and thresholds as JSON."""
        content = {
            "metric": self.metric,
            "thresholds": dict(zip(self.labels, self.values.tolist(), strict=True)),
        }
        Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool = True) -> None:
        """Read what `save` wrote; it is the same whether an epoch had ended or not.

        Raises
        ------
        InputError
            If the file is of other labels, or of another kind.
        """
        del end_of_epoch
        metric, values = _read(Path(path))
        if list(values) != self.labels:
            raise InputError(f"{path}: a checkpoint for other labels: {self._difference(values)}")
        self.metric, self.values = metric, np.array(list(values.values()), np.float64)

    def _difference(self, values: dict[str, float]) -> str:
        if len(values) != len(self.labels):
            numbers = f"expected {len(self.labels)} labels, got {len(values)}; "
        else:
            numbers = ""
        pairs = enumerate(zip([*self.labels, None], [*values, None], strict=False), start=1)
        number, (own, other) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
        return (
            f"{numbers}label {number} is {_named(own)} here and {_named(other)} there;"
            " use the labels it was trained with, in their order"
        )


def _named(label: str | None) -> str:
    return "missing" if label is None else repr(label)


def _read(path: Path) -> tuple[str | None, dict[str, float]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        metric, values = content["metric"], content["thresholds"]
        right = all(type(v) in (int, float) and math.isfinite(v) for v in values.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _other_kind(path) from error
    if not right or not (metric is None or isinstance(metric, str)):
        raise _other_kind(path)
    return metric, values


def _other_kind(path: Path) -> InputError:
    expected = '{"metric": ..., "thresholds": {label: number}}'
    return InputError(f"{path}: expected JSON {expected}, got something else; train again")
