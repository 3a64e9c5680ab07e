"""What a task's results look like: the interface of the single-label and multi-label reports."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aed_plugins.metrics import Predictions
from aed_plugins.training import Task


class TaskReport(ABC):
    """Lay out the results of a task as rows, lines and pictures.

    Parameters
    ----------
    task : Task
        What was trained.
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    @abstractmethod
    def rows(self, predictions: Predictions, fold: int | str) -> Iterator[list[Any]]:
        """Give the header and the rows of `predictions.csv`."""

    @abstractmethod
    def table(self, results: Mapping[str, Any]) -> list[str]:
        """Lay the content of `results.json` out in lines."""

    @abstractmethod
    def draw(self, folder: Path, results: Mapping[str, Any], title: str) -> None:
        """Draw the pictures of the content of `results.json` into a folder."""

    @abstractmethod
    def together(self, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Combine the metrics of the folds, besides means and deviations."""
