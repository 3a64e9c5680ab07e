"""The finished runs of ablations: a CSV file that can be committed, and grows over days."""

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from filelock import FileLock

from aed_plugins.core import InputError, atomic_write
from aed_plugins.experiments.ablation.run import DIGITS, AblationRun, Key


def read_rows(path: Path) -> dict[Key, AblationRun]:
    """Read the finished runs; none where there is no file yet.

    Parameters
    ----------
    path : Path
        The CSV file.

    Raises
    ------
    InputError
        If it is damaged; the message names the row. If runs of one configuration are of several
        states of the data, or were trained on more folds than others: they cannot be averaged.
    """
    if path.is_dir():
        raise InputError(f"{path}: expected a CSV file of finished runs, got a folder")
    if not path.is_file():
        return {}
    names = [field.name for field in fields(AblationRun)]
    rows: dict[Key, AblationRun] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if header != names:
                raise InputError(
                    f"{path}, row 1: expected the columns {', '.join(names)}, got"
                    f" {', '.join(header) or 'nothing'}"
                )
            for cells in reader:
                with _in_row(path, reader.line_num):
                    row = _parsed(cells, names)
                rows.setdefault(row.key, row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected a CSV file in UTF-8: {error}") from error
    _check_alike(path, rows.values())
    return rows


def append_row(path: Path, row: AblationRun) -> None:
    """Add a run to the file, which is whole at any moment; several processes may do so.

    Parameters
    ----------
    path : Path
        The CSV file, made if missing.
    row : AblationRun
        The run; one that is there already is not added.

    Raises
    ------
    InputError
        If the file is damaged, or the run is of other data than those of its configuration that are
        there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        known = read_rows(path)
        if row.key in known:
            return
        _check_alike(path, [*known.values(), row])
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        if not there:
            writer.writerow(field.name for field in fields(AblationRun))
        elif not there.endswith("\n"):
            written.write("\n")
        writer.writerow(_cell(value) for value in astuple(row))
        with atomic_write(path) as temporary:
            temporary.write_text(there + written.getvalue(), encoding="utf-8", newline="")


def _check_alike(path: Path, rows: Iterable[AblationRun]) -> None:
    kinds: dict[str, str] = {}
    for row in rows:
        kind = f"{row.data} data, trained on {len(row.train_folds)} folds"
        first = kinds.setdefault(row.configuration, kind)
        if kind != first:
            raise InputError(
                f"{path}: {row.variant} is there on {first}, but on fold {row.fold} with seed"
                f" {row.seed} on {kind}; their mean would mean nothing: give another --rows"
            )


def _cell(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@contextlib.contextmanager
def _in_row(path: Path, number: int) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise InputError(f"{path}, row {number}: {error}") from error


def _matching(pattern: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return read


def _folds(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


_HEXADECIMAL = _matching(f"[0-9a-f]{{{DIGITS}}}")
# How a column is read, and what is expected there.
_COLUMNS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "configuration": (_HEXADECIMAL, f"{DIGITS} hexadecimal digits"),
    "fold": (int, "a whole number"),
    "seed": (int, "a whole number"),
    "data": (_matching("complete|partial|demonstration"), "complete, partial or demonstration"),
    "clips": (int, "a whole number"),
    "train_folds": (_folds, "whole numbers"),
    "accuracy": (float, "a number"),
    "seconds": (float, "a number"),
    "threads": (int, "a whole number"),
    "clips_digest": (_HEXADECIMAL, f"{DIGITS} hexadecimal digits"),
}


def _parsed(cells: list[str], names: list[str]) -> AblationRun:
    if len(cells) != len(names):
        raise ValueError(f"expected {len(names)} cells, got {len(cells)}")
    values: dict[str, Any] = {}
    for name, text in zip(names, cells, strict=True):
        read, expected = _COLUMNS.get(name, (str, ""))
        try:
            values[name] = read(text)
        except ValueError as error:
            raise ValueError(f"{name}: expected {expected}, got {text!r}") from error
    row = AblationRun(**values)
    if not (row.clips > 0 and row.train_folds and row.seconds >= 0):
        raise ValueError("expected clips, folds to train on and seconds")
    fraction = row.right_clips.mean()
    if not abs(fraction - row.accuracy) < 1e-6:
        raise ValueError(f"accuracy is {row.accuracy}, but of the clips {fraction:.6f} were right")
    return row
