"""Text files that keep their modification time while their content is the same."""

from collections.abc import Iterable
from pathlib import Path

from aed_plugins.core import atomic_write


def write_if_changed(path: str | Path, lines: Iterable[str]) -> None:
    """Write a text file, whole or not at all, unless it has this content already.

    Stages that depend on the file are then not done again: a fingerprint counts a file by its
    modification time.

    Parameters
    ----------
    path : str or Path
        The file to write.
    lines : iterable of str
        The content; each line brings its own end.
    """
    content = "".join(lines).encode()
    path = Path(path)
    if path.is_file() and path.read_bytes() == content:
        return
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
