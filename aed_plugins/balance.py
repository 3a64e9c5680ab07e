"""Rare classes: how often their clips are drawn, how much they count.

Source: Kong et al., "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern
Recognition" (TASLP 2020), balanced sampling; here each clip is drawn with a weight, as in Gong et
al., "AST: Audio Spectrogram Transformer" (Interspeech 2021), rather than class by class.
"""

import numpy as np
import numpy.typing as npt
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.dataio.sampler import ReproducibleWeightedRandomSampler

from aed_plugins.streamed_clips import StreamedClips
from aed_plugins.tasks import Task

BALANCES = ("none", "class_weights", "sampling")


def presence(dataset: DynamicItemDataset, task: Task) -> npt.NDArray[np.float32]:
    """Mark which clips have which labels, `(clip, class)`, 1 or 0.

    Parameters
    ----------
    dataset : DynamicItemDataset
        Clips with `labels`.
    task : Task
        Whose labels they are.
    """
    return np.stack([task.present(dataset.data[name]["labels"]) for name in dataset.data_ids])


def label_counts(
    dataset: DynamicItemDataset | StreamedClips, task: Task
) -> tuple[npt.NDArray[np.float64], int]:
    """Give how many clips have each label `(class,)`, and how many clips there are.

    Parameters
    ----------
    dataset : DynamicItemDataset or StreamedClips
        The clips.
    task : Task
        Whose labels they are.
    """
    if isinstance(dataset, StreamedClips):
        return dataset.label_counts()
    present = presence(dataset, task)
    return present.sum(0, dtype=np.float64), len(present)


def clip_weights(present: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Weigh each clip by the sum over its labels of 1 / (clips that have the label).

    Clips without any label count together as much as one class.

    Parameters
    ----------
    present : ndarray
        `(clip, class)`, 1 or 0.

    Examples
    --------
    >>> clip_weights(np.array([[1, 0], [1, 1], [0, 0]], np.float32))
    array([0.5, 1.5, 1. ])
    """
    counts = present.sum(0, dtype=np.float64)
    weights = present @ (1 / np.maximum(counts, 1))
    without = present.sum(1) == 0
    weights[without] = 1 / max(1, int(without.sum()))
    return weights


def balanced_sampler(
    present: npt.NDArray[np.float32], seed: int
) -> ReproducibleWeightedRandomSampler:
    """Draw as many clips per epoch as there are, with replacement, by `clip_weights`.

    Parameters
    ----------
    present : ndarray
        `(clip, class)`, 1 or 0.
    seed : int
        With the epoch it decides what is drawn.
    """
    weights = clip_weights(present)
    return ReproducibleWeightedRandomSampler(weights, len(weights), replacement=True, seed=seed)


def check_balance(balance: str) -> None:
    """Refuse an unknown way of balancing.

    Raises
    ------
    ValueError
        If it is not one of `BALANCES`.
    """
    if balance not in BALANCES:
        raise ValueError(f"balance must be one of {', '.join(BALANCES)}, got {balance!r}")
