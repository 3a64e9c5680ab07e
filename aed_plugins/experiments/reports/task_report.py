"""The interface of a task's report: predictions, table and pictures of a run's results."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aed_plugins.metrics import Predictions
from aed_plugins.training import Task


class TaskReport(ABC):
    """Write the results of a task as rows, lines and pictures.

    Parameters
    ----------
    task : Task
        What was trained.
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    @abstractmethod
    def prediction_rows(self, predictions: Predictions, fold: int | str) -> Iterator[list[Any]]:
        """Yield the header and the rows of `predictions.csv`."""

    @abstractmethod
    def table_lines(self, results: Mapping[str, Any]) -> list[str]:
        """Return the content of `results.json` as a table to read."""

    @abstractmethod
    def draw(self, folder: Path, results: Mapping[str, Any], title: str) -> None:
        """Draw the pictures of the content of `results.json` into a folder."""

    @abstractmethod
    def combine_folds(self, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Combine the metrics of the folds, besides means and deviations."""
