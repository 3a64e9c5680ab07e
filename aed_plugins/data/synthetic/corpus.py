"""What the synthetic corpora share: sizes, WAV files, and folders that are written whole."""

import os
import shutil
import wave
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from aed_plugins.core import FloatArray, InputError

DEMONSTRATION_MARK = "metadata/DEMONSTRATION.txt"


def write_wav(path: Path, waveform: FloatArray, sample_rate: int) -> None:
    """Write a waveform as 16-bit mono.

    Parameters
    ----------
    path : Path
        The file.
    waveform : ndarray
        `(sample,)`, within -1 and 1.
    sample_rate : int
        Samples per second.
    """
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, sample_rate, len(waveform), "NONE", ""))
        file.writeframes(np.round(32767 * waveform).astype("<i2").tobytes())


def build_corpus(folder: str | Path, table: str, write: Callable[[Path], None]) -> Path:
    """Build a demonstration corpus whole or not at all.

    Parameters
    ----------
    folder : str or Path
        The new folder. One that already holds this corpus, of whatever size, is returned as it is.
    table : str
        A file of the corpus that no other corpus has.
    write : callable
        Makes the folder it is given, and writes the corpus into it, `DEMONSTRATION_MARK` last.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the folder exists and is something else.
    """
    folder = Path(folder)

    def is_there() -> bool:
        return (folder / DEMONSTRATION_MARK).is_file() and (folder / table).is_file()

    if is_there():
        return folder
    if os.path.lexists(folder):
        raise InputError(
            f"{folder} exists and holds no demonstration corpus (no {DEMONSTRATION_MARK} beside"
            f" {table}); give the name of a new folder"
        )
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        write(temporary)
        temporary.rename(folder)
    except OSError:
        # Another process may have finished the same corpus in the meantime.
        if not is_there():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def check_sizes(sizes: Mapping[str, int], sample_rate: int) -> None:
    """Refuse a corpus that is empty, huge or of an unlikely rate.

    Parameters
    ----------
    sizes : mapping of str to int
        Numbers that must be from 1 to 999, by their names.
    sample_rate : int
        Must be from 8000 to 192000 hertz.

    Raises
    ------
    InputError
        If one is out of its range.
    """
    for name, number in sizes.items():
        if not 1 <= number <= 999:
            raise InputError(f"{name} must be from 1 to 999, not {number}")
    if not 8000 <= sample_rate <= 192_000:
        raise InputError(f"sample_rate must be from 8000 to 192000 hertz, not {sample_rate}")
