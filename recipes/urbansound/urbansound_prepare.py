"""Preparation of UrbanSound8K: what is there, decoded once, listed in a manifest.

Source: Salamon, Jacoby, Bello, "A Dataset and Taxonomy for Urban Sound Research" (ACM MM 2014);
https://urbansounddataset.weebly.com/urbansound8k.html; CC BY-NC 3.0. The folder holds
`metadata/UrbanSound8K.csv` and `audio/fold1` to `audio/fold10`. The folds are official: slices of
one recording share a fold, so clips must never be moved between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError
from aed_plugins.data import (
    DEMONSTRATION_MARK,
    ListedClip,
    PreparedData,
    build_urbansound_demonstration,
    default_prepared_folder,
    pack_listed_clips,
    read_csv_rows,
    report_incomplete,
    write_manifest,
)

# In the order of the official classID.
LABELS = (
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
)
CLIPS = 8732
FOLDS = range(1, 11)
TABLE = "metadata/UrbanSound8K.csv"
DEFAULT_FOLDER = Path("data/UrbanSound8K")
DEMONSTRATION_FOLDER = Path("data/UrbanSound8K_demonstration")


@dataclass(frozen=True)
class UrbanSoundRow:
    """A row of the official table: a file's name, its fold, and its class."""

    name: str
    fold: int
    label: str

    @property
    def path(self) -> str:
        """The file below the dataset's folder."""
        return f"audio/fold{self.fold}/{self.name}"


def find_data(data_folder: str | None) -> Path:
    """Find the data; where none is named or there, build the demonstration corpus.

    Parameters
    ----------
    data_folder : str, optional
        The folder that holds `audio` and `metadata`.

    Raises
    ------
    InputError
        If the folder that was named is missing, or does not hold the table.
    """
    if data_folder is None and not DEFAULT_FOLDER.exists():
        print(f"no {DEFAULT_FOLDER}: this is a DEMONSTRATION with synthesized sounds")
        return build_urbansound_demonstration(DEMONSTRATION_FOLDER)
    folder = DEFAULT_FOLDER if data_folder is None else Path(str(data_folder))
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --data_folder names the one of UrbanSound8K")
    if not (folder / TABLE).is_file():
        inner = folder / "UrbanSound8K"
        hint = f"did you mean --data_folder={inner}?" if inner.is_dir() else "unpack it there"
        raise InputError(f"{folder}: expected {TABLE} in it, found none; {hint}")
    return folder


def is_demonstration(folder: Path) -> bool:
    """Tell whether a folder holds the demonstration corpus."""
    return (folder / DEMONSTRATION_MARK).is_file()


def prepare(
    folder: Path,
    prepared_folder: str | None,
    sample_rate: int,
    *,
    allow_partial: bool = False,
    skip_bad_clips: bool = False,
) -> PreparedData:
    """Check the dataset, decode what is new, write the manifest.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    prepared_folder : str, optional
        Where decoded audio and manifest go; by default a folder in `data/prepared`.
    sample_rate : int
        The rate to decode to, in hertz.
    allow_partial : bool
        Whether to go on when clips are missing.
    skip_bad_clips : bool
        Whether to leave out clips that cannot be read.

    Raises
    ------
    InputError
        If the table is malformed, clips are missing, or clips cannot be read.
    """
    prepared = Path(prepared_folder) if prepared_folder else default_prepared_folder(folder)
    rows = read_table(folder / TABLE)
    missing, extra = compare_files(folder, rows)
    demonstration = is_demonstration(folder)
    expected = len(rows) if demonstration else CLIPS
    if (missing or extra or len(rows) != expected) and not allow_partial:
        wanted = f"{folder}: expected the {CLIPS} clips of UrbanSound8K"
        raise report_incomplete(wanted, len(rows), missing, extra, prepared / "missing.json")
    absent = set(missing)
    clips = {
        row.name: ListedClip(folder / row.path, f"fold{row.fold}", [row.label], row.fold)
        for row in rows
        if row.path not in absent
    }
    packed, bad = pack_listed_clips(clips, prepared, sample_rate, skip_bad_clips=skip_bad_clips)
    manifest = prepared / str(sample_rate) / "manifest.json"
    return PreparedData(
        manifest=manifest,
        folds=write_manifest(manifest, clips, packed),
        state=_state(demonstration, complete=len(packed) == expected),
        clips=len(packed),
        expected_clips=expected,
        rows_without_file=missing,
        files_without_row=extra,
        skipped_clips=bad,
    )


def read_table(path: Path) -> list[UrbanSoundRow]:
    """Read the official table.

    Parameters
    ----------
    path : Path
        `metadata/UrbanSound8K.csv`; some mirrors call its last column `class_name`.

    Raises
    ------
    InputError
        If it is not a table with its columns, or rows have another fold or class; the message
        names the line.
    """
    rows: dict[str, UrbanSoundRow] = {}
    columns = ("slice_file_name", "fold", "classID", "class")
    for where, fields in read_csv_rows(path, columns, {"class_name": "class"}):
        row = _row(where, fields)
        if row.name in rows:
            raise InputError(f"{where}: {row.name} is listed a second time")
        rows[row.name] = row
    if not rows:
        raise InputError(f"{path}: expected {CLIPS} rows, found none")
    return list(rows.values())


def _row(where: str, row: Mapping[str | None, Any]) -> UrbanSoundRow:
    name, fold, class_id, label = (
        (row[column] or "").strip() for column in ("slice_file_name", "fold", "classID", "class")
    )
    if not name or Path(name).name != name:
        raise InputError(f"{where}: expected a file's name as slice_file_name, got {name!r}")
    if fold not in {str(number) for number in FOLDS}:
        raise InputError(f"{where}: expected a fold from 1 to 10 for {name}, got {fold!r}")
    if label not in LABELS:
        raise InputError(f"{where}: expected one of {', '.join(LABELS)} for {name}, got {label!r}")
    official = str(LABELS.index(label))
    if class_id != official:
        raise InputError(f"{where}: expected classID {official} for {label}, got {class_id!r}")
    return UrbanSoundRow(name, int(fold), label)


def compare_files(folder: Path, rows: list[UrbanSoundRow]) -> tuple[list[str], list[str]]:
    """Compare the table with the files.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    rows : list of UrbanSoundRow
        The table.

    Returns
    -------
    tuple of list of str
        Rows that have no file and files that have no row, as paths below the folder.
    """
    listed = {row.path for row in rows}
    there = {
        f"audio/fold{fold}/{file.name}"
        for fold in FOLDS
        for file in (folder / f"audio/fold{fold}").glob("[!.]*.wav")
    }
    return sorted(listed - there), sorted(there - listed)


def _state(demonstration: bool, complete: bool) -> str:
    if demonstration:
        return "demonstration"
    return "complete" if complete else "partial"
