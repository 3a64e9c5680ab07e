"""The decision thresholds of a multi-label model, saved in every checkpoint."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks

from aed_plugins.core import FloatArray, InputError
from aed_plugins.metrics import DEFAULT_THRESHOLD, tune_thresholds


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
        self.values: FloatArray = np.full(len(self.labels), DEFAULT_THRESHOLD)

    def tune(self, targets: npt.ArrayLike, probabilities: npt.ArrayLike, metric: str) -> None:
        """Find the best thresholds for a metric, see `tune_thresholds`.

        Raises
        ------
        ValueError
            If there is not a column per label, or `tune_thresholds` refuses what it is given.
        """
        values = tune_thresholds(targets, probabilities, metric)
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
