"""One's own clips as they are listed: by a CSV, or a folder per class.

The columns of the CSV are `file` (a path from the CSV's folder) and `label` (several are separated
by semicolons), and where there are such, `fold` or `split` (`train`, `valid`, `test`), and
`recording` (or `group`): what a clip was cut from.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aed_plugins.audio import list_files
from aed_plugins.core import InputError
from aed_plugins.data.folds import Fold
from aed_plugins.data.preparation import read_csv_rows

NEEDED = ("file", "label")
COLUMNS = (*NEEDED, "fold", "split", "recording")
SPLITS = ("train", "valid", "test")
NAME = re.compile(r"\w[\w .-]*")
TAKEN = {"all", "debug"}  # as names of folds: an option's value, a folder


class CustomClip(NamedTuple):
    """A clip as it is listed; `fold` and `recording` if they are listed too."""

    path: Path
    labels: list[str]
    row: str
    fold: Fold | None = None
    recording: str | None = None


@dataclass(frozen=True)
class ClipListing:
    """The clips that a user lists.

    Attributes
    ----------
    source : Path
        The CSV or the folder.
    clips : dict of str to CustomClip
        By the path that is listed.
    """

    source: Path
    clips: dict[str, CustomClip]

    @property
    def name(self) -> str:
        """What the results are called."""
        source = self.source.resolve()
        return source.name if source.is_dir() else source.stem

    @property
    def labels(self) -> list[str]:
        """All labels, sorted."""
        return sorted({label for clip in self.clips.values() for label in clip.labels})

    def multi_label(self, asked: bool = False) -> bool:
        """Tell whether a clip may have several labels; see that the labels fit that.

        Parameters
        ----------
        asked : bool
            Whether the option says so; any clip with several labels makes it so.

        Raises
        ------
        InputError
            If there are too few classes, or a clip has no label and may not.
        """
        if not self.labels:
            raise InputError(f"{self.source}: expected labels, but no clip has one")
        if asked or any(len(clip.labels) > 1 for clip in self.clips.values()):
            return True
        for clip in self.clips.values():
            if not clip.labels:
                raise InputError(
                    f"{clip.row}: expected a label, found none; a clip of none of the classes"
                    " needs --multi_label=True"
                )
        if len(self.labels) < 2:
            raise InputError(
                f"{self.source}: expected two labels or more, found only {self.labels[0]}; a"
                " single class needs --multi_label=True and clips with an empty label"
            )
        return False


def read_listing(clips: str | None) -> ClipListing:
    """Read what a user names: a CSV, or a folder with a folder per class.

    Parameters
    ----------
    clips : str, optional
        The CSV or the folder.

    Raises
    ------
    InputError
        If there is none, or it is malformed; the message names the line.
    """
    if clips is None:
        raise InputError("expected --clips=FILE.csv or --clips=FOLDER with a folder per class")
    source = Path(str(clips))
    if source.is_dir():
        listing = ClipListing(source, _read_folder(source))
    elif source.is_file():
        listing = ClipListing(source, _read_csv(source))
    else:
        raise InputError(f"{source}: no such file or folder; --clips names a CSV or a folder")
    if not NAME.fullmatch(listing.name):
        raise InputError(
            f"{source}: results are called after it: rename it to letters, digits, '_', '-', '.'"
        )
    return listing


def _read_folder(folder: Path) -> dict[str, CustomClip]:
    clips = {}
    for path in list_files(folder):
        name = path.relative_to(folder)
        if len(name.parts) < 2:
            raise InputError(f"{path}: expected it in a folder that is called as its class")
        clips[name.as_posix()] = CustomClip(path, [name.parts[0]], str(path))
    if not clips:
        raise InputError(f"{folder}: expected recordings in this folder, found none")
    found_labels = {clip.labels[0] for clip in clips.values()}
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.name.startswith(".") and inner.name not in found_labels:
            raise InputError(f"{inner}: expected recordings of {inner.name} in it, found none")
    return clips


def _read_csv(path: Path) -> dict[str, CustomClip]:
    clips: dict[str, CustomClip] = {}
    rows: dict[str, str] = {}
    recordings: dict[str, CustomClip] = {}
    for where, fields in read_csv_rows(path, NEEDED, {"group": "recording"}):
        if not clips:
            _check_columns(path, [str(column) for column in fields if column is not None])
        if None in fields or None in fields.values():
            raise InputError(f"{where}: expected as many fields as the header has columns")
        clip = _clip(where, path.parent, {str(k): str(v).strip() for k, v in fields.items()})
        same = os.path.normpath(clip.path)
        if same in rows:
            raise InputError(f"{where}: {fields['file']} is listed already in {rows[same]}")
        rows[same] = where
        if clip.recording is not None:
            _check_together(clip, recordings.setdefault(clip.recording, clip))
        clips[fields["file"].strip()] = clip
    if not clips:
        raise InputError(f"{path}: expected a row for each clip, found none")
    return clips


def _check_together(clip: CustomClip, other: CustomClip) -> None:
    """Check that two clips of one recording are in one fold, or scores would be biased."""
    if clip.fold != other.fold:
        raise InputError(
            f"{clip.row}: recording {clip.recording} is in {clip.fold} here, but in {other.fold} in"
            f" {other.row}: clips of one recording belong into one fold"
        )


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown:
        known = ", ".join(COLUMNS)
        raise InputError(f"{path}: expected columns of {known}, got {unknown[0]!r}; leave it out")
    if "fold" in columns and "split" in columns:
        raise InputError(f"{path}: expected a column fold or a column split, got both")


def _clip(where: str, folder: Path, fields: Mapping[str, str]) -> CustomClip:
    if not fields["file"]:
        raise InputError(f"{where}: expected a file, found none")
    labels = [label.strip() for label in fields["label"].split(";")] if fields["label"] else []
    if "" in labels or len(set(labels)) < len(labels):
        raise InputError(
            f"{where}: expected different labels with a semicolon between, got {fields['label']!r}"
        )
    if fields.get("recording") == "":
        raise InputError(f"{where}: expected a recording, found none; give each clip one")
    fold = _fold(where, fields)
    return CustomClip(folder / fields["file"], labels, where, fold, fields.get("recording"))


def _fold(where: str, fields: Mapping[str, str]) -> Fold | None:
    if "split" in fields:
        if fields["split"] not in SPLITS:
            raise InputError(f"{where}: expected train, valid or test, got {fields['split']!r}")
        return fields["split"]
    if "fold" not in fields:
        return None
    fold = fields["fold"]
    if not NAME.fullmatch(fold) or fold in TAKEN:
        raise InputError(f"{where}: expected a fold's number or name, got {fold!r}")
    number = re.fullmatch("(?:fold)?([0-9]+)", fold)  # the folder of fold 1 is called fold1
    return int(number[1]) if number else fold
