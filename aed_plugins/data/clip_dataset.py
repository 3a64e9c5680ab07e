"""The clips of a manifest as SpeechBrain's datasets and batches."""

from collections.abc import Callable, Collection
from typing import Any

import speechbrain.utils.data_pipeline as pipeline
import torch
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.dataset import DynamicItemDataset

from aed_plugins.data.manifest import Manifest
from aed_plugins.data.packing import load_clip


def make_waveform_dataset(manifest: Manifest, *items: Any) -> DynamicItemDataset:
    """Make a dataset of the clips of a manifest.

    Parameters
    ----------
    manifest : Manifest
        What `read_manifest` gives, or a part of it.
    *items
        Further dynamic items.

    Returns
    -------
    DynamicItemDataset
        Its items have `id`, `waveform` (float32 `(sample,)`) and what the further ones provide.
    """

    @pipeline.takes("file", "start", "samples")
    @pipeline.provides("waveform")
    def waveform(file: str, start: int, samples: int) -> torch.Tensor:
        return torch.from_numpy(load_clip(file, start, samples))

    provided = [name for item in items for name in item.provides]
    return DynamicItemDataset(manifest, [waveform, *items], ["id", "waveform", *provided])


def make_fold_dataset(
    manifest: Manifest, target: Callable[[list[str]], Any], folds: Collection[int | str]
) -> DynamicItemDataset:
    """Make the dataset of some folds.

    Parameters
    ----------
    manifest : Manifest
        What `read_manifest` gives.
    target : callable
        Turns a clip's labels into what the loss takes: a task's `target`.
    folds : collection of int or str
        The folds whose clips are wanted.

    Returns
    -------
    DynamicItemDataset
        Its items have `id`, `waveform` (float32 `(sample,)`) and `target`.
    """
    clips = {name: entry for name, entry in manifest.items() if entry["fold"] in folds}
    return make_waveform_dataset(clips, make_target_item(target))


def make_target_item(target: Callable[[list[str]], Any]) -> Any:
    """Make the dynamic item `target` of a clip's `labels`.

    Parameters
    ----------
    target : callable
        Turns labels into what the loss takes.
    """

    @pipeline.takes("labels")
    @pipeline.provides("target")
    def item(names: list[str]) -> Any:
        return target(names)

    return item


def collate(examples: list[dict[str, Any]]) -> PaddedBatch:
    """Batch clips: what has a time axis is padded, the rest is stacked."""
    return PaddedBatch(examples, padded_keys=["waveform", "embeddings"])
