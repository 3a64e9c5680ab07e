"""Balance of rare and frequent classes: weighted sampling of clips, weights of classes.

Source: Kong et al., "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern
Recognition" (TASLP 2020), balanced sampling; here each clip is drawn with a weight, as in Gong et
al., "AST: Audio Spectrogram Transformer" (Interspeech 2021), rather than class by class.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from speechbrain.dataio.sampler import ReproducibleWeightedRandomSampler
from torch.utils.data import Dataset

from aed_plugins.core import FloatArray

BALANCES = ("none", "class_weights", "sampling")


def list_labels(dataset: Dataset) -> list[list[str]]:
    """Return the labels of each clip.

    Parameters
    ----------
    dataset : Dataset
        A `DynamicItemDataset` of clips with `labels`.

    Raises
    ------
    ValueError
        If it is another dataset.
    """
    clips = getattr(dataset, "data", None)
    if clips is None:
        raise ValueError(
            "a balanced training needs a DynamicItemDataset of clips with labels, got a"
            f" {type(dataset).__name__}"
        )
    return [clips[name]["labels"] for name in dataset.data_ids]  # type: ignore[attr-defined]


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
