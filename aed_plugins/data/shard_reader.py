"""Training clips streamed from WebDataset shards, by any number of processes and workers.

An epoch: the shards are laid one after another in an order drawn from seed and epoch, and their
clips divided into even stretches, one for each process. So a clip comes once in an epoch, but for
a remainder of fewer clips than there are processes, and all processes have as many batches, however
many shards there are. A shard across a border is opened on both sides of it. A process's stretch is
divided among its loader's workers in whole batches, and mixed by a buffer.
"""

import contextlib
import copy
import io
import itertools
import json
import math
import random
import tarfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import soundfile
import torch
from torch.utils.data import IterableDataset, get_worker_info

from aed_plugins.audio import FULL_SCALE
from aed_plugins.core import FloatArray, InputError, one_line
from aed_plugins.data.shard_index import AGAIN, INDEX, ShardIndex, import_webdataset


class StreamedClips(IterableDataset[dict[str, Any]]):
    """The clips of some folds, streamed from shards.

    Its items are those of manifest.py: `id`, `waveform` (float32 `(sample,)`) and `target`. Their
    order depends on seed and epoch, and on the numbers of processes and of the loader's workers.

    Parameters
    ----------
    index : ShardIndex
        What `read_shard_index` gives.
    folds : sequence of int or str
        The folds whose clips are wanted.
    target : callable
        Turns a clip's labels into what the loss takes: a task's `target`.
    seed : int
        With the epoch it decides the order.
    batch_size : int
        Of the loader, as its workers get whole batches.
    buffer : int
        How many clips are mixed, as encoded: 500 of 10 s at 16 kHz are some 90 MB for each worker.

    Raises
    ------
    InputError
        If there are no shards of a fold.
    """

    def __init__(
        self,
        index: ShardIndex,
        folds: Sequence[int | str],
        target: Callable[[list[str]], Any],
        seed: int,
        batch_size: int,
        *,
        buffer: int = 500,
    ) -> None:
        super().__init__()
        self.index, self.target, self.seed, self.batch_size = index, target, seed, batch_size
        self.buffer = buffer
        self.rank, self.processes = 0, 1
        parts = [index.folds.get(str(fold), {"shards": []}) for fold in folds]
        for fold, part in zip(folds, parts, strict=True):
            if not part["shards"]:
                raise InputError(f"{index.source}: no shards of {fold}; {AGAIN} with that fold")
        self._shards = [(name, clips) for part in parts for name, clips in part["shards"]]
        self._clips = sum(clips for _, clips in self._shards)
        self._positives = [[part["positives"][label] for label in index.labels] for part in parts]
        self.place = _new_place()

    def __len__(self) -> int:
        return self._clips // self.processes

    def part(self, rank: int, processes: int) -> "StreamedClips":
        """Return the part of one of several processes.

        Parameters
        ----------
        rank, processes : int
            Which of how many processes it is.

        Raises
        ------
        InputError
            If there are fewer clips than processes.
        """
        if self._clips < processes:
            where = self.index.source
            raise InputError(f"{where}: {self._clips} clips are too few for {processes} processes")
        part = copy.copy(self)
        part.rank, part.processes, part.place = rank, processes, _new_place()
        return part

    def label_counts(self) -> tuple[FloatArray, int]:
        """Count the clips of all processes that have each label, `(class,)`, and their number."""
        return np.sum(self._positives, axis=0, dtype=np.float64), self._clips

    def start_at(self, epoch: int, step: int = 0) -> None:
        """Set where the next iteration begins.

        Parameters
        ----------
        epoch : int
            The epoch.
        step : int
            The batch of it, for a training that was interrupted there: what comes is what would
            have come, given as many processes and workers.
        """
        self.place.copy_(torch.tensor([epoch, step]))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        epoch, step = self.place.tolist()
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        batches = math.ceil(len(self) / self.batch_size)
        # The loader takes a batch of each worker in turn; the one whose turn it is comes first.
        turn = (worker + step) % workers
        ends = np.cumsum([0, *(len(range(each, batches, workers)) for each in range(workers))])
        first, last = (min(int(end) * self.batch_size, len(self)) for end in ends[turn : turn + 2])
        done = len(range(turn, step, workers)) * self.batch_size
        order = random.Random(f"{self.seed} {epoch}").sample(self._shards, len(self._shards))
        offset = self.rank * len(self)
        mix = random.Random(f"{self.seed} {epoch} {self.rank} {turn}")
        mixed = import_webdataset().shuffle(self.buffer, rng=mix)(
            self._stretch(order, offset + first, offset + last)
        )
        for sample in itertools.islice(mixed, done, None):
            yield self._clip(sample)

    def _stretch(
        self, order: list[tuple[str, int]], start: int, stop: int
    ) -> Iterator[dict[str, Any]]:
        """Yield the clips from start to stop of all shards one after another."""
        for name, clips in order:
            first, last = max(0, start), min(clips, stop)
            if first < last:
                yield from _read(f"{self.index.source}/{name}", first, last)
            start, stop = start - clips, stop - clips

    def _clip(self, sample: dict[str, Any]) -> dict[str, Any]:
        try:
            about = json.loads(sample["json"])
            samples, _ = soundfile.read(io.BytesIO(sample["flac"]), dtype="int16")
            waveform = torch.from_numpy(samples.astype(np.float32) / FULL_SCALE)
            return {"id": about["id"], "waveform": waveform, "target": self.target(about["labels"])}
        except (KeyError, ValueError, soundfile.LibsndfileError) as error:
            where = f"{sample['__url__']}: clip {sample['__key__']}"
            raise InputError(f"{where} is damaged: {one_line(error)}; {AGAIN}") from error


def _new_place() -> torch.Tensor:
    """Allocate epoch and step in memory that workers share, as they may outlive an epoch."""
    return torch.zeros(2, dtype=torch.int64).share_memory_()


def _read(url: str, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Yield the clips from first to last of a shard as they are in it."""
    library = import_webdataset()
    found = 0
    try:
        with contextlib.closing(library.gopen(url)) as stream:
            members = library.tariterators.tar_file_expander([{"url": url, "stream": stream}])
            clips = library.tariterators.group_by_keys(members)
            for found, clip in enumerate(itertools.islice(clips, first, last), first + 1):  # noqa: B007
                yield clip
    except (OSError, ValueError, tarfile.TarError) as error:
        came = f"cannot be read as a shard: {getattr(error, 'strerror', None) or one_line(error)}"
        raise InputError(f"{url}: {came}; {AGAIN} if it is damaged") from error
    if found < last:
        came = f"expected {last} clips or more, as {INDEX} says, but found {found}"
        raise InputError(f"{url}: {came}; {AGAIN}")
