"""Run another program, and keep what it prints in a log."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from aed_plugins.core import InputError


def run_program(
    command: Sequence[str | Path],
    log: Path,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run another program; its output goes to a log file.

    Parameters
    ----------
    command : sequence of str or Path
        The program and its arguments. `LC_ALL` is C for it.
    log : Path
        Where the command, its standard output and its standard error are written.
    folder : Path, optional
        Where it runs.
    environment : mapping, optional
        Variables besides those of this process.

    Raises
    ------
    InputError
        If there is no such program, or it does not end with status 0; the message quotes its last
        line and names the log.

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
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        raise InputError(
            f"{Path(words[0]).name}: expected status 0, got {status}: {last[:200]}; its log: {log}"
        )
