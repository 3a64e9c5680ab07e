"""Which recordings a command is about: files, folders, globs, lists, standard input."""

import atexit
import glob
import shutil
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aed_plugins.audio import AUDIO_SUFFIXES, list_files
from aed_plugins.core import InputError

STDIN = "-"
STDIN_NAME = "stdin"
STDIN_FILE = "aed-stdin-"
LIST = "@"
HELP = (
    "a file, a folder (all recordings below it), a quoted glob such as 'talks/**/*.flac',"
    " @FILE (a list of paths, a line each; @- reads it from standard input), or - (a recording on"
    " standard input)"
)


@dataclass(frozen=True)
class Recording:
    """A recording that a command is about.

    Attributes
    ----------
    path : Path
        The file.
    name : Path
        What it is called in results: the path below the folder that was given, else the file's
        name.
    """

    path: Path
    name: Path

    @property
    def shown(self) -> str:
        """What stands in results: the path, or `stdin`."""
        return STDIN_NAME if self.is_stdin else str(self.path)

    @property
    def is_stdin(self) -> bool:
        """Whether it came on standard input, where another one may come next time."""
        return self.path.name.startswith(STDIN_FILE)


def add_inputs(parser: ArgumentParser) -> None:
    """Let a command take recordings."""
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help=HELP)


def find_recordings(inputs: Sequence[str], suffixes: set[str] | None = None) -> list[Recording]:
    """Find the recordings of a command, each once, in the order given; folders by name.

    Parameters
    ----------
    inputs : sequence of str
        See `HELP`.
    suffixes : set of str, optional
        What counts in a folder; by default the suffixes of audio files.

    Raises
    ------
    InputError
        If an input is not there, or holds no recording.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b.wav", "a.flac", "notes.txt"):
    ...     _ = (folder / name).write_bytes(b"")
    >>> [recording.name.name for recording in find_recordings([str(folder)])]
    ['a.flac', 'b.wav']
    """
    wanted = frozenset(map(str.lower, suffixes)) if suffixes else AUDIO_SUFFIXES
    found: dict[Path, Recording] = {}
    for text in inputs:
        for recording in _expand(text, wanted, ()):
            found.setdefault(recording.path, recording)
    if not found:
        raise InputError(f"{', '.join(inputs)}: expected recordings, found none")
    return list(found.values())


def _expand(text: str, suffixes: Collection[str], lists: tuple[str, ...]) -> Iterator[Recording]:
    if text == STDIN:
        yield Recording(_kept_stdin(), Path(STDIN_NAME))
        return
    if text.startswith(LIST) and not Path(text).exists():
        if text in lists:
            raise InputError(f"{text}: the list names itself; take that line out")
        for line in _lines(text[len(LIST) :]):
            yield from _expand(line, suffixes, (*lists, text))
        return
    yield from _named(text, suffixes)


def _named(text: str, suffixes: Collection[str]) -> Iterator[Recording]:
    """Give the recordings of a file, a folder or a glob."""
    path = Path(text)
    if path.is_dir():
        files = list_files(path, suffixes)
        if not files:
            wanted = "recordings" if suffixes is AUDIO_SUFFIXES else "annotations"
            raise InputError(f"{path}: expected {wanted} in this folder, found none")
        yield from (Recording(file, file.relative_to(path)) for file in files)
    elif path.exists() or not glob.has_magic(text):
        # A file that is not there is named when its turn comes, and the others are still done.
        yield Recording(path, Path(path.name))
    else:
        # Unlike Path.glob it takes absolute patterns, too.
        files = [Path(match) for match in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207
        files = [file for file in files if file.is_file()]
        if not files:
            raise InputError(f"{text}: no file is called so")
        # What stands before the first wildcard is the folder.
        root = Path(*path.parts[: _first_magic(path)])
        yield from (Recording(file, file.relative_to(root)) for file in files)


def find_annotation(recording: Recording, place: Path | None) -> Path:
    """Find a recording's annotation.

    Parameters
    ----------
    recording : Recording
        The recording, or its timeline.
    place : Path or None
        The annotation itself, the folder where it is, or None for the recording's folder.

    Raises
    ------
    InputError
        If there is none.
    """
    from aed_plugins.annotations import FORMATS  # noqa: PLC0415  not for --help

    if place is not None and not place.is_dir():
        return place
    stem = recording.path if place is None else place / recording.name
    found = [stem.with_suffix(suffix) for suffix in dict.fromkeys(FORMATS.values())]
    found = [path for path in found if path.is_file()]
    if not found:
        raise InputError(f"{recording.path}: there is no annotation {stem.with_suffix('.*')}")
    return found[0]


def _first_magic(path: Path) -> int:
    return next(place for place, part in enumerate(path.parts) if glob.has_magic(part))


def _lines(name: str) -> list[str]:
    if name == STDIN:
        return [line for line in sys.stdin.read().splitlines() if line.strip()]
    path = Path(name)
    if not path.is_file():
        raise InputError(f"{LIST}{name}: expected a list of paths in {name}, there is no such file")
    try:
        return [line for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise InputError(f"{LIST}{name}: expected a list of paths in UTF-8, got {error}") from error


def _kept_stdin() -> Path:
    """Keep what comes on standard input: decoding needs to seek."""
    with tempfile.NamedTemporaryFile(prefix=STDIN_FILE, delete=False) as file:
        atexit.register(Path(file.name).unlink, missing_ok=True)
        shutil.copyfileobj(sys.stdin.buffer, file)
    return Path(file.name)
