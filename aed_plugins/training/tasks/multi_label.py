"""Several labels per clip, or none: sigmoid, binary cross-entropy, a threshold per class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aed_plugins.core import FloatArray, InputError
from aed_plugins.metrics import (
    SMALLEST_PROBABILITY,
    THRESHOLD_METRICS,
    Predictions,
    compute_metrics,
)
from aed_plugins.models import Thresholds, compute_probabilities
from aed_plugins.training.tasks.task import Task

LARGEST_WEIGHT = 100.0  # a class of one clip in a million would drown all others
RATES = ("precision", "recall", "f1")


class MultiLabel(Task):
    """A clip may have several labels; one is predicted when its probability reaches its threshold.

    Thresholds are tuned on the validation clips of every epoch and saved in its checkpoint; without
    validation clips they stay 0.5.

    Parameters
    ----------
    labels : sequence of str
        All labels, in the order of their indices.
    threshold_metric : {"f1", "youden", "accuracy"}
        What the thresholds are tuned for: see `thresholds.tune`.

    Raises
    ------
    InputError
        If `threshold_metric` is another word.

    Examples
    --------
    >>> task = MultiLabel(["Speech", "Music", "Laughter"])
    >>> task.target(["Laughter", "Speech"])
    array([1., 0., 1.], dtype=float32)
    >>> task.probabilities(torch.tensor([0.0]))
    tensor([0.5000])
    """

    selection_metric = "mAP"
    summary_metrics = (
        *(f"{average}_{rate}" for average in ("micro", "macro") for rate in RATES),
        "mAP",
        "AUC",
        "d_prime",
        "lwlrap",
    )

    def __init__(self, labels: Sequence[str], threshold_metric: str = "f1") -> None:
        super().__init__(labels)
        if threshold_metric not in THRESHOLD_METRICS:
            known = ", ".join(THRESHOLD_METRICS)
            raise InputError(f"threshold_metric: expected one of {known}, got {threshold_metric!r}")
        self.thresholds = Thresholds(self.labels)
        self.threshold_metric = threshold_metric

    def target(self, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return 1 for each of the clip's labels, 0 for the others: `(class,)`."""
        return self.multi_hot(names)

    def soft_targets(self, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return the targets as float; smoothing spreads evenly over present and absent."""
        return targets * (1 - smoothing) + smoothing / 2

    def class_weights(self, counts: FloatArray, clips: int) -> Tensor:
        """Weigh each class's positives by its negatives, at least one, per positive, up to 100."""
        negatives = np.maximum(clips - counts, 1) / np.maximum(counts, 1)
        return torch.from_numpy(np.minimum(negatives, LARGEST_WEIGHT)).float()

    def loss(self, logits: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Compute the binary cross-entropy; `targets` are `(batch, class)`, from 0 to 1."""
        return binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Take the sigmoid."""
        return compute_probabilities(logits, multi_label=True)

    def validate(self, predictions: Predictions) -> dict[str, float]:
        """Tune the thresholds; compute `loss` (cross-entropy), `mAP`, micro- and macro-F1."""
        targets, probabilities = predictions.targets, predictions.probabilities
        self.thresholds.tune(targets, probabilities, self.threshold_metric)
        found = compute_metrics(
            targets, probabilities, self.thresholds.values, self.labels, bootstrap_samples=0
        )
        wrong = np.where(targets, probabilities, 1 - probabilities)
        loss = -np.log(np.maximum(wrong, SMALLEST_PROBABILITY)).mean()
        return {"loss": float(loss)} | {n: found[n] or 0.0 for n in ("mAP", "micro_f1", "macro_f1")}

    def metrics(self, predictions: Predictions) -> dict[str, Any]:
        """Compute what `compute_metrics` does; add what the thresholds were tuned for."""
        found = compute_metrics(
            predictions.targets, predictions.probabilities, self.thresholds.values, self.labels
        )
        return found | {"thresholds_tuned_for": self.thresholds.metric}

    def recoverables(self) -> dict[str, Any]:
        """Keep the thresholds in checkpoints."""
        return {"thresholds": self.thresholds}
