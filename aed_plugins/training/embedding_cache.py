"""Cache of a frozen encoder's embeddings, next to the packed audio.

Each file of packed clips gets a file of embeddings and an index, in the folder embeddings/<key>/
next to it; the key is made of the weights and settings before the head. Cached embeddings are used
by other folds, other heads and later runs; an interrupted computation goes on after the last
finished file.
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
from aed_plugins.models import AudioTagger, absolute_lengths, name_out_of_memory

# By clip id, where its embeddings are: the file, the first step there, the number of steps.
CachedEmbeddings = dict[str, tuple[str, int, int]]


def cache_embeddings(
    tagger: AudioTagger, manifest: Manifest, settings: str, *, progress: bool = True, **loader: Any
) -> CachedEmbeddings:
    """Compute the embeddings of all clips that are not cached yet.

    Parameters
    ----------
    tagger : AudioTagger
        Run as in inference, on its own device.
    manifest : Manifest
        The clips.
    settings : str
        All that changes the embeddings, besides the weights.
    progress : bool
        Whether to show a progress bar.
    **loader
        For the `DataLoader`.

    Returns
    -------
    dict
        By clip id: the file, the first step there, the number of steps.
    """
    key = _compute_key(tagger, settings)
    files: dict[str, Manifest] = {}
    for name, entry in manifest.items():
        files.setdefault(entry["file"], {})[name] = entry
    cached: CachedEmbeddings = {}
    with tqdm(total=len(manifest), desc="embeddings", unit="clip", disable=not progress) as bar:
        for packed, clips in files.items():
            file = _EmbeddingFile(Path(packed), key, clips)
            with file.lock():  # several runs may need the same embeddings at the same time
                if not file.is_complete():
                    file.write(_embed(tagger, clips, loader, bar))
                cached |= file.locate()
            bar.n = len(cached)
            bar.refresh()
    return cached


def embedding_dataset(
    manifest: Manifest,
    cached: CachedEmbeddings,
    target: Callable[[list[str]], Any],
    folds: Collection[int | str],
) -> DynamicItemDataset:
    """Return the dataset of some folds, with embeddings instead of waveforms.

    Parameters
    ----------
    manifest : Manifest
        The clips.
    cached : dict
        What `cache_embeddings` returned.
    target : callable
        Turns a clip's labels into the target: a task's `target`.
    folds : collection of int or str
        The folds whose clips to take.

    Returns
    -------
    DynamicItemDataset
        Its items have `id`, `embeddings` (float32 `(step, embedding)`) and `target`.
    """

    @pipeline.takes("embeddings_at")
    @pipeline.provides("embeddings")
    def embeddings(location: tuple[str, int, int]) -> Tensor:
        file, start, steps = location
        return torch.from_numpy(_map_file(file)[start : start + steps].copy())

    clips = {
        name: entry | {"embeddings_at": cached[name]}
        for name, entry in manifest.items()
        if entry["fold"] in folds
    }
    items = [embeddings, make_target_item(target)]
    return DynamicItemDataset(clips, items, ["id", "embeddings", "target"])


class _EmbeddingFile:
    """The embeddings of the clips of one packed file."""

    def __init__(self, packed: Path, key: str, clips: Manifest) -> None:
        self.clips = clips
        self.file = packed.parent / "embeddings" / key / packed.name
        self.index = self.file.with_suffix(".json")
        stat = packed.stat()
        self.cuts = {name: [entry["start"], entry["samples"]] for name, entry in clips.items()}
        self.packed = [stat.st_size, stat.st_mtime_ns]

    def lock(self) -> filelock.BaseFileLock:
        """Return a lock against other processes; that of a process that died is free."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(self.file.with_suffix(".lock"))

    def _read_index(self) -> dict[str, Any]:
        try:
            return json.loads(self.index.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}  # missing or damaged: the embeddings are computed

    def is_complete(self) -> bool:
        """Return whether the embeddings of all clips are cached."""
        index = self._read_index()
        cuts = index.get("clips", {})
        same = all(cuts.get(name) == cut for name, cut in self.cuts.items())
        return same and index.get("packed") == self.packed and self.file.is_file()

    def write(self, embeddings: dict[str, np.ndarray]) -> None:
        """Write embeddings by clip, then the index that makes them valid."""
        self.index.unlink(missing_ok=True)
        with atomic_write(self.file) as temporary:
            np.save(temporary, np.concatenate(list(embeddings.values())))
        _map_file.cache_clear()
        steps = {name: len(values) for name, values in embeddings.items()}
        write_json(self.index, {"packed": self.packed, "clips": self.cuts, "steps": steps})

    def locate(self) -> CachedEmbeddings:
        """Return where each clip's embeddings are."""
        locations, start = {}, 0
        for name, steps in self._read_index()["steps"].items():
            if name in self.clips:
                locations[name] = (str(self.file), start, steps)
            start += steps
        return locations


@functools.lru_cache(maxsize=256)  # each map holds a file open, and 1024 of them is a usual limit
def _map_file(file: str) -> np.ndarray:
    return np.load(file, mmap_mode="r")


def _compute_key(tagger: AudioTagger, settings: str) -> str:
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
        with name_out_of_memory(device, len(batch.id)):
            waveform, lengths = (tensor.to(device) for tensor in batch.waveform)
            values, fractions = tagger.embed(waveform, lengths)
        steps = absolute_lengths(torch.as_tensor(fractions), values.shape[1]).tolist()
        for name, clip, count in zip(batch.id, values.float().cpu().numpy(), steps, strict=True):
            embeddings[name] = clip[:count]
        bar.update(len(batch.id))
    tagger.train(was_training)
    return embeddings
