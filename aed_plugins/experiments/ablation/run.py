"""A finished run of an ablation, and which of its clips were right."""

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aed_plugins.core import BoolArray, InputError
from aed_plugins.experiments.recipe_runs import RunFailed
from aed_plugins.experiments.results import FoldResult

DIGITS = 12  # of a digest
TOLERANCE = 1e-6  # of a fraction that was written in two ways
PREDICTIONS = "predictions.csv"


class Key(NamedTuple):
    """Which run it is: of two runs with one key, only the first counts."""

    configuration: str
    fold: int
    seed: int


@dataclass(frozen=True)
class AblationRun:
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
        Fraction of the clips that were right.
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
    def right_clips(self) -> BoolArray:
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


def from_hex(text: str, clips: int) -> BoolArray:
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


def row_of(folder: Path, variant: str, key: Key, threads: int) -> AblationRun:
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
        If it left no results, or they contradict one another.
    InputError
        If its clips do not have one label each, or its folds no numbers.
    """
    path = folder / f"fold{key.fold}" / "result.json"
    if not path.is_file():
        raise RunFailed(f"the run ended well but left no {path}")
    try:
        result = FoldResult.read(path)
    except InputError as error:
        raise RunFailed(str(error)) from error
    if "accuracy" not in result.metrics:
        raise InputError(
            f"{path}: an ablation compares accuracies, but these clips have several labels each"
        )
    train_folds = tuple(fold for fold in result.train_folds if isinstance(fold, int))
    if len(train_folds) < len(result.train_folds):
        raise InputError(f"{path}: an ablation takes folds with numbers, got {result.train_folds}")
    predictions = _predictions(path.with_name(PREDICTIONS))
    marks = [clip.label == clip.predicted for clip in predictions]
    accuracy = sum(marks) / max(1, len(marks))
    if len(marks) != result.clips or abs(accuracy - result.metrics["accuracy"]) > TOLERANCE:
        raise RunFailed(
            f"{path} says {result.metrics['accuracy']:.6f} of {result.clips} clips, {PREDICTIONS}"
            f" beside it {accuracy:.6f} of {len(marks)}"
        )
    return AblationRun(
        variant=variant,
        **key._asdict(),
        data=result.data_state,
        clips=len(marks),
        train_folds=train_folds,
        accuracy=accuracy,
        seconds=round(result.seconds, 1),
        threads=threads,
        device=result.device,
        clips_digest=_digest(predictions),
        right=to_hex(marks),
    )


def mean_row(members: Mapping[Path, AblationRun], variant: str, key: Key) -> AblationRun:
    """Average the probabilities of several runs on one fold.

    Parameters
    ----------
    members : mapping of Path to AblationRun
        The runs by their output folders.
    variant : str
        Name of the variant.
    key : Key
        Which run the mean is.

    Returns
    -------
    AblationRun
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
        predictions = _predictions(path)
        if _digest(predictions) != rows[0].clips_digest:
            raise RunFailed(f"{path} is not of the clips in that training's row")
        every.append([list(clip.probabilities.values()) for clip in predictions])
    best = np.sum(every, axis=0).argmax(axis=1)
    marks = [
        list(clip.probabilities)[place] == clip.label
        for clip, place in zip(predictions, best, strict=True)
    ]
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


class Prediction(NamedTuple):
    """A row of `predictions.csv`.

    Attributes
    ----------
    name, label, predicted : str
        Of the clip, its class and the class that it was taken for.
    probabilities : dict of str to float
        By class.
    """

    name: str
    label: str
    predicted: str
    probabilities: dict[str, float]


def _predictions(path: Path) -> list[Prediction]:
    """Read what was predicted, sorted by the clips' names; a class may be called as a column is."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            labels = next(reader, [])[4:]
            predictions = [
                Prediction(name, label, predicted, _numbers(labels, probabilities))
                for name, _, label, predicted, *probabilities in reader
            ]
    except (OSError, ValueError, csv.Error) as error:
        raise RunFailed(f"{path}: expected a row per clip: {error}") from error
    return sorted(predictions, key=lambda clip: clip.name)


def _numbers(labels: Iterable[str], texts: Iterable[str]) -> dict[str, float]:
    return dict(zip(labels, map(float, texts), strict=True))


def _digest(predictions: Iterable[Prediction]) -> str:
    names = "\n".join(clip.name for clip in predictions)
    return hashlib.sha256(names.encode()).hexdigest()[:DIGITS]
