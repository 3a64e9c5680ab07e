"""What preparations share: a table read, compared with files; clips packed and listed.

A recipe's prepare module says what its dataset is; the steps that are the same for all are here.
"""

import csv
import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aed_plugins.core import InputError, first_few, write_json
from aed_plugins.data.packing import ClipSource, PackedClip, pack_clips


class ListedClip(NamedTuple):
    """A clip of a dataset's list.

    Attributes
    ----------
    path : Path
        The file.
    shard : str
        The packed file that is to hold it: see `pack_clips`.
    labels : list of str
        Its labels.
    fold : int or str
        Its fold.
    row : str
        Where it is listed, for messages; empty where its path says that already.
    """

    path: Path
    shard: str
    labels: list[str]
    fold: int | str
    row: str = ""


@dataclass(frozen=True)
class PreparedData:
    """What a preparation found.

    Attributes
    ----------
    manifest : Path
        The JSON manifest.
    folds : list of int or str
        Folds that have clips.
    state : {"complete", "partial", "demonstration"}
        Whether the scores can be compared with others'.
    clips, expected_clips : int
        Usable clips, and those of the whole dataset.
    rows_without_file, files_without_row : list of str
        Clips that could not be had, and files that the table does not list.
    skipped_clips : dict
        Clips that were left out because they cannot be read, and why.
    """

    manifest: Path
    folds: list[Any]
    state: str
    clips: int
    expected_clips: int
    rows_without_file: list[str] = field(default_factory=list)
    files_without_row: list[str] = field(default_factory=list)
    skipped_clips: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Return what is written of the data in the results."""
        summary = {key: value for key, value in asdict(self).items() if key != "manifest"}
        return summary | {"bad_clips": len(self.skipped_clips)}


def default_prepared_folder(data: Path, *others: Path) -> Path:
    """Return the folder where decoded clips are kept unless another is given.

    Parameters
    ----------
    data : Path
        The dataset's folder or list: two of one name in different places are kept apart.
    *others : Path
        Where further parts of the dataset are, such as the audio.
    """
    places = " ".join(str(path.resolve()) for path in (data, *others))
    return Path("data/prepared") / f"{data.name}-{hashlib.sha256(places.encode()).hexdigest()[:8]}"


def read_csv_rows(
    path: Path, columns: Collection[str], other_names: Mapping[str, str] | None = None
) -> Iterator[tuple[str, dict[str | None, Any]]]:
    """Read a CSV table with a header, in UTF-8 with or without a byte order mark.

    Parameters
    ----------
    path : Path
        The table.
    columns : collection of str
        The columns that must be there.
    other_names : mapping, optional
        By what some call a column: what it is called here.

    Yields
    ------
    tuple
        Where the row is, for messages, and its fields by column. As in `csv.DictReader`, a field
        that is missing is `None`, and fields beyond the header are a list under `None`.

    Raises
    ------
    InputError
        If it is not a table, or a column is missing or there twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            found = [name.strip() for name in reader.fieldnames or []]
            names = {old: new for old, new in (other_names or {}).items() if new not in found}
            reader.fieldnames = [names.get(name, name) for name in found]
            twice = [name for name in columns if reader.fieldnames.count(name) > 1]
            if twice:
                raise InputError(f"{path}: expected one column {twice[0]}, found several")
            lacking = [column for column in columns if column not in reader.fieldnames]
            if lacking:
                *others, last = columns
                raise InputError(
                    f"{path}: expected columns {', '.join(others)} and {last}, but"
                    f" {', '.join(lacking)} is not among {', '.join(found) or 'none'}"
                )
            for fields in reader:
                yield f"{path} line {reader.line_num}", fields
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected a CSV table in UTF-8: {error}") from error


def report_incomplete(
    expected: str, rows: int, missing: list[str], extra: list[str], report: Path
) -> InputError:
    """Write what is missing into a report, and return an error that says it in one line.

    Parameters
    ----------
    expected : str
        The folder, and what was expected in it.
    rows : int
        Rows of the table.
    missing, extra : list of str
        Rows that have no file, and files that have no row.
    report : Path
        The JSON file.
    """
    write_json(report, {"rows_without_file": missing, "files_without_row": extra})
    found = [f"{rows} rows"]
    if missing:
        found.append(f"{len(missing)} of them without a file ({first_few(missing)})")
    if extra:
        found.append(f"{len(extra)} files without a row ({first_few(extra)})")
    listed = f"; all of them: {report}" if missing or extra else ""
    return InputError(
        f"{expected}, found {', '.join(found)}{listed};"
        " complete the folder, or give --allow_partial=True to use what is there"
    )


def pack_listed_clips(
    clips: Mapping[str, ListedClip],
    folder: Path,
    sample_rate: int,
    *,
    skip_bad_clips: bool = False,
    refused: Mapping[str, str] | None = None,
) -> tuple[dict[str, PackedClip], dict[str, str]]:
    """Decode what is new; refuse clips that cannot be used, or leave them out.

    Parameters
    ----------
    clips : mapping of str to ListedClip
        By clip id.
    folder : Path
        Where decoded clips are kept.
    sample_rate : int
        The rate to decode to, in hertz.
    skip_bad_clips : bool
        Whether to leave out clips that cannot be used.
    refused : mapping, optional
        Of these clips, those that are not to be decoded, and why.

    Returns
    -------
    tuple of dict
        By clip id: where each usable clip is, and why the others are bad.

    Raises
    ------
    InputError
        If clips cannot be used and are not to be left out; all are listed in `bad_clips.json`.
    """
    refused = refused or {}
    sources = {n: ClipSource(c.path, c.shard) for n, c in clips.items() if n not in refused}
    packed = pack_clips(sources, folder, sample_rate)
    reasons = {**refused, **packed.bad}
    bad = {
        name: f"{clip.row}: {reasons[name]}" if clip.row else reasons[name]
        for name, clip in clips.items()
        if name in reasons
    }
    if bad and not skip_bad_clips:
        report = folder / "bad_clips.json"
        write_json(report, bad)
        raise InputError(
            f"{len(bad)} of {len(clips)} clips cannot be used:"
            f" {first_few(list(bad.values()), shown=1)}; all of them: {report};"
            " fix them, or give --skip_bad_clips=True to leave them out"
        )
    return packed.clips, bad


def write_manifest(
    path: Path, clips: Mapping[str, ListedClip], packed: Mapping[str, PackedClip]
) -> list[int | str]:
    """List clips in a manifest: see `manifest.py`.

    Parameters
    ----------
    path : Path
        The JSON file.
    clips : mapping of str to ListedClip
        By clip id.
    packed : mapping of str to PackedClip
        Where they are; a clip that is not among them is left out.

    Returns
    -------
    list of int or str
        The folds that have clips: numbers in their order, then names in theirs.
    """
    entries = {
        name: {**packed[name]._asdict(), "labels": clip.labels, "fold": clip.fold}
        for name, clip in clips.items()
        if name in packed
    }
    write_json(path, entries)
    folds = {entry["fold"] for entry in entries.values()}
    return sorted(folds, key=lambda fold: (isinstance(fold, str), fold))


def describe_data(data: Mapping[str, Any]) -> str:
    """Describe in one line the data that scores were measured on.

    Parameters
    ----------
    data : mapping
        As for `write_results`.
    """
    match data["state"]:
        case "demonstration":
            text = "DEMONSTRATION: synthesized sounds; these scores say nothing about real sound."
        case "partial":
            text = (
                f"PARTIAL DATA: {data['clips']} of {data['expected_clips']} clips; not comparable"
            )
            text += " with published scores."
        case _:
            text = f"Complete data: {data['clips']} clips."
    bad = data["bad_clips"]
    return f"{text} {bad} bad clips were left out." if bad else text
