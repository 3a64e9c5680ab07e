"""A small corpus of synthesized sounds in the layout of AudioSet, to try the recipe on.

Source of the layout, of the class names, their MIDs and who is whose child: Gemmeke et al., "Audio
Set: An ontology and human-labeled dataset for audio events", ICASSP 2017, its segment lists (CC BY
4.0) and its ontology (CC BY-SA 4.0), of which a few entries are named here.
"""

import itertools
import json
import string
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from aed_plugins.core import FloatArray, InputError
from aed_plugins.data.synthetic.clip_synthesizer import ClipSynthesizer
from aed_plugins.data.synthetic.corpus import (
    DEMONSTRATION_MARK,
    build_corpus,
    check_sizes,
    write_wav,
)
from aed_plugins.data.synthetic.human_sounds import synthesize_sound
from aed_plugins.labels import PAPER_CLASSES

NOTE = (
    "These are synthesized sounds for a demonstration. They are not AudioSet, and no score "
    "measured on them says anything about real sound.\n"
)
EVAL_LIST = "eval_segments.csv"
LISTS = ("balanced_train_segments.csv", EVAL_LIST)
SECONDS = 10
# A part of the ontology: MID, name, children.
ONTOLOGY: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("/m/0dgw9r", "Human sounds", ("/m/09l8g", "/m/0k65p", "/t/dd00012")),
    ("/m/09l8g", "Human voice", ("/m/09x0r", "/m/07p6fty", "/m/01j3sz", "/m/0463cq4")),
    ("/m/09x0r", "Speech", ("/m/0ytgt",)),
    ("/m/0ytgt", "Child speech, kid speaking", ()),
    ("/m/07p6fty", "Shout", ("/t/dd00135",)),
    ("/t/dd00135", "Children shouting", ()),
    ("/m/01j3sz", "Laughter", ("/t/dd00001",)),
    ("/t/dd00001", "Baby laughter", ()),
    ("/m/0463cq4", "Crying, sobbing", ("/t/dd00002",)),
    ("/t/dd00002", "Baby cry, infant cry", ()),
    ("/m/0k65p", "Hands", ("/m/0l15bq",)),
    ("/m/0l15bq", "Clapping", ()),
    (
        "/t/dd00012",
        "Human group actions",
        ("/m/0l15bq", "/m/053hz1", "/m/028ght", "/m/03qtwd", "/t/dd00013", "/t/dd00135"),
    ),
    ("/m/053hz1", "Cheering", ()),
    ("/m/028ght", "Applause", ()),
    ("/m/03qtwd", "Crowd", ()),
    ("/t/dd00013", "Children playing", ()),
    ("/m/04rlf", "Music", ()),
    ("/t/dd00041", "Sounds of things", ("/m/02mk9", "/m/07pp_mv", "/t/dd00077", "/m/07k1x")),
    ("/m/02mk9", "Engine", ("/m/07pb8fc",)),
    ("/m/07pb8fc", "Idling", ()),
    ("/m/07pp_mv", "Alarm", ("/m/03kmc9",)),
    ("/m/03kmc9", "Siren", ()),
    ("/t/dd00077", "Mechanisms", ("/m/025wky1",)),
    ("/m/025wky1", "Air conditioning", ()),
    ("/m/07k1x", "Tools", ("/m/03p19w",)),
    ("/m/03p19w", "Jackhammer", ()),
)
NOT_TAGGED = ("Human sounds", "Human voice", "Human group actions", "Sounds of things")
# What the voices of the young are labelled with, and the size of what they come from.
YOUNG = {
    "Crying, sobbing": ("Baby cry, infant cry", 0.7),
    "Laughter": ("Baby laughter", 0.6),
    "Shout": ("Children shouting", 0.7),
    "Speech": ("Child speech, kid speaking", 0.6),
}
OTHERS = ("Air conditioning", "Idling", "Jackhammer", "Siren")  # none of the ten classes
_MIDS = {name: mid for mid, name, _ in ONTOLOGY}
_ID_CHARACTERS = np.array(list(string.ascii_letters + string.digits + "-_"))


def build_audioset_demonstration(
    folder: str | Path,
    *,
    train: int = 240,
    evaluation: int = 60,
    missing: int = 3,
    sample_rate: int = 16000,
) -> Path:
    """Synthesize a small corpus in the layout of AudioSet, whole or not at all.

    The same arguments give the same bytes. Clips have one to three of the ten `PAPER_CLASSES`, at
    times overlapping; voices of the young are labeled as such ("Baby cry, infant cry"), and one
    clip in sixteen has none of the ten. No video is in both lists.

    Parameters
    ----------
    folder : str or Path
        The new folder. One that already holds this corpus, of whatever size, is returned as it is.
    train, evaluation : int
        Clips of each list, from 1 to 999, each of 10 seconds.
    missing : int
        Further segments of each list that have no file, as is usual with AudioSet, up to 999.
    sample_rate : int
        Samples per second, 8000 to 192000.

    Returns
    -------
    Path
        The folder, with `audio/Y<id>_<start>_<end>.wav` (16-bit mono), the two `LISTS`,
        `class_labels_indices.csv`, `ontology.json` and `DEMONSTRATION_MARK`.

    Raises
    ------
    InputError
        If the folder exists and is something else, or a number is out of its range.

    Examples
    --------
    >>> import tempfile
    >>> new = Path(tempfile.mkdtemp()) / "demo"
    >>> corpus = build_audioset_demonstration(new, train=2, evaluation=1, sample_rate=8000)
    >>> len(list(corpus.glob("audio/Y*.wav")))
    3
    >>> (corpus / "eval_segments.csv").read_text().splitlines()[1]
    '# num_ytids=4, num_segs=4, num_unique_labels=6, num_positive_labels=6'
    """

    def write(new: Path) -> None:
        check_sizes({"train": train, "evaluation": evaluation}, sample_rate)
        if not 0 <= missing <= 999:
            raise InputError(f"missing must be from 0 to 999, not {missing}")
        _write_corpus(new, (train, evaluation), missing, sample_rate)

    return build_corpus(folder, EVAL_LIST, write)


def _write_corpus(folder: Path, clips: tuple[int, int], missing: int, sample_rate: int) -> None:
    """Write clips, lists and classes, and the mark last."""
    for name in ("audio", Path(DEMONSTRATION_MARK).parent):
        (folder / name).mkdir(parents=True)
    bar = tqdm(total=sum(clips), desc="demonstration corpus")
    for part, count in enumerate(clips):
        rows = []
        for number, classes in enumerate(itertools.islice(_draw_classes(part), count + missing)):
            # A seed ends in a number above 0, as trailing zeros would not change it.
            rng = np.random.default_rng([part, number, 1])
            video, start = (
                _draw_video_id(rng, dashed=number % 17 == 5),
                10 * int(rng.integers(0, 25)),
            )
            voices = [_draw_voice(rng, name) for name in classes]
            rows.append((video, start, [label for label, _ in voices]))
            if number < count:
                sounds = [(name, size) for name, (_, size) in zip(classes, voices, strict=True)]
                path = folder / f"audio/Y{video}_{start:.3f}_{start + SECONDS:.3f}.wav"
                write_wav(path, _mixture(rng, sounds, sample_rate), sample_rate)
                bar.update()
        _write_list(folder / LISTS[part], rows)
    bar.close()
    _write_classes(folder)
    (folder / DEMONSTRATION_MARK).write_text(NOTE, encoding="utf-8")


def _draw_classes(part: int) -> Iterator[list[str]]:
    """Draw the classes of one clip after another, each class about as often as the others."""
    rng = np.random.default_rng([part, 2])
    queue: list[str] = []
    for number in itertools.count():
        if number % 16 == 15:
            yield [OTHERS[number // 16 % len(OTHERS)]]
            continue
        size = int(rng.choice([1, 2, 3], p=[0.45, 0.35, 0.2]))
        if len(queue) < size:
            # What is left comes first, so that the three next ones differ.
            queue += [str(name) for name in rng.permutation(PAPER_CLASSES) if name not in queue]
        yield queue[:size]
        queue = queue[size:]


def _draw_video_id(rng: np.random.Generator, dashed: bool) -> str:
    """Draw an id of eleven characters as YouTube's are; some begin with a dash."""
    characters = "".join(rng.choice(_ID_CHARACTERS, 11))
    return f"-{characters[1:]}" if dashed else characters


def _draw_voice(rng: np.random.Generator, name: str) -> tuple[str, float]:
    """Draw a voice, of an adult or a child, and return its label and size."""
    return YOUNG[name] if rng.random() < 0.5 and name in YOUNG else (name, 1.0)


def _mixture(
    rng: np.random.Generator, sounds: list[tuple[str, float]], sample_rate: int
) -> FloatArray:
    """Mix each sound somewhere into a clip, over a faint background."""
    count = SECONDS * sample_rate
    whole = ClipSynthesizer(rng, rng, np.arange(count) / sample_rate, sample_rate)
    background = whole.sloped(whole.noise(), rng.uniform(0.2, 1.0))
    mixed = 10 ** (rng.uniform(-58, -42) / 20) * background / background.std()
    for name, size in sounds:
        length = int(rng.uniform(3, 7) * sample_rate)
        start = int(rng.integers(0, count - length))
        synth = ClipSynthesizer(rng, rng, np.arange(length) / sample_rate, sample_rate)
        level = 10 ** (rng.uniform(-26, -16) / 20)
        mixed[start : start + length] += level * synthesize_sound(synth, name, size)
    return mixed / max(1, np.abs(mixed).max() / 0.9)


def _write_list(path: Path, rows: list[tuple[str, int, list[str]]]) -> None:
    labels = [label for _, _, labels in rows for label in labels]
    unique, count = len(set(labels)), len(rows)
    totals = f"num_unique_labels={unique}, num_positive_labels={len(labels)}"
    lines = [
        "# Segments csv of a DEMONSTRATION with synthesized sounds",
        f"# num_ytids={count}, num_segs={count}, {totals}",
        "# YTID, start_seconds, end_seconds, positive_labels",
    ]
    for video, start, names in sorted(rows):
        mids = ",".join(_MIDS[name] for name in names)
        lines.append(f'{video}, {start:.3f}, {start + SECONDS:.3f}, "{mids}"')
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _write_classes(folder: Path) -> None:
    tagged = [(mid, name) for mid, name, _ in ONTOLOGY if name not in NOT_TAGGED]
    rows = [f'{index},{mid},"{name}"' for index, (mid, name) in enumerate(tagged)]
    text = "\n".join(["index,mid,display_name", *rows, ""])
    (folder / "class_labels_indices.csv").write_text(text, encoding="utf-8")
    entries = [{"id": mid, "name": name, "child_ids": below} for mid, name, below in ONTOLOGY]
    (folder / "ontology.json").write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
