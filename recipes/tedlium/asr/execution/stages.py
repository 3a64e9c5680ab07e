"""Work in stages: a stage that was done with the same inputs is not done again.

A stage counts as done only when all its output files exist: the programs of speech recognition end
with status 0 after many of their failures.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
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
