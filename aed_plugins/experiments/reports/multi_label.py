"""The report of a multi-label task."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aed_plugins.experiments.plots import draw_per_class, draw_training_curves
from aed_plugins.experiments.reports.task_report import TaskReport
from aed_plugins.metrics import Predictions
from aed_plugins.training import RATES, MultiLabel


class MultiLabelReport(TaskReport):
    """Write precision, recall, F1 and the ranking metrics, each with its interval.

    Parameters
    ----------
    task : MultiLabel
        What was trained; its thresholds decide what is predicted.
    """

    task: MultiLabel

    def prediction_rows(self, predictions: Predictions, fold: int | str) -> Iterator[list[Any]]:
        """Yield name, fold, labels, predicted labels and a probability per label."""
        yield ["clip", "fold", "labels", "predicted", *self.task.labels]
        columns = (predictions.ids, predictions.targets, predictions.probabilities)
        for name, target, scores in zip(*columns, strict=True):
            chosen = (target > 0, scores >= self.task.thresholds.values)
            named = [";".join(np.array(self.task.labels)[marks]) for marks in chosen]
            yield [name, fold, *named, *(f"{score:.6f}" for score in scores)]

    def table_lines(self, results: Mapping[str, Any]) -> list[str]:
        """Return the paper's table (precision, recall, F1), the other metrics, a line per class."""
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

    def combine_folds(self, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return nothing: each fold has a table of its own."""
        return {}

    def draw(self, folder: Path, results: Mapping[str, Any], title: str) -> None:
        """Draw `per_class.png` (of the last fold) and `training_curve.png`."""
        last = results["folds"][-1]
        above = f"{title}\n{last['test_fold']}: mAP {_number(last['mAP'])}"
        draw_per_class(last["per_class"], above, folder / "per_class.png")
        histories = {str(fold["test_fold"]): fold["history"] for fold in results["folds"]}
        metric = self.task.selection_metric
        draw_training_curves(histories, metric, title, folder / "training_curve.png")


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
