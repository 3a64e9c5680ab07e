"""One label per clip: softmax, cross-entropy, accuracy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from aed_plugins.core import FloatArray, InputError
from aed_plugins.metrics import (
    Predictions,
    compute_accuracy,
    compute_confusion_matrix,
    compute_cross_entropy,
    compute_macro_f1,
)
from aed_plugins.models import compute_probabilities
from aed_plugins.training.tasks.task import Task


class SingleLabel(Task):
    """Every clip has exactly one label, and the most probable one is the answer.

    Parameters
    ----------
    labels : sequence of str
        All labels, in the order of their indices.

    Examples
    --------
    >>> task = SingleLabel(["dog_bark", "siren"])
    >>> task.target(["siren"])
    1
    >>> task.probabilities(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """

    selection_metric = "accuracy"
    summary_metrics = ("accuracy", "macro_f1")

    def target(self, names: Sequence[str]) -> int:
        """Return the label's index."""
        indices = self.indices(names)
        if len(indices) != 1:
            raise InputError(f"expected one label per clip, got {len(indices)}")
        return indices[0]

    def soft_targets(self, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return one-hot targets; smoothing spreads evenly over all classes."""
        if not targets.is_floating_point():  # one_hot would ask a GPU for the smallest index
            marks = torch.zeros(len(targets), len(self.labels), device=targets.device)
            targets = marks.scatter_(1, targets.unsqueeze(1), 1.0)
        return targets.float() * (1 - smoothing) + smoothing / len(self.labels)

    def class_weights(self, counts: FloatArray, clips: int) -> Tensor:
        """Weigh each class by clips / (classes * clips of the class), one without clips by 1."""
        weights = clips / (len(counts) * np.maximum(counts, 1))
        return torch.from_numpy(np.where(counts > 0, weights, 1.0)).float()

    def loss(self, logits: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Compute the cross-entropy; `targets` are indices `(batch,)` or soft `(batch, class)`."""
        return cross_entropy(logits, targets, weight=weights)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Take the softmax."""
        return compute_probabilities(logits, multi_label=False)

    def validate(self, predictions: Predictions) -> dict[str, float]:
        """Compute `loss` (cross-entropy), `accuracy` and `macro_f1`."""
        return {
            "loss": compute_cross_entropy(predictions),
            "accuracy": compute_accuracy(predictions),
            "macro_f1": compute_macro_f1(predictions),
        }

    def metrics(self, predictions: Predictions) -> dict[str, Any]:
        """Compute accuracy, macro-F1, cross-entropy and the confusion matrix."""
        return {
            "accuracy": compute_accuracy(predictions),
            "macro_f1": compute_macro_f1(predictions),
            "cross_entropy": compute_cross_entropy(predictions),
            "confusion_matrix": compute_confusion_matrix(predictions).tolist(),
        }
