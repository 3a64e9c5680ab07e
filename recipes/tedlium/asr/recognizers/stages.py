"""Work in stages: what is done is not done again, and what failed says so.

A stage that another program does counts as done only when the files that it promises are there:
the programs of speech recognition end with status 0 after many of their failures.
"""

import hashlib
import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError, write_json


def fingerprint(*parts: Any) -> str:
    """Give a short name for what a stage's outcome depends on.

    Parameters
    ----------
    *parts
        What JSON can say. A file counts by its path, size and time of change.

    Examples
    --------
    >>> fingerprint("mono", 1000) == fingerprint("mono", 1000) != fingerprint("mono", 1001)
    True
    """
    text = json.dumps(parts, sort_keys=True, default=_described)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _described(part: Any) -> Any:
    if isinstance(part, Path):
        status = part.stat()
        return [str(part), status.st_size, status.st_mtime_ns]
    raise TypeError(f"expected what JSON can say, or a Path, got {part!r}")


def run_stage(
    name: str, folder: Path, depends_on: str, outputs: Sequence[Path], work: Callable[[], None]
) -> bool:
    """Do a stage's work, unless it was done before with the same inputs.

    Parameters
    ----------
    name : str
        What the stage is called in messages and in its mark, `folder/.done-<name>.json`.
    folder : Path
        Where the mark is kept; made if there is none.
    depends_on : str
        A `fingerprint` of all that the outcome depends on.
    outputs : sequence of Path
        The files that the work must leave, none of them empty.
    work : callable
        Does the work. It may find what an earlier try left behind.

    Returns
    -------
    bool
        Whether the work was done now.

    Raises
    ------
    InputError
        If the work ends without one of its outputs. Stages done before are kept.
    """
    mark = folder / f".done-{name}.json"
    if mark.is_file():
        done = json.loads(mark.read_text(encoding="utf-8"))
        if done == depends_on and not _missing(outputs):
            return False
        mark.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    work()
    if missing := _missing(outputs):
        raise InputError(
            f"{missing[0]}: expected stage {name} to write it, but it is missing or empty; "
            "see the logs beside it, and run the same command again: earlier stages are kept"
        )
    write_json(mark, depends_on)
    return True


def _missing(outputs: Sequence[Path]) -> list[Path]:
    return [path for path in outputs if not path.is_file() or path.stat().st_size == 0]


def run_program(
    command: Sequence[str | Path],
    log: Path,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run another program, keeping all that it says in a file.

    Parameters
    ----------
    command : sequence of str or Path
        The program and its arguments. `LC_ALL` is C for it.
    log : Path
        Where the command, its output and its errors are written.
    folder : Path, optional
        Where it runs.
    environment : mapping, optional
        Variables besides those of this process.

    Raises
    ------
    InputError
        If there is no such program, or it does not end with status 0: its last line, and the log.

    Examples
    --------
    >>> import tempfile
    >>> log = Path(tempfile.mkdtemp()) / "echo.log"
    >>> run_program(["sh", "-c", "echo no model; exit 3"], log)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: sh: expected status 0, got 3: no model; its log: ...
    """
    words = [str(word) for word in command]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        stream.write(f"# {shlex.join(words)}\n")
        stream.flush()
        try:
            status = subprocess.run(
                words,
                cwd=folder,
                env={**os.environ, "LC_ALL": "C", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except OSError as error:
            raise InputError(
                f"{words[0]}: expected a program that can be run, but: {error.strerror}"
            ) from error
    if status:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")[1:]
        said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        raise InputError(
            f"{Path(words[0]).name}: expected status 0, got {status}: {said[:200]}; its log: {log}"
        )
