"""Training clips in WebDataset shards: tar files that several machines stream.

A shard is `<fold>-000000.tar`. A clip in it is two files, `<key>.flac` (16 bits, lossless) and
`<key>.json` (`{"id": ..., "labels": [...]}`); the key is the id with all but letters, digits, `_`,
`-` and `~` percent-encoded, as WebDataset parts names at their first dot. Beside the shards
`index.json` counts their clips and labels. Any reader of WebDataset can use the shards, from a
folder or any URL that webdataset opens: http:// and https:// with curl, hf://, gs://.

Clips are assigned to shards by a hash of their ids. So each shard is a random part of the whole,
and a clip that comes later has few shards written anew, unless there are more of them now.
"""

import contextlib
import hashlib
import importlib
import io
import json
import math
import os
import tarfile
import urllib.parse
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tqdm import tqdm

from aed_plugins.audio import FULL_SCALE
from aed_plugins.core import InputError, atomic_write, one_line, write_json
from aed_plugins.data.manifest import Manifest, manifest_fingerprint
from aed_plugins.data.packing import load_clip

VERSION = 1  # of the shards and their index
INDEX = "index.json"
MARK = "__shard__/shard"  # a shard's first member tells what it was made of; readers skip `__*__/`
AGAIN = "write the shards again"


@dataclass(frozen=True)
class ShardIndex:
    """What lies in a folder of shards.

    Attributes
    ----------
    source : str
        The folder or URL.
    sample_rate : int
        In hertz.
    labels : list of str
        All labels, in the order of their indices.
    folds : dict
        By fold, those without shards too: `clips`, their number; `positives`, the number by label;
        `manifest_fingerprint` (see manifest.py); `shards`, the name and number of clips of each.
    """

    source: str
    sample_rate: int
    labels: list[str]
    folds: dict[str, dict[str, Any]]

    def fingerprint(self, folds: Sequence[int | str]) -> str:
        """Give a short text that changes with the clips of some folds and with their shards.

        Parameters
        ----------
        folds : sequence of int or str
            The folds.
        """
        rows = [self.folds.get(str(fold)) for fold in folds]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]

    def check(
        self,
        sample_rate: int,
        labels: Sequence[str],
        manifest: Manifest,
        evaluated: Collection[Any],
    ) -> None:
        """Refuse shards that are not for this training.

        Parameters
        ----------
        sample_rate : int
            What the model expects, in hertz.
        labels : sequence of str
            What the model tells apart.
        manifest : Manifest
            The clips that are here.
        evaluated : collection of int or str
            The folds that validate and test. They must be those that the shards were written
            beside, or clips to be evaluated on could be among the shards' training clips.

        Raises
        ------
        InputError
            If rate, labels or an evaluated fold differs.
        """
        where = f"{self.source}/{INDEX}"
        if self.sample_rate != sample_rate:
            came = f"expected shards at {sample_rate} Hz, but they are at {self.sample_rate} Hz"
            raise InputError(f"{where}: {came}; {AGAIN} with this hyperparameter file")
        if self.labels != list(labels):
            came = f"expected the labels {list(labels)}, but got {self.labels}"
            raise InputError(
                f"{where}: {came}; {AGAIN}, or give the options they were written with"
            )
        for fold in evaluated:
            here = {name: entry for name, entry in manifest.items() if entry["fold"] == fold}
            if self.folds.get(str(fold), {}).get("fingerprint") != manifest_fingerprint(here):
                raise InputError(
                    f"{where}: the {fold} clips here are not those the shards were written beside,"
                    f" so some may be trained on; {AGAIN} with the data and options of this run"
                )


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
    wanted = {fold: _assigned(manifest, fold, per_shard) for fold in folds}
    shards = {folder / name: clips for part in wanted.values() for name, clips in part.items()}
    digests = {path: _digest(clips, sample_rate) for path, clips in shards.items()}
    stale = [path for path in shards if _mark(path) != digests[path]]
    if stale:
        (folder / INDEX).unlink(missing_ok=True)
    left = sum(len(shards[path]) for path in stale)
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=left, desc="shards", unit="clip", disable=not (progress and stale)) as bar,
    ):
        for path in stale:
            _write_shard(path, digests[path], _encoded(shards[path], sample_rate, pool), bar)
    for path in folder.glob("*-[0-9][0-9][0-9][0-9][0-9][0-9].tar"):
        if path not in shards and _mark(path):
            path.unlink()
    parts = {
        str(fold): _account(manifest, labels, fold, wanted.get(fold, {}))
        for fold in dict.fromkeys(entry["fold"] for entry in manifest.values())
    }
    index = ShardIndex(str(folder), sample_rate, list(labels), parts)
    content = {key: value for key, value in asdict(index).items() if key != "source"}
    write_json(folder / INDEX, {"version": VERSION, **content})
    return index


def read_index(source: str | Path) -> ShardIndex:
    """Read what lies in a folder of shards.

    Parameters
    ----------
    source : str or Path
        The folder, or its URL.

    Raises
    ------
    InputError
        If there is no such index, or the package webdataset is not installed.
    """
    source = str(source).rstrip("/")
    where = f"{source}/{INDEX}"
    try:
        with contextlib.closing(import_webdataset().gopen(where)) as file:
            content = json.loads(file.read())
        if content.pop("version") != VERSION:
            raise InputError(f"{where}: expected version {VERSION}, got another one; {AGAIN}")
        return ShardIndex(source, **content)
    except InputError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        came = f"expected the index of WebDataset shards, but got: {reason}"
        raise InputError(f"{where}: {came}; name the folder or URL that they are in") from error


def import_webdataset() -> Any:
    """Import the package webdataset, which is optional.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return importlib.import_module("webdataset")
    except ImportError as error:
        lacking = "WebDataset shards need the package webdataset"
        raise InputError(f"{lacking}: pip install 'aed-plugins[webdataset]'") from error


def _hash(clip: str) -> int:
    return int.from_bytes(hashlib.sha256(clip.encode()).digest()[:6], "big")


def _assigned(manifest: Manifest, fold: int | str, per_shard: int) -> dict[str, Manifest]:
    """Give the clips of each shard of a fold, by the shard's name."""
    clips = sorted((c for c, e in manifest.items() if e["fold"] == fold), key=_hash)
    if not clips:
        raise InputError(f"expected clips of fold {fold} to write as shards, but there are none")
    count = math.ceil(len(clips) / per_shard)
    parts: dict[int, Manifest] = {}
    for clip in clips:
        parts.setdefault(_hash(clip) * count // 2**48, {})[clip] = manifest[clip]
    # Numbered without gaps: a few clips may leave a part empty.
    return {f"{fold}-{number:06d}.tar": part for number, part in enumerate(parts.values())}


def _account(
    manifest: Manifest, labels: Sequence[str], fold: int | str, shards: dict[str, Manifest]
) -> dict[str, Any]:
    clips = {name: entry for name, entry in manifest.items() if entry["fold"] == fold}
    having = Counter(label for entry in clips.values() for label in set(entry["labels"]))
    return {
        "clips": len(clips),
        "positives": {label: having[label] for label in labels},
        "fingerprint": manifest_fingerprint(clips),
        "shards": [[name, len(part)] for name, part in shards.items()],
    }


def _digest(clips: Manifest, sample_rate: int) -> str:
    """Give a text that changes with whatever a shard is made of."""
    rows = [
        (clip, e["labels"], e["start"], e["samples"], _seen(e["file"])) for clip, e in clips.items()
    ]
    return hashlib.sha256(json.dumps([VERSION, sample_rate, rows]).encode()).hexdigest()


def _seen(packed: str) -> tuple[int, int]:
    stat = Path(packed).stat()
    return stat.st_size, stat.st_mtime_ns


def _mark(shard: Path) -> str | None:
    """Give the digest of what a shard was made of; none where there is no shard of ours."""
    try:
        with tarfile.open(shard) as tar:
            member = tar.next()
            if member is None or not member.name.startswith(MARK):
                return None
            file = tar.extractfile(member)
            return None if file is None else file.read().decode()
    except (OSError, tarfile.TarError, ValueError):
        return None


def _encoded(clips: Manifest, sample_rate: int, pool: Executor) -> Iterator[dict[str, Any]]:
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
