"""The results of a cross-validation: metrics, predictions, pictures and a table."""

import csv
import json
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from aed_plugins.core import InputError, atomic_write, write_json
from aed_plugins.data import describe_data
from aed_plugins.experiments.reports.factory import make_report
from aed_plugins.metrics import Predictions
from aed_plugins.training import Task

VERSIONS_OF = ("aed-plugins", "speechbrain", "torch", "torchaudio", "numpy")


@dataclass(frozen=True)
class FoldResult:
    """The result of one fold.

    Attributes
    ----------
    test_fold : int or str
        The fold that was tested.
    valid_folds, train_folds : list of int or str
        The folds that chose the checkpoint and that were trained on.
    data_state : str
        `complete`, `partial` or `demonstration`.
    clips : int
        Clips tested.
    metrics : dict
        Over the clips of the test fold: what the task's `metrics` gives.
    epochs, tested_epoch : int
        Epochs trained, and the one whose checkpoint was tested.
    seconds : float
        Training and validation; of an epoch that was interrupted, what came after.
    processes : int
        Number of processes.
    device, precision : str
        Where and in which precision.
    history : list of dict
        The metrics of each epoch.
    """

    test_fold: int | str
    valid_folds: list[int | str]
    train_folds: list[int | str]
    data_state: str
    clips: int
    metrics: dict[str, Any]
    epochs: int
    tested_epoch: int
    seconds: float
    processes: int
    device: str
    precision: str
    history: list[dict[str, Any]]

    def write(self, path: Path) -> None:
        """Write the result as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "FoldResult":
        """Read what `write` wrote.

        Raises
        ------
        InputError
            If the file holds something else.
        """
        try:
            result = cls(**json.loads(path.read_text(encoding="utf-8")))
            if not isinstance(result.metrics, dict):
                raise TypeError(result.metrics)
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: expected a fold's result, got something else") from error
        return result


def write_predictions(path: Path, predictions: Predictions, task: Task, fold: int | str) -> None:
    """Write a row per clip.

    Parameters
    ----------
    path : Path
        The CSV file.
    predictions : Predictions
        Of the clips of one fold.
    task : Task
        One label per clip or several.
    fold : int or str
        The fold.
    """
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows(make_report(task).prediction_rows(predictions, fold))


def write_results(
    folder: Path,
    results: Mapping[str, FoldResult],
    task: Task,
    name: str,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Write `results.json`, `predictions.csv` and the pictures over the finished folds.

    Parameters
    ----------
    folder : Path
        The output folder.
    results : mapping of str to FoldResult
        The finished folds, by the name of the folder below it that holds their `predictions.csv`.
    task : Task
        One label per clip or several.
    name : str
        The title of the pictures.
    data : mapping
        The facts about the data; its `state` is `complete`, `partial` or `demonstration`;
        it counts `clips`, `expected_clips` and the `bad_clips` that were left out.

    Returns
    -------
    dict
        The content of `results.json`.
    """
    report = make_report(task)
    folds = []
    for result in results.values():
        common = asdict(result)
        folds.append(common.pop("metrics") | common)
    content = {
        "name": name,
        "data": dict(data),
        "labels": task.labels,
        **{key: _mean_and_deviation([fold[key] for fold in folds]) for key in task.summary_metrics},
        **_validation(results.values(), task),
        **report.combine_folds(folds),
        "folds": folds,
        **provenance(),
    }
    write_json(folder / "results.json", content)
    if data["state"] == "demonstration":
        (folder / "DEMONSTRATION.txt").write_text(describe_data(data) + "\n", encoding="utf-8")
    _join_predictions(folder, list(results))
    state = "" if data["state"] == "complete" else f" ({data['state']} data)"
    report.draw(folder, content, f"{name}{state}")
    return content


def results_table(results: Mapping[str, Any], task: Task) -> str:
    """Return the content of `results.json` as a table to read.

    Parameters
    ----------
    results : mapping
        What `write_results` gave.
    task : Task
        One label per clip or several.
    """
    return "\n".join([*make_report(task).table_lines(results), describe_data(results["data"])])


def provenance() -> dict[str, Any]:
    """Return the command that made the results, and the versions of the libraries."""
    return {
        "versions": {"python": platform.python_version()} | {n: version(n) for n in VERSIONS_OF},
        "command": shlex.join(["python", *sys.argv]),
    }


def _validation(results: Iterable[FoldResult], task: Task) -> dict[str, Any]:
    """Summarize the metric that chose the checkpoints, if every fold has validation clips."""
    key = f"valid_{task.selection_metric}"
    rows = [result.history[result.tested_epoch - 1] for result in results]
    if not all(key in row for row in rows):
        return {}
    return {key: _mean_and_deviation([row[key] for row in rows])}


def _mean_and_deviation(values: Sequence[float | None]) -> dict[str, float | None]:
    """Compute mean and sample standard deviation; of a single value the latter is None."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {"mean": None, "deviation": None}
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return {"mean": float(np.mean(known)), "deviation": deviation}


def _join_predictions(folder: Path, folds: Sequence[str]) -> None:
    with (
        atomic_write(folder / "predictions.csv") as temporary,
        temporary.open("w", encoding="utf-8") as joined,
    ):
        for number, fold in enumerate(folds):
            header, *rows = (folder / fold / "predictions.csv").read_text("utf-8").splitlines(True)
            joined.writelines(rows if number else [header, *rows])
