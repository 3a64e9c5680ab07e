"""The clips of a training: what an epoch goes through, and how often each label occurs.

A `TaggingBrain` knows this interface alone, wherever the clips come from.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from speechbrain.dataio.sampler import ReproducibleWeightedRandomSampler
from torch.utils.data import ConcatDataset, Dataset

from aed_plugins.core import FloatArray
from aed_plugins.data import StreamedClips
from aed_plugins.training.balancing import balanced_sampler, list_labels
from aed_plugins.training.distributed import number_of_processes, process_rank


class EpochClips(NamedTuple):
    """What a training epoch iterates over.

    Attributes
    ----------
    dataset : Dataset
        The clips.
    sampler : ReproducibleWeightedRandomSampler or None
        Draws their order.
    in_order : bool
        Whether they come in the order of the dataset or of the sampler, never shuffled by a loader.
    """

    dataset: Dataset
    sampler: ReproducibleWeightedRandomSampler | None = None
    in_order: bool = False


class TrainingClips(ABC):
    """The clips of a training, wherever they come from."""

    @abstractmethod
    def arrange(self, balance: str, epoch_clips: int, seed: int) -> EpochClips:
        """Arrange the clips of this process for an epoch.

        Parameters
        ----------
        balance : {"none", "class_weights", "sampling"}
            With sampling, clips are drawn with replacement.
        epoch_clips : int
            See `passes_per_epoch`.
        seed : int
            Of the draws, together with the epoch.
        """

    @abstractmethod
    def count_labels(self, labels: Sequence[str]) -> tuple[FloatArray, int]:
        """Count the clips of all processes that have each label, `(class,)`, and all of them."""

    def start_at(self, epoch: int, step: int) -> None:
        """Set where the next iteration begins: at which batch of which epoch."""
        del epoch, step  # a loader's sampler is told by SpeechBrain


class ListedClips(TrainingClips):
    """The clips of a dataset that knows each by its number.

    Parameters
    ----------
    dataset : Dataset
        The clips. Only a balanced training needs their labels: those of a `DynamicItemDataset`.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def arrange(self, balance: str, epoch_clips: int, seed: int) -> EpochClips:
        """Go through few clips several times, or draw as many by the rarity of their labels."""
        clips = len(self.dataset)  # type: ignore[arg-type]
        passes = passes_per_epoch(clips, epoch_clips)
        if balance == "sampling":
            sampler = balanced_sampler(list_labels(self.dataset), seed, passes * clips)
            return EpochClips(self.dataset, sampler, in_order=True)
        return EpochClips(ConcatDataset([self.dataset] * passes) if passes > 1 else self.dataset)

    def count_labels(self, labels: Sequence[str]) -> tuple[FloatArray, int]:
        """Count the clips that have each label."""
        listed = list_labels(self.dataset)
        counts = Counter(name for names in listed for name in set(names))
        return np.array([counts[name] for name in labels], np.float64), len(listed)


class ShardClips(TrainingClips):
    """Clips that are streamed from shards: gone through once, a part in each process.

    Parameters
    ----------
    streamed : StreamedClips
        The clips of all processes.
    """

    def __init__(self, streamed: StreamedClips) -> None:
        self._all = streamed
        self._part = streamed

    def arrange(self, balance: str, epoch_clips: int, seed: int) -> EpochClips:
        """Take this process's part, in the order of the shards."""
        del balance, epoch_clips, seed
        self._part = self._all.part(process_rank(), number_of_processes())
        return EpochClips(self._part, in_order=True)

    def count_labels(self, labels: Sequence[str]) -> tuple[FloatArray, int]:
        """Return the counts of the shards' index, whose labels these are."""
        del labels
        return self._all.label_counts()

    def start_at(self, epoch: int, step: int) -> None:
        """Go to where a training that was interrupted there goes on."""
        self._part.start_at(epoch, step)


def passes_per_epoch(clips: int, epoch_clips: int) -> int:
    """Compute how many passes over a dataset an epoch has: at least one.

    Parameters
    ----------
    clips : int
        How many the dataset has.
    epoch_clips : int
        About how many clips an epoch of a smaller dataset has.

    Examples
    --------
    >>> [clips * passes_per_epoch(clips, 1500) for clips in (48, 700, 1100, 5000)]
    [1488, 1400, 1100, 5000]
    """
    return max(1, round(epoch_clips / max(1, clips)))


def count_epochs(epoch_counter: Any) -> int:
    """Return how many epochs a training has, with those before it was interrupted.

    Parameters
    ----------
    epoch_counter : iterable of int
        An `EpochCounter`, a range or a list.

    Raises
    ------
    ValueError
        If its number is not known.

    Examples
    --------
    >>> count_epochs(range(1, 4))
    3
    """
    limit = getattr(epoch_counter, "limit", None)
    try:
        return int(len(epoch_counter) if limit is None else limit)
    except TypeError as error:
        raise ValueError(
            "expected epochs whose number is known: an EpochCounter, a range or a list, got"
            f" {epoch_counter!r}"
        ) from error
