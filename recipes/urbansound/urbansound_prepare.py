"""Preparation of UrbanSound8K: what is there, decoded once, listed in a manifest.

Source: Salamon, Jacoby, Bello, "A Dataset and Taxonomy for Urban Sound Research" (ACM MM 2014);
https://urbansounddataset.weebly.com/urbansound8k.html; CC BY-NC 3.0. The folder holds
`metadata/UrbanSound8K.csv` and `audio/fold1` to `audio/fold10`. The folds are official: slices of
one recording share a fold, so clips must never be moved between them.
"""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aed_plugins.demo import DEMONSTRATION_MARK, build_demonstration
from aed_plugins.errors import InputError, first_few
from aed_plugins.files import write_json
from aed_plugins.packing import Source, pack

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
class Prepared:
    """What a preparation found.

    Attributes
    ----------
    manifest : Path
        The JSON manifest.
    folds : list of int
        Folds that have clips.
    state : {"complete", "partial", "demonstration"}
        Whether the figures can be compared with others'.
    clips, expected_clips : int
        Usable clips, and those of the whole dataset.
    rows_without_file, files_without_row : list of str
        Clips that could not be had, and files that the table does not list.
    skipped_clips : dict
        Clips that were left out because they cannot be read, and why.
    """

    manifest: Path
    folds: list[int]
    state: str
    clips: int
    expected_clips: int
    rows_without_file: list[str] = field(default_factory=list)
    files_without_row: list[str] = field(default_factory=list)
    skipped_clips: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Give what the results say of the data."""
        said = {key: value for key, value in asdict(self).items() if key != "manifest"}
        return said | {"bad_clips": len(self.skipped_clips)}


@dataclass(frozen=True)
class Row:
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
        print(f"no {DEFAULT_FOLDER}: this is a DEMONSTRATION with synthesised sounds")
        return build_demonstration(DEMONSTRATION_FOLDER)
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
) -> Prepared:
    """Check the dataset, decode what is new, write the manifest.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    prepared_folder : str, optional
        Where decoded audio and manifest are kept; by default a folder in `data/prepared`.
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
    kept = Path(prepared_folder) if prepared_folder else _default_prepared_folder(folder)
    rows = read_table(folder / TABLE)
    missing, extra = compare_files(folder, rows)
    demonstration = is_demonstration(folder)
    expected = len(rows) if demonstration else CLIPS
    incomplete = bool(missing or extra or len(rows) != expected)
    if incomplete and not allow_partial:
        report = kept / "missing.json"
        write_json(report, {"rows_without_file": missing, "files_without_row": extra})
        raise InputError(_incomplete(folder, rows, missing, extra, report))
    absent = set(missing)
    present = {row.name: row for row in rows if row.path not in absent}
    sources = {name: Source(folder / r.path, f"fold{r.fold}") for name, r in present.items()}
    packed = pack(sources, kept, sample_rate)
    if packed.bad and not skip_bad_clips:
        report = kept / "bad_clips.json"
        write_json(report, packed.bad)
        raise InputError(
            f"{len(packed.bad)} of {len(sources)} clips cannot be used:"
            f" {first_few(list(packed.bad.values()), shown=1)}; all of them: {report};"
            " mend them, or give --skip_bad_clips=True to leave them out"
        )
    entries = {
        name: {**clip._asdict(), "labels": [present[name].label], "fold": present[name].fold}
        for name, clip in packed.clips.items()
    }
    manifest = kept / str(sample_rate) / "manifest.json"
    write_json(manifest, entries)
    return Prepared(
        manifest=manifest,
        folds=sorted({entry["fold"] for entry in entries.values()}),
        state=_state(demonstration, complete=len(entries) == expected),
        clips=len(entries),
        expected_clips=expected,
        rows_without_file=missing,
        files_without_row=extra,
        skipped_clips=packed.bad,
    )


def read_table(path: Path) -> list[Row]:
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
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            label_column = "class_name" if "class_name" in columns else "class"
            lacking = {"slice_file_name", "fold", "classID", label_column} - set(columns)
            if lacking:
                raise InputError(
                    f"{path}: expected columns slice_file_name, fold, classID and class, but"
                    f" {', '.join(sorted(lacking))} is not among {', '.join(columns) or 'none'}"
                )
            rows: dict[str, Row] = {}
            for fields in reader:
                where = f"{path} line {reader.line_num}"
                row = _row(where, fields, label_column)
                if row.name in rows:
                    raise InputError(f"{where}: {row.name} is listed a second time")
                rows[row.name] = row
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected a CSV table in UTF-8: {error}") from error
    if not rows:
        raise InputError(f"{path}: expected {CLIPS} rows, found none")
    return list(rows.values())


def _row(where: str, row: Mapping[str, str | None], label_column: str) -> Row:
    name, fold, class_id, label = (
        (row[column] or "").strip()
        for column in ("slice_file_name", "fold", "classID", label_column)
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
    return Row(name, int(fold), label)


def compare_files(folder: Path, rows: list[Row]) -> tuple[list[str], list[str]]:
    """Compare the table with the files.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    rows : list of Row
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


def _default_prepared_folder(folder: Path) -> Path:
    place = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return Path("data/prepared") / f"{folder.name}-{place}"


def _incomplete(
    folder: Path, rows: list[Row], missing: list[str], extra: list[str], report: Path
) -> str:
    found = [f"{len(rows)} rows"]
    if missing:
        found.append(f"{len(missing)} of them without a file ({first_few(missing)})")
    if extra:
        found.append(f"{len(extra)} files without a row ({first_few(extra)})")
    listed = f"; all of them: {report}" if missing or extra else ""
    return (
        f"{folder}: expected the {CLIPS} clips of UrbanSound8K, found {', '.join(found)}{listed};"
        " complete the folder, or give --allow_partial=True to use what is there"
    )
