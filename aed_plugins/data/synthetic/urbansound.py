"""A small corpus of synthesized sounds in the layout of UrbanSound8K, to try the recipes on.

Source of the layout, the columns and the class order: Salamon, Jacoby and Bello, "A Dataset and
Taxonomy for Urban Sound Research", 2014, and the README of UrbanSound8K.
"""

import csv
import itertools
from pathlib import Path

import numpy as np
from tqdm import tqdm

from aed_plugins.data.synthetic.clip_synthesizer import ClipSynthesizer
from aed_plugins.data.synthetic.corpus import (
    DEMONSTRATION_MARK,
    build_corpus,
    check_sizes,
    write_wav,
)
from aed_plugins.data.synthetic.urban_sounds import SOUND_MODELS, synthesize_urban_clip

URBANSOUND_COLUMNS = (
    "slice_file_name",
    "fsID",
    "start",
    "end",
    "salience",
    "fold",
    "classID",
    "class",
)
NOTE = (
    "These are synthesized sounds for a demonstration. They are not UrbanSound8K, and no score "
    "measured on them says anything about real sound.\n"
)
URBANSOUND_CLASSES = tuple(SOUND_MODELS)  # a class's place here is its classID
TABLE = "metadata/UrbanSound8K.csv"


def _write_clip(
    folder: Path, sample_rate: int, fold: int, class_id: int, recording: int, number: int
) -> tuple[object, ...]:
    """Write one slice and give its row of the table."""
    name = URBANSOUND_CLASSES[class_id]
    traits = np.random.default_rng([class_id, fold, recording])
    # Trailing zeros do not change a seed, so slices count from 1: none shares the recording's.
    rng = np.random.default_rng([class_id, fold, recording, number + 1])
    salience = int(traits.choice([1, 2], p=[0.7, 0.3]))
    start = 3 * number + rng.uniform(0, 0.5)  # slices of a recording do not overlap
    duration = rng.uniform(0.6, 1.2) if name == "gun_shot" else rng.uniform(1.0, 2.5)
    time = np.arange(round(duration * sample_rate)) / sample_rate
    waveform = synthesize_urban_clip(
        ClipSynthesizer(traits, rng, time, sample_rate), name, salience
    )
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
    sizes = (range(1, folds + 1), range(len(URBANSOUND_CLASSES)), range(recordings), range(slices))
    clips = tqdm(list(itertools.product(*sizes)), "demonstration corpus")
    rows = [_write_clip(folder, sample_rate, *clip) for clip in clips]
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as table:
        csv.writer(table, lineterminator="\n").writerows([URBANSOUND_COLUMNS, *rows])
    (folder / DEMONSTRATION_MARK).write_text(NOTE, encoding="utf-8")


def build_urbansound_demonstration(
    folder: str | Path,
    *,
    folds: int = 10,
    recordings: int = 2,
    slices: int = 2,
    sample_rate: int = 22050,
) -> Path:
    """Synthesize a small corpus in the layout of UrbanSound8K, whole or not at all.

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
    >>> sizes = {"folds": 1, "recordings": 1, "slices": 1, "sample_rate": 8000}
    >>> corpus = build_urbansound_demonstration(new, **sizes)
    >>> len(list(corpus.glob("audio/fold1/*.wav")))
    10
    >>> (corpus / "metadata/UrbanSound8K.csv").read_text().splitlines()[0]
    'slice_file_name,fsID,start,end,salience,fold,classID,class'
    """
    sizes = {"folds": folds, "recordings": recordings, "slices": slices}

    def write(new: Path) -> None:
        check_sizes(sizes, sample_rate)
        _write_corpus(new, folds, recordings, slices, sample_rate)

    return build_corpus(folder, TABLE, write)
