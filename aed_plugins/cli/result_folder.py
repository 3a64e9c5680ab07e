"""A folder with a file of results per recording, which an interrupted command goes on with."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aed_plugins.cli.inputs import Recording
from aed_plugins.cli.outputs import RUN, check_run
from aed_plugins.core import InputError, first_few, write_json

SOURCES = "sources.jsonl"


def _stamp(path: Path) -> list[Any]:
    """Tell a recording from another: where it is, its size and the time of its last change."""
    found = path.stat() if path.exists() else None
    return [str(path.resolve()), *((found.st_size, found.st_mtime_ns) if found else (0, 0))]


class Folder:
    """A folder with a file of results per recording; those that are there are not made again.

    Next to them, `sources.jsonl` states which recording each is of: of another recording of the
    same name they are not taken, and of one that has changed they are made again.

    Parameters
    ----------
    path : Path
        The folder.
    suffix : str
        Of the files, with its dot.
    run : mapping
        What the results depend on, as for `Table`.
    option : str
        The option that names the folder, for messages.
    """

    def __init__(
        self, path: Path, suffix: str, run: Mapping[str, Any], option: str = "--output"
    ) -> None:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: expected a folder for the results, got a file")
        self.path, self.suffix, self.run, self.option = path, suffix, run, option
        self._sources = self._read_sources()
        if (path / RUN).is_file():
            check_run(path / RUN, run, path, option)

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
                    f"{first_few(names)} would all be written to {file}; rename them, or do them"
                    f" apart, each with an {self.option} of its own"
                )
            if file.exists() and not (self.path / RUN).is_file():
                raise InputError(
                    f"{file} is there already and no {RUN} says how it was made; give another"
                    f" {self.option}, or delete it"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / RUN, self.run)
        return [recording for recording in recordings if not self._is_done(recording)]

    def note(self, recording: Recording) -> None:
        """Keep which recording its file of results is of."""
        row: dict[str, Any] = {"file": str(recording.name), "source": _stamp(recording.path)}
        with (self.path / SOURCES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._sources[row["file"]] = row["source"]

    def results(self, recordings: Sequence[Recording]) -> dict[Path, Path]:
        """Return the file of results of each recording that has one, by the recording's path."""
        return {r.path: self.file_of(r) for r in recordings if self._is_done(r)}

    def all_results(self) -> dict[Path, Path]:
        """Return every file of results, by the path that its recording had."""
        found = {
            Path(source[0]): self.path / Path(name).with_suffix(self.suffix)
            for name, source in self._sources.items()
        }
        return {source: file for source, file in found.items() if file.is_file()}

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
                f" {self.option}"
            )
        return False
