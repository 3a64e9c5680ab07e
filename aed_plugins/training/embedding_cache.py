"""Embeddings of a frozen encoder, computed once and kept beside the packed audio.

A shard of packed clips gets a file of embeddings and an index, in embeddings/<key>/ beside it; the
key is made of the weights and settings before the head. What is there is used again, by other
folds, other heads and later runs; what was interrupted goes on after the last finished shard.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import speechbrain.utils.data_pipeline as pipeline
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from aed_plugins.core import atomic_write, write_json
from aed_plugins.data import Manifest, collate, make_target_item, make_waveform_dataset
from aed_plugins.models import AudioTagger, absolute_lengths

# Where a clip's embeddings are: the shard's file, the first step there, the number of steps.
CachedEmbeddings = dict[str, tuple[str, int, int]]


def cache_embeddings(
    tagger: AudioTagger, manifest: Manifest, settings: str, *, progress: bool = True, **loader: Any
) -> CachedEmbeddings:
    """Compute the embeddings of all clips that are not kept yet.

    Parameters
    ----------
    tagger : AudioTagger
        Runs as in inference, on the device where it is.
    manifest : Manifest
        The clips.
    settings : str
        Whatever decides the embeddings besides the weights.
    progress : bool
        Whether to show a progress bar while there is something to do.
    **loader
        For the `DataLoader`.

    Returns
    -------
    dict
        By clip id: the shard's file, the first step there, the number of steps.
    """
    key = _key(tagger, settings)
    shards: dict[str, Manifest] = {}
    for name, entry in manifest.items():
        shards.setdefault(entry["file"], {})[name] = entry
    kept: CachedEmbeddings = {}
    with tqdm(total=len(manifest), desc="embeddings", unit="clip", disable=not progress) as bar:
        for packed, clips in shards.items():
            shard = _Shard(Path(packed), key, clips)
            with shard.locked():  # several runs may want the same embeddings at the same moment
                if not shard.is_kept():
                    shard.write(_embed(tagger, clips, loader, bar))
                kept |= shard.places()
            bar.n = len(kept)
            bar.refresh()
    return kept


def embedding_dataset(
    manifest: Manifest,
    kept: CachedEmbeddings,
    target: Callable[[list[str]], Any],
    folds: Collection[int | str],
) -> DynamicItemDataset:
    """Make the dataset of some folds, with embeddings in place of waveforms.

    Parameters
    ----------
    manifest : Manifest
        The clips.
    kept : dict
        What `cache_embeddings` gave.
    target : callable
        Turns a clip's labels into what the loss wants: a task's `target`.
    folds : collection of int or str
        The folds whose clips are wanted.

    Returns
    -------
    DynamicItemDataset
        Its items have `id`, `embeddings` (float32 `(step, embedding)`) and `target`.
    """

    @pipeline.takes("embeddings_at")
    @pipeline.provides("embeddings")
    def embeddings(place: tuple[str, int, int]) -> Tensor:
        file, start, steps = place
        return torch.from_numpy(_mapped(file)[start : start + steps].copy())

    clips = {
        name: entry | {"embeddings_at": kept[name]}
        for name, entry in manifest.items()
        if entry["fold"] in folds
    }
    items = [embeddings, make_target_item(target)]
    return DynamicItemDataset(clips, items, ["id", "embeddings", "target"])


class _Shard:
    """The embeddings of the clips of one packed file."""

    def __init__(self, packed: Path, key: str, clips: Manifest) -> None:
        self.clips = clips
        self.file = packed.parent / "embeddings" / key / packed.name
        self.index = self.file.with_suffix(".json")
        stat = packed.stat()
        self.cuts = {name: [entry["start"], entry["samples"]] for name, entry in clips.items()}
        self.packed = [stat.st_size, stat.st_mtime_ns]

    def locked(self) -> filelock.BaseFileLock:
        """Keep other processes out; a lock whose process has died is free."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.file.with_suffix(".lock"))

    def _read(self) -> dict[str, Any]:
        try:
            return json.loads(self.index.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}  # nothing is there, or it is damaged: it is computed

    def is_kept(self) -> bool:
        """Tell whether all clips' embeddings are there."""
        index = self._read()
        cuts = index.get("clips", {})
        same = all(cuts.get(name) == cut for name, cut in self.cuts.items())
        return same and index.get("packed") == self.packed and self.file.is_file()

    def write(self, embeddings: dict[str, np.ndarray]) -> None:
        """Write embeddings by clip, then the index that makes them count."""
        self.index.unlink(missing_ok=True)
        with atomic_write(self.file) as temporary:
            np.save(temporary, np.concatenate(list(embeddings.values())))
        _mapped.cache_clear()
        steps = {name: len(values) for name, values in embeddings.items()}
        write_json(self.index, {"packed": self.packed, "clips": self.cuts, "steps": steps})

    def places(self) -> CachedEmbeddings:
        """Tell where each clip's embeddings are."""
        places, start = {}, 0
        for name, steps in self._read()["steps"].items():
            if name in self.clips:
                places[name] = (str(self.file), start, steps)
            start += steps
        return places


@functools.lru_cache(maxsize=256)  # each map holds a file open, and 1024 of them is a usual limit
def _mapped(file: str) -> np.ndarray:
    return np.load(file, mmap_mode="r")


def _key(tagger: AudioTagger, settings: str) -> str:
    digest = hashlib.sha256(settings.encode())
    for name, tensor in tagger.state_dict().items():
        if not name.startswith("head."):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def _embed(
    tagger: AudioTagger, clips: Manifest, loader: dict[str, Any], bar: tqdm
) -> dict[str, np.ndarray]:
    was_training, device = tagger.training, next(iter(tagger.state_dict().values())).device
    tagger.eval()
    embeddings = {}
    for batch in DataLoader(make_waveform_dataset(clips), collate_fn=collate, **loader):
        waveform, lengths = (tensor.to(device) for tensor in batch.waveform)
        values, shares = tagger.embed(waveform, lengths)
        steps = absolute_lengths(torch.as_tensor(shares), values.shape[1]).tolist()
        for name, clip, count in zip(batch.id, values.float().cpu().numpy(), steps, strict=True):
            embeddings[name] = clip[:count]
        bar.update(len(batch.id))
    tagger.train(was_training)
    return embeddings
