"""Balance of rare and frequent classes: weighted sampling of clips, weights of classes.

Source: Kong et al., "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern
Recognition" (TASLP 2020), balanced sampling; here each clip is drawn with a weight, as in Gong et
al., "AST: Audio Spectrogram Transformer" (Interspeech 2021), rather than class by class.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.dataio.sampler import ReproducibleWeightedRandomSampler

from aed_plugins.core import FloatArray
from aed_plugins.data import StreamedClips
from aed_plugins.training.tasks.task import Task

BALANCES = ("none", "class_weights", "sampling")


def list_labels(dataset: DynamicItemDataset) -> list[list[str]]:
    """Return the labels of each clip.

    Parameters
    ----------
    dataset : DynamicItemDataset
        Clips with `labels`.
    """
    return [dataset.data[name]["labels"] for name in dataset.data_ids]


def count_labels(dataset: DynamicItemDataset | StreamedClips, task: Task) -> tuple[FloatArray, int]:
    """Count the clips of each label, `(class,)`, and all clips.

    Parameters
    ----------
    dataset : DynamicItemDataset or StreamedClips
        The clips.
    task : Task
        Whose labels they are.
    """
    if isinstance(dataset, StreamedClips):
        return dataset.label_counts()
    labels = list_labels(dataset)
    counts = Counter(name for names in labels for name in set(names))
    return np.array([counts[name] for name in task.labels], np.float64), len(labels)


def clip_weights(labels: Sequence[Collection[str]]) -> FloatArray:
    """Compute each clip's weight: the sum over its labels of 1 / (clips that have the label).

    Clips without any label count together as much as one class.

    Parameters
    ----------
    labels : sequence of collection of str
        The labels of each clip.

    Examples
    --------
    >>> clip_weights([["siren"], ["siren", "dog"], []])
    array([0.5, 1.5, 1. ])
    """
    counts = Counter(name for names in labels for name in set(names))
    without = sum(not names for names in labels)
    return np.array(
        [sum(1 / counts[name] for name in set(names)) if names else 1 / without for names in labels]
    )


def balanced_sampler(
    labels: Sequence[Collection[str]], seed: int, clips: int
) -> ReproducibleWeightedRandomSampler:
    """Return a sampler that draws clips with replacement, by `clip_weights`.

    Parameters
    ----------
    labels : sequence of collection of str
        The labels of each clip.
    seed : int
        Of the draws, together with the epoch.
    clips : int
        How many to draw in an epoch.
    """
    weights = clip_weights(labels)
    return ReproducibleWeightedRandomSampler(weights, clips, replacement=True, seed=seed)


def check_balance(balance: str) -> None:
    """Check that a way of balancing is known.

    Raises
    ------
    ValueError
        If it is not one of `BALANCES`.
    """
    if balance not in BALANCES:
        raise ValueError(f"balance must be one of {', '.join(BALANCES)}, got {balance!r}")
