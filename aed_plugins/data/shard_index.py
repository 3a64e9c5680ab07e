"""The index of clips in WebDataset shards: tar files that several machines stream.

A shard is `<fold>-000000.tar`. A clip in it is two files, `<key>.flac` (16 bits, lossless) and
`<key>.json` (`{"id": ..., "labels": [...]}`); the key is the id with all but letters, digits, `_`,
`-` and `~` percent-encoded, as WebDataset parts names at their first dot. Beside the shards
`index.json` counts their clips and labels. Any reader of WebDataset can use the shards, from a
folder or any URL that webdataset opens: http:// and https:// with curl, hf://, gs://.
"""

import contextlib
import hashlib
import importlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError, one_line
from aed_plugins.data.manifest import Manifest, compute_manifest_fingerprint

VERSION = 1  # of the shards and their index
INDEX = "index.json"
AGAIN = "write the shards again"


@dataclass(frozen=True)
class ShardIndex:
    """The contents of a folder of shards.

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
        `fingerprint` (see `compute_manifest_fingerprint`); `shards`, the name and number of clips
        of each.
    """

    source: str
    sample_rate: int
    labels: list[str]
    folds: dict[str, dict[str, Any]]

    def fingerprint(self, folds: Sequence[int | str]) -> str:
        """Return a short text that changes with the clips of some folds and with their shards.

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
            The model's.
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
            if self.folds.get(str(fold), {}).get("fingerprint") != compute_manifest_fingerprint(
                here
            ):
                raise InputError(
                    f"{where}: the {fold} clips here are not those the shards were written beside,"
                    f" so some may be trained on; {AGAIN} with the data and options of this run"
                )


def read_shard_index(source: str | Path) -> ShardIndex:
    """Read the index of a folder of shards.

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
