"""Manifests: JSON files that list the clips of a dataset, read by SpeechBrain.

An entry is `{"file": ..., "start": ..., "samples": ..., "labels": [...], "fold": ...}`: where the
packed waveform is, in samples; the clip's labels; and its fold where the dataset has folds.
"""

import hashlib
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import speechbrain.utils.data_pipeline as pipeline
import torch
import torch.distributed
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.dataset import DynamicItemDataset

from aed_plugins.data.packing import load_clip

Manifest = dict[str, dict[str, Any]]  # clip id to entry


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest: clip id to entry, about 0.5 kB of memory each.

    Parameters
    ----------
    path : str or Path
        The JSON file.
    """
    files: dict[str, str] = {}
    sets: dict[tuple[str, ...], list[str]] = {}

    def shared(entry: dict[str, Any]) -> dict[str, Any]:
        """Keep what many clips have in common once: it halves the memory."""
        if "file" in entry:
            entry["file"] = files.setdefault(entry["file"], entry["file"])
            entry["labels"] = sets.setdefault(tuple(entry["labels"]), entry["labels"])
        return entry

    with Path(path).open(encoding="utf-8") as file:
        return json.load(file, object_hook=shared)


def compute_manifest_fingerprint(manifest: Manifest) -> str:
    """Compute a short text that changes with the clips, their lengths, labels or folds.

    Parameters
    ----------
    manifest : Manifest
        What `read_manifest` gives.

    Examples
    --------
    >>> entry = {"file": "a.npy", "start": 0, "samples": 16000, "labels": ["siren"], "fold": 1}
    >>> moved = entry | {"file": "elsewhere/a.npy"}
    >>> compute_manifest_fingerprint({"a": entry}) == compute_manifest_fingerprint({"a": moved})
    True
    >>> other = entry | {"fold": 2}
    >>> compute_manifest_fingerprint({"a": entry}) == compute_manifest_fingerprint({"a": other})
    False
    """
    rows = sorted((i, e["samples"], e["labels"], e.get("fold")) for i, e in manifest.items())
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


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
        Turns a clip's labels into what the loss wants: a task's `target`.
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
        Turns labels into what the loss wants.
    """

    @pipeline.takes("labels")
    @pipeline.provides("target")
    def item(names: list[str]) -> Any:
        return target(names)

    return item


def collate(examples: list[dict[str, Any]]) -> PaddedBatch:
    """Batch clips: what has a time axis is padded, the rest is stacked."""
    return PaddedBatch(examples, padded_keys=["waveform", "embeddings"])
