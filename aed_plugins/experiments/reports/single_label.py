"""The report of a single-label task."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aed_plugins.experiments.plots import draw_confusion_matrix, draw_training_curves
from aed_plugins.experiments.reports.task_report import TaskReport
from aed_plugins.metrics import Predictions


class SingleLabelReport(TaskReport):
    """Write accuracy, macro-F1 and the confusion matrix.

    Parameters
    ----------
    task : SingleLabel
        What was trained.
    """

    def prediction_rows(self, predictions: Predictions, fold: int | str) -> Iterator[list[Any]]:
        """Yield name, fold, ground truth, predicted label and a probability per label."""
        yield ["slice_file_name", "fold", "class", "predicted", *self.task.labels]
        columns = (predictions.ids, predictions.targets, predictions.probabilities)
        for name, target, scores in zip(*columns, strict=True):
            named = [self.task.labels[target], self.task.labels[int(np.argmax(scores))]]
            yield [name, fold, *named, *(f"{score:.6f}" for score in scores)]

    def table_lines(self, results: Mapping[str, Any]) -> list[str]:
        """Return a line per fold, then their mean and deviation."""
        lines = ["test fold  valid folds  clips  accuracy  macro-F1  epochs  seconds"]
        for fold in results["folds"]:
            valid = ",".join(map(str, fold["valid_folds"])) or "none"
            lines.append(
                f"{fold['test_fold']:>9}  {valid:>11}  {fold['clips']:>5}  {fold['accuracy']:>8.1%}"
                f"  {fold['macro_f1']:>8.1%}  {fold['epochs']:>6}  {fold['seconds']:>7.0f}"
            )
        accuracy, f1 = results["accuracy"], results["macro_f1"]
        means = f"{accuracy['mean']:>8.1%}  {f1['mean']:>8.1%}"
        lines.append(f"{'mean':>9}  {'':>11}  {'':>5}  {means}")
        if accuracy["deviation"] is not None:
            deviations = f"{accuracy['deviation']:>8.1%}  {f1['deviation']:>8.1%}"
            lines.append(f"{'deviation':>9}  {'':>11}  {'':>5}  {deviations}")
        return lines

    def combine_folds(self, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Sum the confusion matrices."""
        matrices = [fold["confusion_matrix"] for fold in folds]
        return {"confusion_matrix": np.sum(matrices, axis=0).tolist()}

    def draw(self, folder: Path, results: Mapping[str, Any], title: str) -> None:
        """Draw `confusion_matrix.png` and `training_curve.png`."""
        tested = "fold " + ", ".join(str(fold["test_fold"]) for fold in results["folds"])
        mean = f"accuracy {100 * results['accuracy']['mean']:.1f} %"
        draw_confusion_matrix(
            results["confusion_matrix"],
            self.task.labels,
            f"{title}\n{tested}: {mean}",
            folder / "confusion_matrix.png",
        )
        histories = {f"test fold {fold['test_fold']}": fold["history"] for fold in results["folds"]}
        metric = self.task.selection_metric
        draw_training_curves(histories, metric, title, folder / "training_curve.png")
