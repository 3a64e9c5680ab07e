"""The results of a cross-validation: figures, predictions, pictures and a table."""

import csv
import json
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from aed_plugins.files import write_json, written_beside
from aed_plugins.metrics import Predictions
from aed_plugins.plots import draw_confusion_matrix, draw_training_curves

VERSIONS_OF = ("aed-plugins", "speechbrain", "torch", "torchaudio", "numpy")


@dataclass(frozen=True)
class FoldResult:
    """What one fold's run gave.

    Attributes
    ----------
    test_fold : int
        The fold that was tested.
    valid_folds, train_folds : list of int
        The folds that chose the checkpoint and that were trained on.
    data_state : str
        `complete`, `partial` or `demonstration`.
    clips : int
        Clips tested.
    accuracy, macro_f1, cross_entropy : float
        Over the clips of the test fold.
    epochs, tested_epoch : int
        Epochs trained, and the one whose checkpoint was tested.
    seconds : float
        Training and validation; of an epoch that was interrupted, what came after.
    processes : int
        Number of processes.
    device, precision : str
        Where and in which precision.
    confusion_matrix : list of list of int
        Clips by right label (rows) and predicted label (columns).
    history : list of dict
        A row of figures per epoch.
    """

    test_fold: int
    valid_folds: list[int]
    train_folds: list[int]
    data_state: str
    clips: int
    accuracy: float
    macro_f1: float
    cross_entropy: float
    epochs: int
    tested_epoch: int
    seconds: float
    processes: int
    device: str
    precision: str
    confusion_matrix: list[list[int]]
    history: list[dict[str, Any]]

    def write(self, path: Path) -> None:
        """Write the result as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "FoldResult":
        """Read what `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def write_predictions(
    path: Path, predictions: Predictions, labels: Sequence[str], fold: int
) -> None:
    """Write a row per clip: name, fold, right label, predicted label, a probability per label.

    Parameters
    ----------
    path : Path
        The CSV file.
    predictions : Predictions
        Of the clips of one fold.
    labels : sequence of str
        Names of the labels, in the order of their indices.
    fold : int
        The fold.
    """
    columns = (
        predictions.ids,
        predictions.targets,
        predictions.predicted,
        predictions.probabilities,
    )
    with (
        written_beside(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["slice_file_name", "fold", "class", "predicted", *labels])
        for name, target, predicted, probabilities in zip(*columns, strict=True):
            shares = [f"{probability:.6f}" for probability in probabilities]
            writer.writerow([name, fold, labels[target], labels[predicted], *shares])


def write_results(
    folder: Path,
    results: Sequence[FoldResult],
    labels: Sequence[str],
    name: str,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Write `results.json`, `predictions.csv` and the two pictures over the finished folds.

    Parameters
    ----------
    folder : Path
        The output folder; each fold's `predictions.csv` is in `fold<n>` below it.
    results : sequence of FoldResult
        The finished folds.
    labels : sequence of str
        Names of the labels, in the order of their indices.
    name : str
        What stands above the pictures.
    data : mapping
        What there is to say of the data; its `state` is `complete`, `partial` or `demonstration`.

    Returns
    -------
    dict
        The content of `results.json`.
    """
    matrix = np.sum([result.confusion_matrix for result in results], axis=0)
    content = {
        "data": dict(data),
        "labels": list(labels),
        "accuracy": _mean_and_deviation([result.accuracy for result in results]),
        "macro_f1": _mean_and_deviation([result.macro_f1 for result in results]),
        "confusion_matrix": matrix.tolist(),
        "folds": [asdict(result) for result in results],
        "versions": {"python": platform.python_version()} | {n: version(n) for n in VERSIONS_OF},
        "command": shlex.join(["python", *sys.argv]),
    }
    write_json(folder / "results.json", content)
    if data["state"] == "demonstration":
        (folder / "DEMONSTRATION.txt").write_text(about(data) + "\n", encoding="utf-8")
    _join_predictions(folder, [result.test_fold for result in results])
    mean = f"accuracy {100 * content['accuracy']['mean']:.1f} %"
    state = "" if data["state"] == "complete" else f" ({data['state']} data)"
    folds = "fold " + ", ".join(str(result.test_fold) for result in results)
    draw_confusion_matrix(
        matrix, labels, f"{name}{state}\n{folds}: {mean}", folder / "confusion_matrix.png"
    )
    histories = {f"test fold {result.test_fold}": result.history for result in results}
    draw_training_curves(histories, f"{name}{state}", folder / "training_curve.png")
    return content


def table(results: Mapping[str, Any]) -> str:
    """Lay the content of `results.json` out for reading.

    Parameters
    ----------
    results : mapping
        What `write_results` gave.
    """
    lines = ["test fold  valid folds  clips  accuracy  macro-F1  epochs  seconds"]
    for fold in results["folds"]:
        valid = ",".join(map(str, fold["valid_folds"])) or "none"
        lines.append(
            f"{fold['test_fold']:>9}  {valid:>11}  {fold['clips']:>5}  {fold['accuracy']:>8.1%}"
            f"  {fold['macro_f1']:>8.1%}  {fold['epochs']:>6}  {fold['seconds']:>7.0f}"
        )
    accuracy, f1 = results["accuracy"], results["macro_f1"]
    lines.append(f"{'mean':>9}  {'':>11}  {'':>5}  {accuracy['mean']:>8.1%}  {f1['mean']:>8.1%}")
    if accuracy["deviation"] is not None:
        deviations = f"{accuracy['deviation']:>8.1%}  {f1['deviation']:>8.1%}"
        lines.append(f"{'deviation':>9}  {'':>11}  {'':>5}  {deviations}")
    lines.append(about(results["data"]))
    return "\n".join(lines)


def about(data: Mapping[str, Any]) -> str:
    """Say in a line what the figures were measured on.

    Parameters
    ----------
    data : mapping
        As for `write_results`.
    """
    match data["state"]:
        case "demonstration":
            text = "DEMONSTRATION: synthesised sounds; these figures say nothing about real sound."
        case "partial":
            text = (
                f"PARTIAL DATA: {data['clips']} of {data['expected_clips']} clips; not comparable"
            )
            text += " with published figures."
        case _:
            text = f"Complete data: {data['clips']} clips."
    skipped = data["skipped_clips"]
    return f"{text} {len(skipped)} bad clips were left out." if skipped else text


def _mean_and_deviation(values: Sequence[float]) -> dict[str, float | None]:
    """Give the mean and the sample standard deviation, which one value has none of."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "deviation": deviation}


def _join_predictions(folder: Path, folds: Sequence[int]) -> None:
    with (
        written_beside(folder / "predictions.csv") as temporary,
        temporary.open("w", encoding="utf-8") as joined,
    ):
        for number, fold in enumerate(folds):
            header, *rows = (
                (folder / f"fold{fold}/predictions.csv").read_text("utf-8").splitlines(True)
            )
            joined.writelines(rows if number else [header, *rows])
