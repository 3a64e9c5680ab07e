"""Manifests: JSON files that list the clips of a dataset, read by SpeechBrain.

An entry is `{"file": ..., "start": ..., "samples": ..., "labels": [...], "fold": ...}`: where the
packed waveform is, in samples; the clip's labels; and its fold where the dataset has folds.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import speechbrain.utils.data_pipeline as pipeline
import torch
from speechbrain.dataio.dataset import DynamicItemDataset

from aed_plugins.packing import load_clip

Manifest = dict[str, dict[str, Any]]  # clip id to entry


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest: clip id to entry.

    Parameters
    ----------
    path : str or Path
        The JSON file.
    """
    return json.loads(Path(path).read_text(encoding="utf-8"))


def fingerprint(manifest: Manifest) -> str:
    """Give a short text that changes with the clips, their lengths, labels or folds.

    Parameters
    ----------
    manifest : Manifest
        What `read_manifest` gives.

    Examples
    --------
    >>> entry = {"file": "a.npy", "start": 0, "samples": 16000, "labels": ["siren"], "fold": 1}
    >>> fingerprint({"a": entry}) == fingerprint({"a": entry | {"file": "elsewhere/a.npy"}})
    True
    >>> fingerprint({"a": entry}) == fingerprint({"a": entry | {"fold": 2}})
    False
    """
    rows = sorted((i, e["samples"], e["labels"], e.get("fold")) for i, e in manifest.items())
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def clips_of_folds(
    manifest: Manifest, labels: Sequence[str], folds: Collection[int]
) -> DynamicItemDataset:
    """Make the dataset of some folds, one label per clip.

    Parameters
    ----------
    manifest : Manifest
        What `read_manifest` gives.
    labels : sequence of str
        All labels, in the order of their indices.
    folds : collection of int
        The folds whose clips are wanted.

    Returns
    -------
    DynamicItemDataset
        Its items have `id`, `waveform` (float32 `(sample,)`) and `target` (the label's index).
    """
    index = {label: number for number, label in enumerate(labels)}

    @pipeline.takes("file", "start", "samples")
    @pipeline.provides("waveform")
    def waveform(file: str, start: int, samples: int) -> torch.Tensor:
        return torch.from_numpy(load_clip(file, start, samples))

    @pipeline.takes("labels")
    @pipeline.provides("target")
    def target(names: list[str]) -> int:
        return index[names[0]]

    clips = {name: entry for name, entry in manifest.items() if entry["fold"] in folds}
    return DynamicItemDataset(clips, [waveform, target], ["id", "waveform", "target"])
