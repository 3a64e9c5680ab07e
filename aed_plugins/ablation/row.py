"""A finished run of an ablation, and which of its clips were right."""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aed_plugins.errors import InputError
from aed_plugins.results import FoldResult
from aed_plugins.search.runs import RunFailed

DIGITS = 12  # of a digest
PREDICTIONS = "predictions.csv"


class Key(NamedTuple):
    """Which run it is: of two runs with one key, only the first counts."""

    configuration: str
    fold: int
    seed: int


@dataclass(frozen=True)
class Row:
    """A finished run.

    Attributes
    ----------
    variant : str
        What the variant was called then.
    configuration : str
        See `variants.Variant`.
    fold, seed : int
        The fold that was tested, and the seed.
    data : str
        `complete`, `partial` or `demonstration`.
    clips : int
        Clips tested.
    train_folds : tuple of int
        The folds that were trained on.
    accuracy : float
        Share of the clips that were right.
    seconds : float
        Training and validation.
    threads : int
        How many the run could use.
    device : str
        Where it ran, such as `cpu`.
    clips_digest : str
        The first 12 hexadecimal digits of a SHA-256 of the clips' sorted names.
    right : str
        Which clips were right: a bit for each, sorted by name, the first one highest; padded with
        zeros to bytes, as hexadecimal digits.
    """

    variant: str
    configuration: str
    fold: int
    seed: int
    data: str
    clips: int
    train_folds: tuple[int, ...]
    accuracy: float
    seconds: float
    threads: int
    device: str
    clips_digest: str
    right: str

    @property
    def key(self) -> Key:
        """Which run it is."""
        return Key(self.configuration, self.fold, self.seed)

    @property
    def right_clips(self) -> npt.NDArray[np.bool_]:
        """Whether each clip was right, sorted by name: `(clip,)`."""
        return from_hex(self.right, self.clips)


def to_hex(right: npt.ArrayLike) -> str:
    """Write which clips were right.

    Parameters
    ----------
    right : array_like of bool
        `(clip,)`.

    Examples
    --------
    >>> to_hex([True, False, True, True, False, False, False, False, True])
    'b080'
    """
    return np.packbits(np.asarray(right, bool)).tobytes().hex()


def from_hex(text: str, clips: int) -> npt.NDArray[np.bool_]:
    """Read what `to_hex` wrote.

    Parameters
    ----------
    text : str
        The digits.
    clips : int
        How many clips there are.

    Raises
    ------
    ValueError
        If the digits are not those of so many clips.

    Examples
    --------
    >>> from_hex("b080", 9).astype(int)
    array([1, 0, 1, 1, 0, 0, 0, 0, 1])
    """
    packed = np.frombuffer(bytes.fromhex(text), np.uint8)
    if len(packed) != -(-clips // 8):
        raise ValueError(f"expected the bits of {clips} clips, got {len(packed)} bytes")
    bits = np.unpackbits(packed)
    if bits[clips:].any():
        raise ValueError(f"expected the bits of {clips} clips, got more")
    return bits[:clips].astype(bool)


def row_of(folder: Path, variant: str, key: Key, threads: int) -> Row:
    """Read what a run left.

    Parameters
    ----------
    folder : Path
        Its output folder.
    variant : str
        Name of the variant.
    key : Key
        Which run it is.
    threads : int
        How many it could use.

    Raises
    ------
    RunFailed
        If it left no results.
    InputError
        If its clips do not have one label each, or its folds no numbers.
    """
    path = folder / f"fold{key.fold}" / "result.json"
    if not path.is_file():
        raise RunFailed(f"the run ended well but left no {path}")
    result = FoldResult.read(path)
    if "accuracy" not in result.figures:
        raise InputError(
            f"{path}: an ablation compares accuracies, but these clips have several labels each"
        )
    train_folds = tuple(fold for fold in result.train_folds if isinstance(fold, int))
    if len(train_folds) < len(result.train_folds):
        raise InputError(f"{path}: an ablation takes folds with numbers, got {result.train_folds}")
    right = dict(sorted(_right(path.with_name(PREDICTIONS))))
    digest = _digest(right)
    marks = list(right.values())
    return Row(
        variant=variant,
        **key._asdict(),
        data=result.data_state,
        clips=len(marks),
        train_folds=train_folds,
        accuracy=float(np.mean(marks)),
        seconds=round(result.seconds, 1),
        threads=threads,
        device=result.device,
        clips_digest=digest,
        right=to_hex(marks),
    )


def mean_row(members: Mapping[Path, Row], variant: str, key: Key) -> Row:
    """Average the probabilities of several runs on one fold.

    Parameters
    ----------
    members : mapping of Path to Row
        The runs by their output folders.
    variant : str
        Name of the variant.
    key : Key
        Which run the mean is.

    Returns
    -------
    Row
        Its seconds are the sum of theirs; `device` is empty and `threads` 0 where these differ.

    Raises
    ------
    RunFailed
        If what a run predicted is gone, or they tested other clips or trained on other folds.
    """
    rows = list(members.values())
    if len({(row.clips_digest, row.data, row.train_folds) for row in rows}) > 1:
        raise RunFailed("its trainings are of different clips: remove the older ones' rows")
    every = []
    for folder in members:
        path = folder / f"fold{key.fold}" / PREDICTIONS
        if not path.is_file():
            raise RunFailed(f"{path} is gone: remove the row of that training to run it again")
        names, classes, said = zip(*sorted(_predictions(path)), strict=True)
        if _digest(names) != rows[0].clips_digest:
            raise RunFailed(f"{path} is not of the clips in that training's row")
        every.append([list(probabilities.values()) for probabilities in said])
    labels = np.array(list(said[0]))
    marks = labels[np.sum(every, axis=0).argmax(axis=1)] == classes
    device, threads = {row.device for row in rows}, {row.threads for row in rows}
    return replace(
        rows[0],
        variant=variant,
        **key._asdict(),
        accuracy=float(np.mean(marks)),
        seconds=round(sum(row.seconds for row in rows), 1),
        threads=threads.pop() if len(threads) == 1 else 0,
        device=device.pop() if len(device) == 1 else "",
        right=to_hex(marks),
    )


def _predictions(path: Path) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Give each clip's name, class and probabilities by class."""
    with path.open(newline="", encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            name = next(iter(cells.values()))
            labels = list(cells)[list(cells).index("predicted") + 1 :]
            yield name, cells["class"], {label: float(cells[label]) for label in labels}


def _digest(names: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:DIGITS]


def _right(path: Path) -> Iterator[tuple[str, bool]]:
    """Give each clip's name and whether it was right."""
    with path.open(newline="", encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            yield next(iter(cells.values())), cells["class"] == cells["predicted"]
