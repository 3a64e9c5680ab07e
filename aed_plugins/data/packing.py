"""Decoded clips kept as 16-bit integers in memory-mapped files, so that nothing is decoded twice.

Clips are grouped into shards, such as one per fold. A shard is two files in folder/<sample_rate>/:
<shard>.npy, the samples of all its clips one after another, and its index <shard>.json, which says
where each clip is and what its source file looked like when it was decoded.

For n clips a run that finds nothing new is O(n): n file stats and the reading of the indexes.
Memory is O(n) for the answer, about 1 kB a clip, beside one shard's samples and the clips that are
being decoded. So 2 million clips in shards of 1000 are well within reach.
"""

import errno
import functools
import json
import os
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from aed_plugins.audio import (
    FULL_SCALE,
    RATES,
    read_waveform,
    to_int16,
)
from aed_plugins.core import InputError, atomic_write

VERSION = 1  # of the two files, and of what read_waveform makes of a recording
UNSEEN = (-1, -1)  # the size and time of a file that is missing or cannot be opened


class ClipSource(NamedTuple):
    """A clip's file, and the name of the shard that is to hold it."""

    path: str | Path
    shard: str


class PackedClip(NamedTuple):
    """Where a packed clip is: its shard's absolute path, its first sample there and its length."""

    file: str
    start: int
    samples: int


class PackingResult(NamedTuple):
    """By clip id: where the good clips are, and for each bad one a line that says what is wrong."""

    clips: dict[str, PackedClip]
    bad: dict[str, str]


_File = tuple[str, int, int]  # path, size in bytes, time of the last change in nanoseconds


class _Entry(NamedTuple):
    """A clip in an index: its file, then its place in the shard, or what is wrong with it."""

    path: str
    size: int
    mtime_ns: int
    start: int = 0
    samples: int = 0
    bad: str = ""


def pack_clips(
    sources: Mapping[str, ClipSource],
    folder: str | Path,
    sample_rate: int,
    *,
    progress: bool = True,
) -> PackingResult:
    """Decode, mix to mono and resample the clips that are not packed yet or whose files changed.

    A sample x is kept as round(32768 x), so 16-bit mono at the given rate is kept bit by bit;
    samples beyond full scale are clipped to it. A shard is rewritten when it is damaged or a clip
    has come, gone or changed (path, size or modification time); the other clips are then copied,
    not decoded. A finished shard survives whatever stops the rest. One process at a time packs
    into a folder; any number load from it.

    Parameters
    ----------
    sources : mapping of str to ClipSource
        By clip id. A shard keeps these clips and no others: give all of a shard's clips together.
    folder : str or Path
        Where to keep the shards, in a folder for each rate. It may be deleted when not in use.
    sample_rate : int
        The rate to resample to, in hertz.
    progress : bool
        Whether to show a progress bar while there is something to do.

    Returns
    -------
    PackingResult
        Where each clip is, and why some are bad. A bad clip is tried again when its file has
        changed; a file that the system would not open is tried each time.

    Raises
    ------
    InputError
        If the rate is out of range, or a shard's name is not fit for a file.
    OSError
        If a shard cannot be written. On a full disk the message says how much is needed.

    Examples
    --------
    >>> import soundfile, tempfile
    >>> here = Path(tempfile.mkdtemp())
    >>> soundfile.write(here / "dog.wav", [0.5, 0.25, -1.0], 16000)
    >>> dog, cat = here / "dog.wav", here / "cat.wav"
    >>> sources = {"dog": ClipSource(dog, "fold1"), "cat": ClipSource(cat, "fold1")}
    >>> clips, bad = pack_clips(sources, here / "packed", 16000, progress=False)
    >>> load_clip(*clips["dog"]), list(bad)
    (array([ 0.5 ,  0.25, -1.  ], dtype=float32), ['cat'])
    """
    if sample_rate not in RATES:
        expected = f"expected a sample rate from {RATES[0]} to {RATES[-1]} Hz"
        raise InputError(f"{expected}, but got {sample_rate}")
    wanted = _by_shard(sources, Path(folder).absolute() / str(sample_rate))
    done: dict[Path, dict[str, _Entry]] = {}
    for shard, files in wanted.items():
        index, _ = _read_shard(shard, sample_rate)
        if {clip: entry[:3] for clip, entry in index.items()} == files:
            done[shard] = index
    stale = [shard for shard in wanted if shard not in done]
    left = sum(len(wanted[shard]) for shard in stale)
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=left, desc="packing", unit="clip", disable=not (progress and stale)) as bar,
    ):
        for shard in stale:
            done[shard], parts = _gather(shard, wanted[shard], sample_rate, pool, bar)
            try:
                _write_shard(shard, sample_rate, done[shard], parts)
            except OSError as error:
                if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                    raise
                needed = sum(map(len, parts)) / len(parts) * left * 2 / 1e6
                came = f"the disk is full: the clips that are left need about {needed:,.1f} MB"
                line = f"{shard.parent}: {came}; make room and run again"
                raise OSError(error.errno, line) from error
            left -= len(parts)
            del parts  # or two shards' samples would be held at once
    entries = [(str(shard), *item) for shard, index in done.items() for item in index.items()]
    clips = {clip: PackedClip(file, e.start, e.samples) for file, clip, e in entries if not e.bad}
    return PackingResult(clips, bad={clip: entry.bad for _, clip, entry in entries if entry.bad})


def load_clip(file: str | Path, start: int, samples: int) -> np.ndarray:
    """Load a packed clip: what a `PackedClip` names, in any process or thread.

    Parameters
    ----------
    file : str or Path
        The shard's file.
    start, samples : int
        The clip's first sample in that file, and its length in samples.

    Returns
    -------
    numpy.ndarray
        The waveform `(sample,)`, float32 in [-1, 1): a copy, which may be written to.

    Raises
    ------
    InputError
        If the file is missing or damaged, or ends before the clip does.
    """
    try:
        packed = _mapped(str(file))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: expected packed audio, but got: {error}; pack again") from error
    if start < 0 or samples < 1 or start + samples > len(packed):
        came = f"{start} to {start + samples}; pack again"
        raise InputError(f"{file}: expected a clip within 0 to {len(packed)}, but got {came}")
    return packed[start : start + samples].astype(np.float32) / FULL_SCALE


# Once per process, forked or not. Each map holds a file open, and 1024 of them is a usual limit.
@functools.lru_cache(maxsize=256)
def _mapped(file: str) -> np.ndarray:
    return np.lib.format.open_memmap(file, mode="r")


def _by_shard(sources: Mapping[str, ClipSource], folder: Path) -> dict[Path, dict[str, _File]]:
    """Stat every source file, by clip id and by the shard's file that is to hold the clip."""
    shards: dict[str, dict[str, _File]] = {}
    for clip, (source, shard) in sources.items():
        path = Path(source).absolute()
        try:
            stat = path.stat()
            file = (str(path), stat.st_size, stat.st_mtime_ns)
        except OSError:
            file = (str(path), *UNSEEN)
        shards.setdefault(shard, {})[clip] = file
    for shard in shards:
        if Path(shard).name != shard:
            raise InputError(f"expected a shard's name like 'fold1', but got {shard!r}; rename it")
    return {folder / f"{shard}.npy": files for shard, files in shards.items()}


def _read_shard(shard: Path, sample_rate: int) -> tuple[dict[str, _Entry], np.ndarray]:
    """Read a shard's index and samples, or none of either when they are missing or damaged."""
    try:
        content = json.loads(shard.with_suffix(".json").read_text(encoding="utf-8"))
        index = {clip: _Entry(**fields) for clip, fields in content["clips"].items()}
        samples = np.lib.format.open_memmap(shard, mode="r")
        shape = (sum(entry.samples for entry in index.values()),)
        found = (content["version"], content["sample_rate"], samples.dtype, samples.shape)
        if found == (VERSION, sample_rate, np.int16, shape):
            return index, samples
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # whatever is wrong with the two files, rewriting them fixes it
    return {}, np.empty(0, np.int16)


def _gather(
    shard: Path, files: dict[str, _File], sample_rate: int, pool: Executor, bar: tqdm
) -> tuple[dict[str, _Entry], list[np.ndarray]]:
    """Make a shard's new index and its clips' samples: decoded, or copied where nothing changed."""
    known, packed = _read_shard(shard, sample_rate)

    def samples_of(clip: str) -> tuple[_Entry, np.ndarray]:
        old = known.get(clip)
        if old is not None and old[:3] == files[clip]:
            return old, packed[old.start : old.start + old.samples]
        return _decode(files[clip], sample_rate)

    index, parts, start = {}, [], 0
    for clip, (entry, samples) in zip(files, pool.map(samples_of, files), strict=True):
        index[clip] = entry._replace(start=start)
        parts.append(samples)
        start += len(samples)
        bar.update()
    return index, parts


def _decode(file: _File, sample_rate: int) -> tuple[_Entry, np.ndarray]:
    try:
        waveform = read_waveform(file[0], sample_rate)
    except InputError as error:
        if isinstance(error.__cause__, OSError):
            # Such as a missing permission. Fixing that changes neither size nor time, so neither
            # is kept: the file looks changed next time, and is tried again.
            file = (file[0], *UNSEEN)
        return _Entry(*file, bad=str(error)), np.empty(0, "<i2")
    samples = to_int16(waveform).astype("<i2")
    return _Entry(*file, samples=len(samples)), samples


def _write_shard(
    shard: Path, sample_rate: int, index: dict[str, _Entry], parts: list[np.ndarray]
) -> None:
    """Write a shard so that an index never stands beside samples that it does not describe."""
    shape = (sum(len(part) for part in parts),)
    header = {"descr": "<i2", "fortran_order": False, "shape": shape}
    index_file = shard.with_suffix(".json")
    with atomic_write(shard) as temporary:
        with temporary.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for part in parts:
                stream.write(part.data)
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut could leave zeros under a good index
        index_file.unlink(missing_ok=True)
    _mapped.cache_clear()
    clips = {clip: entry._asdict() for clip, entry in index.items()}
    content = {"version": VERSION, "sample_rate": sample_rate, "clips": clips}
    with atomic_write(index_file) as temporary:  # in ASCII: a file's name need not be UTF-8
        temporary.write_text(json.dumps(content, indent=1), encoding="ascii")
