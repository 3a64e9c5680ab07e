"""What a task is: the interface of single_label.py and multi_label.py."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from aed_plugins.core import FloatArray
from aed_plugins.metrics import Predictions


class Task(ABC):
    """What differs between one label per clip and several.

    Parameters
    ----------
    labels : sequence of str
        All labels, in the order of their indices.

    Attributes
    ----------
    best : str
        The validation figure that chooses the checkpoint: the larger, the better.
    averaged : tuple of str
        The figures whose mean and deviation over folds are given.
    """

    best: ClassVar[str]
    averaged: ClassVar[tuple[str, ...]]

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self.index = {label: number for number, label in enumerate(self.labels)}

    def present(self, names: Sequence[str]) -> npt.NDArray[np.float32]:
        """Mark a clip's labels, `(class,)`, 1 or 0."""
        marks = np.zeros(len(self.labels), np.float32)
        marks[[self.index[name] for name in names]] = 1
        return marks

    @abstractmethod
    def target(self, names: Sequence[str]) -> Any:
        """Give what a clip's labels are to the loss."""

    @abstractmethod
    def soft(self, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Give targets that can be mixed, and that the loss takes too.

        Parameters
        ----------
        targets : Tensor
            Of a batch, as `target` gives them, or soft already: `(batch, class)`, float.
        smoothing : float
            Label smoothing, from 0 to 1: how much of certainty becomes doubt. Source: Szegedy et
            al., "Rethinking the Inception Architecture for Computer Vision" (CVPR 2016).

        Returns
        -------
        Tensor
            `(batch, class)`, float, from 0 to 1.
        """

    @abstractmethod
    def class_weights(self, counts: FloatArray, clips: int) -> Tensor:
        """Give weights for the loss that make rare classes count as much as frequent ones.

        Parameters
        ----------
        counts : ndarray
            `(class,)`, training clips that have each label.
        clips : int
            Training clips.
        """

    @abstractmethod
    def loss(self, logits: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Give the training loss.

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
        """Turn logits into probabilities along the last axis."""

    @abstractmethod
    def watch(self, predictions: Predictions) -> dict[str, float]:
        """Give the figures of an epoch's validation; tune there what is tuned on it."""

    @abstractmethod
    def figures(self, predictions: Predictions) -> dict[str, Any]:
        """Give the figures of a test, fit for JSON."""

    def recoverables(self) -> dict[str, Any]:
        """Name what the task keeps in checkpoints."""
        return {}
