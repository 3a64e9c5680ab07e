"""The interface of a task: what differs between one label per clip and several."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from aed_plugins.core import FloatArray, InputError, first_few
from aed_plugins.metrics import Predictions


class Task(ABC):
    """What differs between one label per clip and several.

    Parameters
    ----------
    labels : sequence of str
        All labels, in the order of their indices.

    Raises
    ------
    ValueError
        If they are no list of different labels.

    Attributes
    ----------
    selection_metric : str
        The validation metric that chooses the checkpoint: the larger, the better.
    summary_metrics : tuple of str
        The metrics whose mean and deviation over folds are reported.
    """

    selection_metric: ClassVar[str]
    summary_metrics: ClassVar[tuple[str, ...]]

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = [] if isinstance(labels, str) else list(labels)
        self.index = {label: number for number, label in enumerate(self.labels)}
        if not self.labels or len(self.index) < len(self.labels):
            raise ValueError(f"expected a list of labels that differ, got {labels!r}")

    def indices(self, names: Sequence[str]) -> list[int]:
        """Return the indices of a clip's labels.

        Parameters
        ----------
        names : sequence of str
            The labels.

        Raises
        ------
        InputError
            If they are no list, or one is not among the task's labels.
        """
        if isinstance(names, str):
            raise InputError(f"expected a list of labels, got {names!r}")
        unknown = [name for name in names if name not in self.index]
        if unknown:
            raise InputError(
                f"label {unknown[0]!r} of a clip is none of {first_few(self.labels)}: a dataset"
                " lists all its labels"
            )
        return [self.index[name] for name in names]

    def multi_hot(self, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return 1 for each of a clip's labels, 0 for the others: `(class,)`."""
        marks = np.zeros(len(self.labels), np.float32)
        marks[self.indices(names)] = 1
        return marks

    @abstractmethod
    def target(self, names: Sequence[str]) -> Any:
        """Return a clip's labels in the form that the loss takes."""

    @abstractmethod
    def soft_targets(self, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return targets that can be mixed, and that the loss takes too.

        Parameters
        ----------
        targets : Tensor
            Of a batch, as `target` gives them, or soft already: `(batch, class)`, float.
        smoothing : float
            Label smoothing, from 0 to 1: the probability that is spread over the classes. Source:
            Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (CVPR 2016).

        Returns
        -------
        Tensor
            `(batch, class)`, float, from 0 to 1.
        """

    @abstractmethod
    def class_weights(self, counts: FloatArray, clips: int) -> Tensor:
        """Return weights for the loss that make rare classes count as much as frequent ones.

        Parameters
        ----------
        counts : ndarray
            `(class,)`, training clips that have each label.
        clips : int
            Training clips.
        """

    @abstractmethod
    def loss(self, logits: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Compute the training loss.

        Parameters
        ----------
        logits : Tensor
            `(batch, class)`.
        targets : Tensor
            What `target` gave, batched.
        weights : Tensor, optional
            What `class_weights` gave.
        """

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """Compute probabilities from logits along the last axis."""

    @abstractmethod
    def validate(self, predictions: Predictions) -> dict[str, float]:
        """Compute the metrics of an epoch's validation; tune what is tuned on validation clips."""

    @abstractmethod
    def metrics(self, predictions: Predictions) -> dict[str, Any]:
        """Compute the metrics of a test, fit for JSON."""

    def recoverables(self) -> dict[str, Any]:
        """Return what the task stores in checkpoints, by name."""
        return {}
