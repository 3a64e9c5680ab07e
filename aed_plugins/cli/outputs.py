"""Results written as they come, so that an interrupted command goes on where it stopped."""

import contextlib
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
from aed_plugins.core import InputError, first_few, write_json

RUN = "run.json"
SOURCES = "sources.jsonl"
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


def each(
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
            tqdm.write(f"skipped: {' '.join(str(error).split())}", file=sys.stderr)
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
        What the rows depend on: kept in the JSON file beside, and rows of another run are refused.
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


def check_run(settings: Path, run: Mapping[str, Any], output: Path) -> None:
    """Refuse to go on with results of another model or other settings.

    Parameters
    ----------
    settings : Path
        The JSON file that says what they depended on.
    run : mapping
        What they would depend on now.
    output : Path
        The results.

    Raises
    ------
    InputError
        If these differ, or the file is not there.
    """
    try:
        before = json.loads(settings.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{output}: it is there already and no {settings.name} says how it was made;"
            " give another --output, or delete it"
        ) from error
    now = json.loads(json.dumps(run))
    for key in {**now, **before}:
        if before.get(key) != now.get(key):
            was, is_now = (shorten(str(one.get(key, "not given")), 60) for one in (before, now))
            raise InputError(
                f"{output} holds results of another run: {key} was {was}, now it is {is_now};"
                " give another --output, or delete it"
            )


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


def _stamp(path: Path) -> list[Any]:
    """Tell a recording from another: where it is, its size and the time of its last change."""
    found = path.stat() if path.exists() else None
    return [str(path.resolve()), *((found.st_size, found.st_mtime_ns) if found else (0, 0))]


class Folder:
    """A folder with a file of results per recording; those that are there are not made again.

    Beside them, `sources.jsonl` tells which recording each is of: of another recording of the same
    name they are not taken, and of one that has changed they are made again.

    Parameters
    ----------
    path : Path
        The folder.
    suffix : str
        Of the files, with its dot.
    run : mapping
        What the results depend on, as for `Table`.
    """

    def __init__(self, path: Path, suffix: str, run: Mapping[str, Any]) -> None:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: expected a folder for the results, got a file")
        self.path, self.suffix, self.run = path, suffix, run
        self._sources: dict[str, list[Any]] = {}
        if (path / RUN).is_file():
            check_run(path / RUN, run, path)

    def file_of(self, recording: Recording) -> Path:
        """Tell where a recording's results are."""
        return self.path / recording.name.with_suffix(self.suffix)

    def missing(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Give the recordings that have no file yet.

        Raises
        ------
        InputError
            If two recordings would have the same, or one is there that another command wrote.
        """
        owners: dict[Path, list[str]] = {}
        for recording in recordings:
            owners.setdefault(self.file_of(recording), []).append(str(recording.path))
        for file, names in owners.items():
            if len(names) > 1:
                raise InputError(
                    f"{first_few(names)} would all be written to {file}; do them apart, each with"
                    " an --output of its own"
                )
            if file.exists() and not (self.path / RUN).is_file():
                raise InputError(
                    f"{file} is there already and no {RUN} says how it was made; give another"
                    " --output, or delete it"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / RUN, self.run)
        self._sources = self._read_sources()
        return [recording for recording in recordings if not self._is_done(recording)]

    def note(self, recording: Recording) -> None:
        """Keep which recording its file of results is of."""
        row = {"file": str(recording.name), "source": _stamp(recording.path)}
        with (self.path / SOURCES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _read_sources(self) -> dict[str, list[Any]]:
        path = self.path / SOURCES
        sources: dict[str, list[Any]] = {}
        for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a line that was cut off
                row = json.loads(line)
                sources[row["file"]] = row["source"]
        return sources

    def _is_done(self, recording: Recording) -> bool:
        file, known = self.file_of(recording), self._sources.get(str(recording.name))
        if recording.is_stdin or known is None or not file.is_file():
            return False
        now = _stamp(recording.path)
        if known[1:] == now[1:]:  # the same, wherever it was moved to
            return True
        if known[0] != now[0]:
            raise InputError(
                f"{file} holds the results of {known[0]}, not of {recording.path}; give another"
                " --output"
            )
        return False


def text_table(rows: Sequence[Sequence[str]], text_columns: int = 1) -> Iterator[str]:
    r"""Lay a table out for a terminal: text to the left, numbers to the right.

    Parameters
    ----------
    rows : sequence of sequence of str
        The header and the rows.
    text_columns : int
        How many columns from the left hold text.

    Examples
    --------
    >>> print(*text_table([["class", "seconds"], ["dog", "3.5"]]), sep="\n")
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
