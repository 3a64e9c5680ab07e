"""The clips of an epoch: one pass, several passes over few clips, weighted draws, or shards."""

from typing import NamedTuple

from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.dataio.sampler import ReproducibleWeightedRandomSampler
from torch.utils.data import ConcatDataset, Dataset

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
        Draws their order; without it they are shuffled, or come in the order of their shards.
    """

    dataset: Dataset
    sampler: ReproducibleWeightedRandomSampler | None = None


def arrange_epoch(
    train_set: DynamicItemDataset | StreamedClips, balance: str, epoch_clips: int, seed: int
) -> EpochClips:
    """Arrange training clips for an epoch.

    Parameters
    ----------
    train_set : DynamicItemDataset or StreamedClips
        The training clips. Those from shards are gone through once, a part in each process.
    balance : {"none", "class_weights", "sampling"}
        With sampling, clips are drawn with replacement.
    epoch_clips : int
        See `passes_per_epoch`.
    seed : int
        Of the draws, together with the epoch.
    """
    if isinstance(train_set, StreamedClips):
        return EpochClips(train_set.part(process_rank(), number_of_processes()))
    passes = passes_per_epoch(len(train_set), epoch_clips)
    if balance == "sampling":
        clips = passes * len(train_set)
        return EpochClips(train_set, balanced_sampler(list_labels(train_set), seed, clips))
    return EpochClips(ConcatDataset([train_set] * passes) if passes > 1 else train_set)


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


def check_epoch_clips(epoch_clips: int) -> None:
    """Check that `epoch_clips` is a number of clips.

    Raises
    ------
    ValueError
        If it is not a whole number, 0 or more.
    """
    if not isinstance(epoch_clips, int) or isinstance(epoch_clips, bool) or epoch_clips < 0:
        raise ValueError(f"epoch_clips must be a whole number, 0 or more, got {epoch_clips!r}")
