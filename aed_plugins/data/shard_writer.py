"""Writes training clips as WebDataset shards: see `shard_index` for the files.

Clips are assigned to shards by a hash of their ids. So each shard is a random part of the whole,
and where a clip is added few shards must be written again, unless there are more of them now.
"""

import hashlib
import io
import json
import math
import os
import tarfile
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tqdm import tqdm

from aed_plugins.audio import FULL_SCALE
from aed_plugins.core import InputError, atomic_write, write_json
from aed_plugins.data.manifest import Manifest, compute_manifest_fingerprint
from aed_plugins.data.packing import load_clip
from aed_plugins.data.shard_index import INDEX, VERSION, ShardIndex, import_webdataset

MARK = "__shard__/shard"  # a shard's first member is a digest of its content; readers skip `__*__/`


def write_shards(
    manifest: Manifest,
    folder: str | Path,
    labels: Sequence[str],
    sample_rate: int,
    folds: Sequence[int | str] = ("train",),
    *,
    per_shard: int = 1000,
    progress: bool = True,
) -> ShardIndex:
    """Write the clips of some folds as shards; keep shards that hold just these clips already.

    A shard appears whole or not at all, and finished ones survive whatever stops the rest.

    Parameters
    ----------
    manifest : Manifest
        All clips of the dataset, packed.
    folder : str or Path
        Where the shards are to be. Left-over shards in it are removed.
    labels : sequence of str
        All labels, in the order of their indices.
    sample_rate : int
        That of the packed clips, in hertz.
    folds : sequence of int or str
        The folds to write.
    per_shard : int
        Clips of a shard, on average.
    progress : bool
        Whether to show a progress bar while there is something to do.

    Returns
    -------
    ShardIndex
        What is in the folder now.

    Raises
    ------
    InputError
        If a fold has no clip, `per_shard` is below 1, a clip is not packed any more, or the package
        webdataset is not installed.
    OSError
        If a shard cannot be written.
    """
    if type(per_shard) is not int or per_shard < 1:
        raise InputError(f"expected one clip per shard or more, but got {per_shard!r}")
    folder = Path(folder).absolute()
    wanted = {fold: _assign_clips(manifest, fold, per_shard) for fold in folds}
    shards = {folder / name: clips for part in wanted.values() for name, clips in part.items()}
    digests = {path: _digest(clips, sample_rate) for path, clips in shards.items()}
    stale = [path for path in shards if _read_mark(path) != digests[path]]
    if stale:
        (folder / INDEX).unlink(missing_ok=True)
    left = sum(len(shards[path]) for path in stale)
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=left, desc="shards", unit="clip", disable=not (progress and stale)) as bar,
    ):
        for path in stale:
            _write_shard(path, digests[path], _encode(shards[path], sample_rate, pool), bar)
    for path in folder.glob("*-[0-9][0-9][0-9][0-9][0-9][0-9].tar"):
        if path not in shards and _read_mark(path):
            path.unlink()
    parts = {
        str(fold): _describe_fold(manifest, labels, fold, wanted.get(fold, {}))
        for fold in dict.fromkeys(entry["fold"] for entry in manifest.values())
    }
    index = ShardIndex(str(folder), sample_rate, list(labels), parts)
    content = {key: value for key, value in asdict(index).items() if key != "source"}
    write_json(folder / INDEX, {"version": VERSION, **content})
    return index


def _hash(clip: str) -> int:
    return int.from_bytes(hashlib.sha256(clip.encode()).digest()[:6], "big")


def _assign_clips(manifest: Manifest, fold: int | str, per_shard: int) -> dict[str, Manifest]:
    """Assign a fold's clips to shards, by the shard's name."""
    clips = sorted((c for c, e in manifest.items() if e["fold"] == fold), key=_hash)
    if not clips:
        raise InputError(f"expected clips of fold {fold} to write as shards, but there are none")
    count = math.ceil(len(clips) / per_shard)
    parts: dict[int, Manifest] = {}
    for clip in clips:
        parts.setdefault(_hash(clip) * count // 2**48, {})[clip] = manifest[clip]
    # Numbered without gaps: a few clips may leave a part empty.
    return {f"{fold}-{number:06d}.tar": part for number, part in enumerate(parts.values())}


def _describe_fold(
    manifest: Manifest, labels: Sequence[str], fold: int | str, shards: dict[str, Manifest]
) -> dict[str, Any]:
    clips = {name: entry for name, entry in manifest.items() if entry["fold"] == fold}
    having = Counter(label for entry in clips.values() for label in set(entry["labels"]))
    return {
        "clips": len(clips),
        "positives": {label: having[label] for label in labels},
        "fingerprint": compute_manifest_fingerprint(clips),
        "shards": [[name, len(part)] for name, part in shards.items()],
    }


def _digest(clips: Manifest, sample_rate: int) -> str:
    """Compute a text that changes with whatever a shard is made of."""
    rows = [
        (clip, e["labels"], e["start"], e["samples"], _seen(e["file"])) for clip, e in clips.items()
    ]
    return hashlib.sha256(json.dumps([VERSION, sample_rate, rows]).encode()).hexdigest()


def _seen(packed: str) -> tuple[int, int]:
    stat = Path(packed).stat()
    return stat.st_size, stat.st_mtime_ns


def _read_mark(shard: Path) -> str | None:
    """Read the digest of what a shard was made of; none where there is no shard of ours."""
    try:
        with tarfile.open(shard) as tar:
            member = tar.next()
            if member is None or not member.name.startswith(MARK):
                return None
            file = tar.extractfile(member)
            return None if file is None else file.read().decode()
    except (OSError, tarfile.TarError, ValueError):
        return None


def _encode(clips: Manifest, sample_rate: int, pool: Executor) -> Iterator[dict[str, Any]]:
    def encode(clip: str) -> dict[str, Any]:
        entry, sound = clips[clip], io.BytesIO()
        waveform = load_clip(entry["file"], entry["start"], entry["samples"])
        samples = np.rint(waveform * FULL_SCALE).astype(np.int16)
        soundfile.write(sound, samples, sample_rate, format="FLAC", subtype="PCM_16")
        key = urllib.parse.quote(clip, safe="").replace(".", "%2E")
        about = json.dumps({"id": clip, "labels": entry["labels"]})
        return {"__key__": key, "flac": sound.getvalue(), "json": about.encode()}

    return pool.map(encode, clips)


def _write_shard(path: Path, digest: str, clips: Iterator[dict[str, Any]], bar: tqdm) -> None:
    library = import_webdataset()
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        # The same clips give the same bytes; PAX has room for long names.
        how = {"user": "", "group": "", "mtime": 0, "encoder": False, "format": "PAX_FORMAT"}
        with library.TarWriter(file, **how) as tar:
            tar.write({"__key__": MARK, "txt": digest.encode()})
            for clip in clips:
                tar.write(clip)
                bar.update()
        file.flush()
        os.fsync(file.fileno())  # or a power cut could leave half a shard under its mark
