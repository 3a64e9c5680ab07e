"""Several labels per clip, or none: sigmoid, binary cross-entropy, a threshold per class."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aed_plugins.errors import InputError
from aed_plugins.metrics import SMALLEST_PROBABILITY, Predictions
from aed_plugins.multi_label_metrics import figures
from aed_plugins.multi_label_plots import draw_per_class
from aed_plugins.plots import draw_training_curves
from aed_plugins.tagger import probabilities
from aed_plugins.tasks.task import Task
from aed_plugins.thresholds import METRICS, Thresholds

LARGEST_WEIGHT = 100.0  # a class of one clip in a million would drown all others
RATES = ("precision", "recall", "f1")


class MultiLabel(Task):
    """A clip may have several labels; each is said when its probability reaches its threshold.

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

    best = "mAP"
    averaged = (
        *(f"{average}_{rate}" for average in ("micro", "macro") for rate in RATES),
        "mAP",
        "AUC",
        "d_prime",
        "lwlrap",
    )

    def __init__(self, labels: Sequence[str], threshold_metric: str = "f1") -> None:
        super().__init__(labels)
        if threshold_metric not in METRICS:
            known = ", ".join(METRICS)
            raise InputError(f"threshold_metric: expected one of {known}, got {threshold_metric!r}")
        self.thresholds = Thresholds(self.labels)
        self.threshold_metric = threshold_metric

    def target(self, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """Give 1 for each of the clip's labels, 0 for the others: `(class,)`."""
        return self.present(names)

    def soft(self, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Give what they are; doubt is shared out between yes and no."""
        return targets * (1 - smoothing) + smoothing / 2

    def class_weights(self, counts: npt.NDArray[np.float64], clips: int) -> Tensor:
        """Weigh each class's positives by its negatives, at least one, per positive, up to 100."""
        negatives = np.maximum(clips - counts, 1) / np.maximum(counts, 1)
        return torch.from_numpy(np.minimum(negatives, LARGEST_WEIGHT)).float()

    def loss(self, logits: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Give the binary cross-entropy; `targets` are `(batch, class)`, from 0 to 1."""
        return binary_cross_entropy_with_logits(logits, targets, pos_weight=weights)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Take the sigmoid."""
        return probabilities(logits, multi_label=True)

    def watch(self, predictions: Predictions) -> dict[str, float]:
        """Tune the thresholds; give `loss` (binary cross-entropy), `mAP`, micro- and macro-F1."""
        targets, probabilities = predictions.targets, predictions.probabilities
        self.thresholds.tune(targets, probabilities, self.threshold_metric)
        found = figures(targets, probabilities, self.thresholds.values, self.labels, resamples=0)
        wrong = np.where(targets, probabilities, 1 - probabilities)
        loss = -np.log(np.maximum(wrong, SMALLEST_PROBABILITY)).mean()
        return {"loss": float(loss)} | {n: found[n] or 0.0 for n in ("mAP", "micro_f1", "macro_f1")}

    def figures(self, predictions: Predictions) -> dict[str, Any]:
        """Give what `multi_label_metrics.figures` does, and what the thresholds were tuned for."""
        found = figures(
            predictions.targets, predictions.probabilities, self.thresholds.values, self.labels
        )
        return found | {"thresholds_tuned_for": self.thresholds.metric}

    def recoverables(self) -> dict[str, Any]:
        """Keep the thresholds in checkpoints."""
        return {"thresholds": self.thresholds}

    def rows(self, predictions: Predictions, fold: int | str) -> Iterator[list[Any]]:
        """Give name, fold, labels, predicted labels and a probability per label."""
        yield ["clip", "fold", "labels", "predicted", *self.labels]
        columns = (predictions.ids, predictions.targets, predictions.probabilities)
        for name, target, shares in zip(*columns, strict=True):
            chosen = (target > 0, shares >= self.thresholds.values)
            named = [";".join(np.array(self.labels)[marks]) for marks in chosen]
            yield [name, fold, *named, *(f"{share:.6f}" for share in shares)]

    def table(self, results: Mapping[str, Any]) -> list[str]:
        """Give the paper's table (precision, recall, F1), the other figures, a line per class."""
        lines = []
        for fold in results["folds"]:
            lines += [f"{fold['test_fold']}: {fold['clips']} clips, {fold['epochs']} epochs,"]
            lines[-1] += f" {fold['seconds']:.0f} seconds; in brackets: 95 % of bootstrap samples"
            lines += [f"{'':>6}  {'precision':>22}  {'recall':>22}  {'F1':>22}"]
            for average in ("micro", "macro"):
                cells = [_cell(fold, f"{average}_{rate}") for rate in RATES]
                lines.append("  ".join([f"{average:>6}", *(f"{cell:>22}" for cell in cells)]))
            lines.append(f"mAP {_cell(fold, 'mAP')}, AUC {_cell(fold, 'AUC')},")
            lines[-1] += f" d' {_number(fold['d_prime'])}, lwlrap {_cell(fold, 'lwlrap')}"
            lines += _per_class(fold["per_class"])
        return lines

    def together(self, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Give nothing: the folds' own tables stand beside one another."""
        return {}

    def draw(self, folder: Path, results: Mapping[str, Any], title: str) -> None:
        """Draw `per_class.png` (of the last fold) and `training_curve.png`."""
        last = results["folds"][-1]
        above = f"{title}\n{last['test_fold']}: mAP {_number(last['mAP'])}"
        draw_per_class(last["per_class"], above, folder / "per_class.png")
        histories = {str(fold["test_fold"]): fold["history"] for fold in results["folds"]}
        draw_training_curves(histories, self.best, title, folder / "training_curve.png")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _cell(fold: Mapping[str, Any], name: str) -> str:
    interval = fold["intervals"].get(name)
    text = _number(fold[name])
    return text if interval is None else f"{text} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _per_class(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    columns = ("threshold", "precision", "recall", "f1", "AP", "AUC", "d_prime")
    width = max(len(row["label"]) for row in rows)
    lines = [f"{'class':<{width}}  support  " + "  ".join(f"{name:>9}" for name in columns)]
    for row in rows:
        cells = "  ".join(f"{_number(row[name]):>9}" for name in columns)
        lines.append(f"{row['label']:<{width}}  {row['support']:>7}  {cells}")
    return lines
