"""A small corpus of synthesised sounds in the layout of UrbanSound8K, to try the recipes on.

Source of the layout, the columns and the class order: Salamon, Jacoby and Bello, "A Dataset and
Taxonomy for Urban Sound Research", 2014, and the README of UrbanSound8K.
"""

import csv
import itertools
import os
import shutil
import wave
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from aed_plugins.demo_sounds import SOUND_MODELS, Array, Take, in_the_street
from aed_plugins.errors import InputError

DEMONSTRATION_MARK = "metadata/DEMONSTRATION.txt"
COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class")
NOTE = (
    "These are synthesised sounds for a demonstration. They are not UrbanSound8K, and no figure "
    "measured on them says anything about real sound.\n"
)
CLASS_NAMES = tuple(SOUND_MODELS)  # a class's place here is its classID
TABLE = "metadata/UrbanSound8K.csv"


def write_wav(path: Path, waveform: Array, sample_rate: int) -> None:
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


def build_whole(folder: str | Path, table: str, write: Callable[[Path], None]) -> Path:
    """Build a demonstration corpus whole or not at all.

    Parameters
    ----------
    folder : str or Path
        The new folder. One that already holds this corpus, of whatever size, is returned as it is.
    table : str
        A file of the corpus, by which it is told from another one.
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


def _write_clip(
    folder: Path, sample_rate: int, fold: int, class_id: int, recording: int, number: int
) -> tuple[object, ...]:
    """Write one slice and give its row of the table."""
    name = CLASS_NAMES[class_id]
    traits = np.random.default_rng([class_id, fold, recording])
    # Trailing zeros do not change a seed, so slices count from 1: none shares the recording's.
    rng = np.random.default_rng([class_id, fold, recording, number + 1])
    salience = int(traits.choice([1, 2], p=[0.7, 0.3]))
    start = 3 * number + rng.uniform(0, 0.5)  # slices of a recording do not overlap
    duration = rng.uniform(0.6, 1.2) if name == "gun_shot" else rng.uniform(1.0, 2.5)
    time = np.arange(round(duration * sample_rate)) / sample_rate
    waveform = in_the_street(Take(traits, rng, time, sample_rate), name, salience)
    fs_id = 100_000 * fold + 1000 * class_id + recording
    path = folder / f"audio/fold{fold}/{fs_id}-{class_id}-0-{number}.wav"
    write_wav(path, waveform, sample_rate)
    end = start + len(time) / sample_rate
    return path.name, fs_id, f"{start:.6f}", f"{end:.6f}", salience, fold, class_id, name


def _write_corpus(folder: Path, folds: int, recordings: int, slices: int, sample_rate: int) -> None:
    """Write clips and table, and the mark last."""
    (folder / "metadata").mkdir(parents=True)
    for fold in range(1, folds + 1):
        (folder / f"audio/fold{fold}").mkdir(parents=True)
    sizes = (range(1, folds + 1), range(len(CLASS_NAMES)), range(recordings), range(slices))
    clips = tqdm(list(itertools.product(*sizes)), "demonstration corpus")
    rows = [_write_clip(folder, sample_rate, *clip) for clip in clips]
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as table:
        csv.writer(table, lineterminator="\n").writerows([COLUMNS, *rows])
    (folder / DEMONSTRATION_MARK).write_text(NOTE, encoding="utf-8")


def build_demonstration(
    folder: str | Path,
    *,
    folds: int = 10,
    recordings: int = 2,
    slices: int = 2,
    sample_rate: int = 22050,
) -> Path:
    """Synthesise a small corpus in the layout of UrbanSound8K, whole or not at all.

    The same arguments give the same bytes. All slices of a recording lie in one fold.

    Parameters
    ----------
    folder : str or Path
        The new folder. One that already holds a demonstration corpus, of whatever size, is
        returned as it is.
    folds, recordings, slices : int
        Folds, recordings per class and fold, and clips per recording, each from 1 to 999. Clips
        last 1 to 2.5 seconds, gun shots 0.6 to 1.2 seconds.
    sample_rate : int
        Samples per second, 8000 to 192000.

    Returns
    -------
    Path
        The folder, with `audio/fold<n>/<fsID>-<classID>-<occurrenceID>-<sliceID>.wav` (16-bit
        mono), `metadata/UrbanSound8K.csv` and `DEMONSTRATION_MARK`.

    Raises
    ------
    InputError
        If the folder exists and is something else, or a number is out of its range.

    Examples
    --------
    >>> import tempfile
    >>> new = Path(tempfile.mkdtemp()) / "demo"
    >>> corpus = build_demonstration(new, folds=1, recordings=1, slices=1, sample_rate=8000)
    >>> len(list(corpus.glob("audio/fold1/*.wav")))
    10
    >>> (corpus / "metadata/UrbanSound8K.csv").read_text().splitlines()[0]
    'slice_file_name,fsID,start,end,salience,fold,classID,class'
    """
    sizes = {"folds": folds, "recordings": recordings, "slices": slices}

    def write(new: Path) -> None:
        check_sizes(sizes, sample_rate)
        _write_corpus(new, folds, recordings, slices, sample_rate)

    return build_whole(folder, TABLE, write)
