"""Preparation of ESC-50 and of its subset ESC-10.

Source: Piczak, "ESC: Dataset for Environmental Sound Classification" (ACM MM 2015);
https://github.com/karolpiczak/ESC-50; CC BY-NC 3.0. The folder holds `meta/esc50.csv` and `audio`.
The folds are official: clips of one recording share a fold, so they must never be moved between
them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError
from aed_plugins.data import (
    ListedClip,
    PreparedData,
    assign_folds,
    count_recordings,
    default_prepared_folder,
    pack_listed_clips,
    read_csv_rows,
    report_incomplete,
    write_manifest,
)

CLIPS = {"esc50": 2000, "esc10": 400}
FOLDS = range(1, 6)
TABLE = "meta/esc50.csv"
COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file")
DEFAULT_FOLDER = Path("data/ESC-50")
ORIGIN = "https://github.com/karolpiczak/ESC-50"


@dataclass(frozen=True)
class ESC50Row:
    """A row of the official table."""

    name: str
    fold: int
    target: int
    label: str
    in_esc10: bool
    recording: str

    @property
    def path(self) -> str:
        """The file below the dataset's folder."""
        return f"audio/{self.name}"


def find_data(data_folder: str | None) -> Path:
    """Find the data.

    Parameters
    ----------
    data_folder : str, optional
        The folder that holds `audio` and `meta`; by default `data/ESC-50`.

    Raises
    ------
    InputError
        If it is missing, or does not hold the table; the message says where to get it.
    """
    folder = DEFAULT_FOLDER if data_folder is None else Path(str(data_folder))
    if not (folder / TABLE).is_file():
        found = f"expected {TABLE} in it, found none" if folder.is_dir() else "no such folder"
        raise InputError(
            f"{folder}: {found}; get ESC-50 from {ORIGIN} and name its folder with --data_folder"
        )
    return folder


def read_table(path: Path) -> list[ESC50Row]:
    """Read the official table.

    Parameters
    ----------
    path : Path
        `meta/esc50.csv`.

    Raises
    ------
    InputError
        If it is not a table with its columns, or a row cannot be; the message names the line.
    """
    rows: dict[str, ESC50Row] = {}
    labels: dict[int, str] = {}
    for where, fields in read_csv_rows(path, COLUMNS):
        row = _row(where, fields)
        if row.name in rows:
            raise InputError(f"{where}: {row.name} is listed a second time")
        if labels.setdefault(row.target, row.label) != row.label:
            other = labels[row.target]
            raise InputError(f"{where}: target {row.target} was {other} before, now {row.label}")
        rows[row.name] = row
    if not rows:
        raise InputError(f"{path}: expected {CLIPS['esc50']} rows, found none")
    return list(rows.values())


def _row(where: str, fields: Mapping[str | None, Any]) -> ESC50Row:
    name, fold, target, label, esc10, recording = (
        (fields[column] or "").strip() for column in COLUMNS
    )
    if not name or Path(name).name != name:
        raise InputError(f"{where}: expected a file's name as filename, got {name!r}")
    if fold not in {str(number) for number in FOLDS}:
        raise InputError(f"{where}: expected a fold from 1 to 5 for {name}, got {fold!r}")
    if target not in {str(number) for number in range(50)}:
        raise InputError(f"{where}: expected a target from 0 to 49 for {name}, got {target!r}")
    if esc10 not in {"True", "False"}:
        raise InputError(f"{where}: expected True or False as esc10 for {name}, got {esc10!r}")
    if not label or not recording:
        raise InputError(f"{where}: expected a category and a src_file for {name}")
    return ESC50Row(name, int(fold), int(target), label, esc10 == "True", recording)


def list_classes(rows: list[ESC50Row]) -> list[str]:
    """Return the classes of some rows, in the order of their official targets."""
    names = {row.target: row.label for row in rows}
    return [names[target] for target in sorted(names)]


def select_rows(folder: Path, esc10: bool = False) -> list[ESC50Row]:
    """Read the rows of ESC-50, or of ESC-10.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    esc10 : bool
        Whether the subset is wanted.

    Raises
    ------
    InputError
        If the table is malformed, or has no row of the subset.
    """
    chosen = [row for row in read_table(folder / TABLE) if row.in_esc10 or not esc10]
    if not chosen:
        raise InputError(f"{folder / TABLE}: expected rows whose esc10 is True, found none")
    return chosen


def prepare(
    folder: Path,
    rows: list[ESC50Row],
    dataset: str,
    prepared_folder: str | None,
    sample_rate: int,
    *,
    folds_by_recording: int | None = None,
    allow_partial: bool = False,
    skip_bad_clips: bool = False,
) -> PreparedData:
    """Check the dataset, decode what is new, write the manifest.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    rows : list of ESC50Row
        What `select_rows` returned.
    dataset : {"esc50", "esc10"}
        Which of the two they are.
    prepared_folder : str, optional
        Where decoded audio and manifest go; by default a folder in `data/prepared`.
    sample_rate : int
        The rate to decode to, in hertz.
    folds_by_recording : int, optional
        How many folds of our own to assign the clips to, instead of the official ones.
    allow_partial : bool
        Whether to go on when clips are missing; folds of our own imply it.
    skip_bad_clips : bool
        Whether to leave out clips that cannot be read.

    Raises
    ------
    InputError
        If clips are missing or cannot be read, or folds of our own are asked for without need.
    """
    prepared = Path(prepared_folder) if prepared_folder else default_prepared_folder(folder)
    present = [row for row in rows if (folder / row.path).is_file()]
    missing = sorted({row.path for row in rows} - {row.path for row in present})
    go_on = len(present) == CLIPS[dataset] or allow_partial or folds_by_recording is not None
    if not (present and go_on):
        wanted = f"{folder}: expected the {CLIPS[dataset]} clips of {dataset}"
        raise report_incomplete(wanted, len(rows), missing, [], prepared / "missing.json")
    own = None if folds_by_recording is None else _assign_own_folds(present, folds_by_recording)
    clips = {
        row.name: ListedClip(
            folder / row.path,
            f"{dataset}-fold{row.fold}",
            [row.label],
            row.fold if own is None else own[row.name],
        )
        for row in present
    }
    packed, bad = pack_listed_clips(clips, prepared, sample_rate, skip_bad_clips=skip_bad_clips)
    tag = dataset if own is None else f"{dataset}-{folds_by_recording}"
    manifest = prepared / str(sample_rate) / f"manifest-{tag}.json"
    return PreparedData(
        manifest=manifest,
        folds=write_manifest(manifest, clips, packed),
        state="complete" if len(packed) == CLIPS[dataset] else "partial",
        clips=len(packed),
        expected_clips=CLIPS[dataset],
        rows_without_file=missing,
        skipped_clips=bad,
    )


def _assign_own_folds(rows: list[ESC50Row], folds: int) -> dict[str, int]:
    """Return the fold of each clip; clips of one recording are in one fold."""
    if {row.fold for row in rows} == set(FOLDS):
        raise InputError(
            "--folds_by_recording: the five official folds are there, and scores on others are"
            " not comparable: leave it out"
        )
    labels = {row.name: [row.label] for row in rows}
    recordings = {row.name: row.recording for row in rows}
    counts = count_recordings(labels, recordings)
    number = len(set(recordings.values()))
    if type(folds) is not int or not 2 <= folds <= number:
        raise InputError(f"--folds_by_recording: expected 2 to {number}, got {folds!r}")
    print(f"warning: {folds} folds by recording are not the official ones: not comparable")
    few = [f"{label} ({count})" for label, count in counts.items() if count < folds]
    if few:
        print(f"warning: classes of fewer recordings than folds: {', '.join(few)}")
    return assign_folds(labels, recordings, folds)
