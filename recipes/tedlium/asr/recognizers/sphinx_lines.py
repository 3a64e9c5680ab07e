"""Text files that keep their time of change while their content stays."""

from collections.abc import Iterable
from pathlib import Path

from aed_plugins.core import atomic_write


def write_lines(path: str | Path, lines: Iterable[str]) -> None:
    """Write lines, each with its end, whole or not at all.

    A file that holds them already is left alone: what depends on its time of change is kept.
    """
    content = "".join(lines).encode()
    path = Path(path)
    if path.is_file() and path.read_bytes() == content:
        return
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
