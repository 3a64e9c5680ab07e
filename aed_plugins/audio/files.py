"""Files of audio in a folder."""

import os
from collections.abc import Collection
from pathlib import Path

from aed_plugins.core import InputError

# What libsndfile reads and people call so; a file that is named itself may be called anything.
AUDIO_SUFFIXES = frozenset({
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".snd",
    ".caf", ".w64", ".rf64", ".sph", ".nist", ".wve",
})  # fmt: skip


def list_files(folder: Path, suffixes: Collection[str] = AUDIO_SUFFIXES) -> list[Path]:
    """List the files below a folder, sorted; links to folders are followed, each folder once.

    Parameters
    ----------
    folder : Path
        The folder.
    suffixes : collection of str
        In lower case; by default those of audio.

    Raises
    ------
    InputError
        If a folder cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b.wav", "a.FLAC", "notes.txt"):
    ...     _ = (folder / name).write_bytes(b"")
    >>> [path.name for path in list_files(folder)]
    ['a.FLAC', 'b.wav']
    """

    def refuse(error: OSError) -> None:
        raise InputError(
            f"{error.filename}: expected a folder that can be read, got: {error.strerror};"
            " check its permissions"
        ) from error

    files: list[Path] = []
    seen: set[Path] = set()
    for where, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        if (real := Path(where).resolve()) in seen:  # by a link that leads back
            folders.clear()
            continue
        seen.add(real)
        files += [Path(where, name) for name in names]
    return sorted(file for file in files if file.suffix.lower() in suffixes and file.is_file())
