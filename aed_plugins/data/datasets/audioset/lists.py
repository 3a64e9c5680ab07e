"""AudioSet's segment lists: which ten seconds of which video are labelled with what.

Source of the format: https://research.google.com/audioset/download.html. A list begins with three
comment lines; its rows are `YTID, start_seconds, end_seconds, "mid,mid"`.
"""

import csv
import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from aed_plugins.core import InputError

FOLDS = ("train", "valid", "eval")
_VIDEO = re.compile(r"[A-Za-z0-9_-]+")
_SAME: dict[tuple[int, ...], tuple[int, ...]] = {}  # two million segments share few sets of classes


class AudioSetSegment(NamedTuple):
    """A row: its video, start and end in seconds, places among the chosen classes, list, fold."""

    video: str
    start: float
    end: float
    classes: tuple[int, ...]
    list_name: str
    fold: str

    @property
    def clip(self) -> str:
        """The clip's id: video and start in milliseconds, as AudioSet's strong labels have it."""
        return f"{self.video}_{round(self.start * 1000)}"


def hash_to_fraction(text: str) -> float:
    """Return a number in [0, 1) that depends on nothing but the text.

    Parameters
    ----------
    text : str
        Any text.

    Examples
    --------
    >>> round(hash_to_fraction("--PJHxphWEs"), 4)
    0.3818
    """
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def read_lists(
    lists: Mapping[str, Sequence[Path]],
    places: Mapping[str, tuple[int, ...]],
    valid_fraction: float = 0.0,
) -> dict[str, AudioSetSegment]:
    """Read the lists of all folds.

    Parameters
    ----------
    lists : mapping of str to sequence of Path
        The files of each fold.
    places : mapping of str to tuple of int
        For each MID that there is, the places of the chosen classes it counts for.
    valid_fraction : float
        The fraction of the training videos that goes to `valid`. A hash of the video's id decides,
        so that all segments of a video keep together, and the choice never changes with the list.

    Returns
    -------
    dict of str to AudioSetSegment
        By clip id.

    Raises
    ------
    InputError
        If a row is malformed or comes twice, or a video stands in two folds.
    """
    segments: dict[str, AudioSetSegment] = {}
    homes: dict[str, str] = {}
    for fold, paths in lists.items():
        for path in paths:
            for where, row in _read_list(path, fold, places):
                segment = row
                if fold == "train" and hash_to_fraction(f"valid {row.video}") < valid_fraction:
                    segment = row._replace(fold="valid")
                if segment.clip in segments:
                    other = segments[segment.clip].list_name
                    came = f"{row.video} from {row.start:g} s is listed a second time"
                    raise InputError(f"{where}: {came} (first in {other}); delete one of the rows")
                home = homes.setdefault(row.video, segment.fold)
                if home != segment.fold:
                    raise InputError(
                        f"{where}: video {row.video} is in {home} and in {segment.fold}; a model is"
                        " not evaluated on videos it was trained on: take it out of one list"
                    )
                segments[segment.clip] = segment
    return segments


def _read_list(
    path: Path, fold: str, places: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, AudioSetSegment]]:
    """Give each row, and what to call it in a message."""
    rows = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True)
            for fields in reader:
                if not fields or fields[0].startswith("#") or fields[0].lower() == "ytid":
                    continue
                where = f"{path} line {reader.line_num}"
                rows += 1
                yield where, _segment(where, fields, path.stem, fold, places)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such segment list; --{fold}_segments names another, and"
            " https://research.google.com/audioset/download.html has the official ones"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected a CSV table in UTF-8: {error}") from error
    if not rows:
        raise InputError(f"{path}: expected segments, found none; download it again")


def _segment(
    where: str, fields: list[str], name: str, fold: str, places: Mapping[str, tuple[int, ...]]
) -> AudioSetSegment:
    if len(fields) != 4:
        raise InputError(
            f"{where}: expected 4 columns, YTID, start_seconds, end_seconds and the labels in"
            f" double quotes, got {len(fields)}"
        )
    video, first, last, labels = (field.strip() for field in fields)
    if not _VIDEO.fullmatch(video):
        raise InputError(f"{where}: expected a YouTube id of letters, digits, - and _: {video!r}")
    start, end = _seconds(where, first), _seconds(where, last)
    if end <= start:
        raise InputError(f"{where}: expected an end after the start {first}, got {last}")
    found: set[int] = set()
    for label in labels.split(","):
        if label.strip() not in places:
            raise InputError(
                f"{where}: {label.strip()!r} is no MID of class_labels_indices.csv or ontology.json"
            )
        found.update(places[label.strip()])
    classes = tuple(sorted(found))
    return AudioSetSegment(video, start, end, _SAME.setdefault(classes, classes), name, fold)


def _seconds(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"{where}: expected a time in seconds, got {text!r}")
    return value
