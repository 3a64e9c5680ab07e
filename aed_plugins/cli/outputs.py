"""Results written as they come, so that an interrupted command goes on where it stopped."""

import csv
import io
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

from aed_plugins.cli.inputs import Recording
from aed_plugins.core import InputError, one_line, write_json

RUN = "run.json"
Row = Mapping[str, Any]


def add_progress(parser: ArgumentParser) -> None:
    """Let a command go without a progress bar."""
    parser.add_argument(
        "--no-progress",
        action="store_true",
        help="no progress bar (there is none in a pipe anyway)",
    )


def quiet(given: Namespace) -> bool:
    """Tell whether no progress is to be shown."""
    return given.no_progress or not sys.stderr.isatty()


def process_each(
    given: Namespace, recordings: Sequence[Recording], work: Callable[[Recording], None]
) -> int:
    """Do something with each recording; name and skip those that cannot be used.

    Parameters
    ----------
    given : Namespace
        The command line; its `no_progress` counts.
    recordings : sequence of Recording
        What to work on.
    work : callable
        Raises an `InputError` where a recording cannot be used.

    Returns
    -------
    int
        0, or 1 if any was skipped.
    """
    from tqdm import tqdm  # noqa: PLC0415  not for --help

    bad = 0
    hidden = quiet(given) or len(recordings) < 2
    for recording in tqdm(recordings, given.command, disable=hidden, unit="file"):
        try:
            work(recording)
        except InputError as error:  # noqa: PERF203  the next one may be good
            bad += 1
            tqdm.write(f"skipped: {one_line(error)}", file=sys.stderr)
    if bad:
        sys.stderr.write(f"error: {bad} of {len(recordings)} recordings were skipped\n")
    return 1 if bad else 0


class Table:
    """A table with a row per recording, on standard output or in a file that grows row by row.

    A file that is there already is gone on with: a row that was cut off is dropped, and recordings
    that have a row are left out.

    Parameters
    ----------
    path : Path or None
        The file; None is standard output.
    kind : {"csv", "jsonl"}
        How rows are written.
    columns : sequence of str
        Of a CSV table; the first is `file`.
    run : mapping
        What the rows depend on: kept in a JSON file next to it; rows of another run are refused.
    """

    def __init__(
        self, path: Path | None, kind: str, columns: Sequence[str], run: Mapping[str, Any]
    ) -> None:
        self.path, self.kind, self.columns = path, kind, columns
        self.done: set[str] = set()
        if path is None:
            self._write_header()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = path.with_name(f"{path.name}.{RUN}")
        if path.is_file() and path.stat().st_size:
            check_run(settings, run, path)
            self.done = self._recover()
        if not self.done:
            write_json(settings, run)
            path.write_bytes(b"")
            self._write_header()

    def missing(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Give the recordings that have no row yet."""
        return [r for r in recordings if r.is_stdin or r.shown not in self.done]

    def write(self, row: Row) -> None:
        """Write a row, whole, at once."""
        if self.kind == "jsonl":
            self._write(json.dumps(row, ensure_ascii=False) + "\n")
        else:
            self._write(_csv_line([row[column] for column in self.columns]))

    def _write_header(self) -> None:
        if self.kind == "csv":
            self._write(_csv_line(self.columns))

    def _write(self, line: str) -> None:
        if self.path is None:
            sys.stdout.write(line)
            sys.stdout.flush()
            return
        size = self.path.stat().st_size
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(line)
        except OSError as error:  # a disk that is full keeps what it could of the row
            with self.path.open("r+b") as file:
                file.truncate(size)
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def _recover(self) -> set[str]:
        """Drop a row that a kill cut off; give the files that have a row."""
        assert self.path is not None
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        try:
            text = content[:whole].decode("utf-8")
            if self.kind == "jsonl":
                done = {str(json.loads(line)["file"]) for line in text.splitlines()}
            else:
                done = {row["file"] for row in csv.DictReader(io.StringIO(text, newline=""))}
        except (UnicodeDecodeError, ValueError, KeyError, csv.Error) as error:
            raise InputError(
                f"{self.path}: expected the rows of an interrupted command, got something else;"
                " give another --output, or delete it"
            ) from error
        if whole < len(content):
            with self.path.open("r+b") as file:
                file.truncate(whole)
        return done


def _csv_line(cells: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def check_run(
    settings: Path, run: Mapping[str, Any], output: Path, option: str = "--output"
) -> None:
    """Refuse to go on with results of another model or other settings.

    Parameters
    ----------
    settings : Path
        The JSON file that says what they depended on.
    run : mapping
        What they would depend on now.
    output : Path
        The results.
    option : str
        The option that names them.

    Raises
    ------
    InputError
        If these differ, or the file is not there.
    """
    before = read_run(settings, output, option)
    now = json.loads(json.dumps(run))
    for key in {**now, **before}:
        if before.get(key) != now.get(key):
            was, is_now = (shorten(str(one.get(key, "not given")), 60) for one in (before, now))
            raise InputError(
                f"{output} holds results of another run: {key} was {was}, now it is {is_now};"
                f" give another {option}, or delete it"
            )


def read_run(settings: Path, output: Path, option: str = "--output") -> dict[str, Any]:
    """Read what results depended on; the parameters are those of `check_run`."""
    try:
        return dict(json.loads(settings.read_text("utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise InputError(
            f"{output}: it is there already and no {settings.name} says how it was made;"
            f" give another {option}, or delete it"
        ) from error


def check_file(output: Path, inputs: Sequence[Path], suffixes: Sequence[str]) -> None:
    """See, before hours of work, that a file can be written and is none that was meant to stay.

    Parameters
    ----------
    output : Path
        The file.
    inputs : sequence of Path
        What the command reads.
    suffixes : sequence of str
        What its name may end in.

    Raises
    ------
    InputError
        If it has another suffix, is a folder, or is read by the command.
    """
    if output.suffix.lower() not in suffixes or output.is_dir():
        raise InputError(f"{output}: expected the name of a file in {' or '.join(suffixes)}")
    if any(output.exists() and path.exists() and output.samefile(path) for path in inputs):
        raise InputError(f"{output} is read by the command and cannot be written, too")
    folder = next(parent for parent in output.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"{output}: {folder} is no folder that can be written")


def format_table(rows: Sequence[Sequence[str]], text_columns: int = 1) -> Iterator[str]:
    r"""Lay a table out for a terminal: text to the left, numbers to the right.

    Parameters
    ----------
    rows : sequence of sequence of str
        The header and the rows.
    text_columns : int
        How many columns from the left hold text.

    Examples
    --------
    >>> print(*format_table([["class", "seconds"], ["dog", "3.5"]]), sep="\n")
    class  seconds
    dog        3.5
    """
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if place < text_columns else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
