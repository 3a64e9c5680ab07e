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


def fingerprint_inputs(*parts: Any) -> str:
    """Compute a short hash of what a stage's outcome depends on.

    Parameters
    ----------
    *parts
        What JSON can hold, and paths: a file counts by its path, size and modification time.

    Examples
    --------
    >>> once, again, other = (fingerprint_inputs("mono", size) for size in (1000, 1000, 1001))
    >>> once == again != other
    True
    """
    text = json.dumps(parts, sort_keys=True, default=_describe_path)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _describe_path(part: Any) -> Any:
    if isinstance(part, Path):
        status = part.stat()
        return [str(part), status.st_size, status.st_mtime_ns]
    raise TypeError(f"expected what JSON can hold, or a Path, got {part!r}")


def run_stage(
    name: str, folder: Path, depends_on: str, outputs: Sequence[Path], work: Callable[[], None]
) -> bool:
    """Run a stage's work, unless it was done before with the same inputs.

    Parameters
    ----------
    name : str
        What the stage is called in messages and in its mark, `folder/.done-<name>.json`.
    folder : Path
        Where the mark is written; made if there is none.
    depends_on : str
        A `fingerprint_inputs` of all that the outcome depends on.
    outputs : sequence of Path
        The files that the work must leave, none of them empty.
    work : callable
        Does the work. It may find files of an earlier attempt.

    Returns
    -------
    bool
        Whether the work was done now.

    Raises
    ------
    InputError
        If the work ends without one of its outputs. Earlier stages stay done.
    """
    mark = folder / f".done-{name}.json"
    if mark.is_file():
        done = json.loads(mark.read_text(encoding="utf-8"))
        if done == depends_on and not _find_missing(outputs):
            return False
        mark.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    work()
    if missing := _find_missing(outputs):
        raise InputError(
            f"{missing[0]}: expected stage {name} to write it, but it is missing or empty; "
            "see the logs in its folder, and run the same command again: earlier stages are kept"
        )
    write_json(mark, depends_on)
    return True


def _find_missing(outputs: Sequence[Path]) -> list[Path]:
    return [path for path in outputs if not path.is_file() or path.stat().st_size == 0]
