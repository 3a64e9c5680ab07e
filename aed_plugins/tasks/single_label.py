"""One label per clip: softmax, cross-entropy, accuracy."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy as cross_entropy_loss
from torch.nn.functional import one_hot

from aed_plugins.metrics import (
    Predictions,
    accuracy,
    confusion_matrix,
    cross_entropy,
    macro_f1,
)
from aed_plugins.plots import draw_confusion_matrix, draw_training_curves
from aed_plugins.tagger import probabilities
from aed_plugins.tasks.task import Task


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

    best = "accuracy"
    averaged = ("accuracy", "macro_f1")

    def target(self, names: Sequence[str]) -> int:
        """Give the label's index."""
        return self.index[names[0]]

    def soft(self, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Give a label's index as 1 among zeros; doubt is shared out evenly among all classes."""
        known = targets if targets.is_floating_point() else one_hot(targets, len(self.labels))
        return known.float() * (1 - smoothing) + smoothing / len(self.labels)

    def class_weights(self, counts: npt.NDArray[np.float64], clips: int) -> Tensor:
        """Weigh each class by clips / (classes * clips of the class), one without clips by 1."""
        weights = clips / (len(counts) * np.maximum(counts, 1))
        return torch.from_numpy(np.where(counts > 0, weights, 1.0)).float()

    def loss(self, logits: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Give the cross-entropy; `targets` are indices `(batch,)` or soft `(batch, class)`."""
        return cross_entropy_loss(logits, targets, weight=weights)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Take the softmax."""
        return probabilities(logits, multi_label=False)

    def watch(self, predictions: Predictions) -> dict[str, float]:
        """Give `loss` (cross-entropy), `accuracy` and `macro_f1`."""
        return {
            "loss": cross_entropy(predictions),
            "accuracy": accuracy(predictions),
            "macro_f1": macro_f1(predictions),
        }

    def figures(self, predictions: Predictions) -> dict[str, Any]:
        """Give accuracy, macro-F1, cross-entropy and the confusion matrix."""
        return {
            "accuracy": accuracy(predictions),
            "macro_f1": macro_f1(predictions),
            "cross_entropy": cross_entropy(predictions),
            "confusion_matrix": confusion_matrix(predictions).tolist(),
        }

    def rows(self, predictions: Predictions, fold: int | str) -> Iterator[list[Any]]:
        """Give name, fold, right label, predicted label and a probability per label."""
        yield ["slice_file_name", "fold", "class", "predicted", *self.labels]
        columns = (predictions.ids, predictions.targets, predictions.probabilities)
        for name, target, shares in zip(*columns, strict=True):
            named = [self.labels[target], self.labels[int(np.argmax(shares))]]
            yield [name, fold, *named, *(f"{share:.6f}" for share in shares)]

    def table(self, results: Mapping[str, Any]) -> list[str]:
        """Give a line per fold, then their mean and deviation."""
        lines = ["test fold  valid folds  clips  accuracy  macro-F1  epochs  seconds"]
        for fold in results["folds"]:
            valid = ",".join(map(str, fold["valid_folds"])) or "none"
            lines.append(
                f"{fold['test_fold']:>9}  {valid:>11}  {fold['clips']:>5}  {fold['accuracy']:>8.1%}"
                f"  {fold['macro_f1']:>8.1%}  {fold['epochs']:>6}  {fold['seconds']:>7.0f}"
            )
        shares, f1 = results["accuracy"], results["macro_f1"]
        lines.append(f"{'mean':>9}  {'':>11}  {'':>5}  {shares['mean']:>8.1%}  {f1['mean']:>8.1%}")
        if shares["deviation"] is not None:
            deviations = f"{shares['deviation']:>8.1%}  {f1['deviation']:>8.1%}"
            lines.append(f"{'deviation':>9}  {'':>11}  {'':>5}  {deviations}")
        return lines

    def together(self, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Sum the confusion matrices."""
        matrices = [fold["confusion_matrix"] for fold in folds]
        return {"confusion_matrix": np.sum(matrices, axis=0).tolist()}

    def draw(self, folder: Path, results: Mapping[str, Any], title: str) -> None:
        """Draw `confusion_matrix.png` and `training_curve.png`."""
        tested = "fold " + ", ".join(str(fold["test_fold"]) for fold in results["folds"])
        mean = f"accuracy {100 * results['accuracy']['mean']:.1f} %"
        draw_confusion_matrix(
            results["confusion_matrix"],
            self.labels,
            f"{title}\n{tested}: {mean}",
            folder / "confusion_matrix.png",
        )
        histories = {f"test fold {fold['test_fold']}": fold["history"] for fold in results["folds"]}
        draw_training_curves(histories, self.best, title, folder / "training_curve.png")
