"""Build a small corpus of synthesized talks in the layout of TED-LIUM release 2, for trials.

In a talk a voice of the synthesizer espeak-ng reads strings of digits. The talks have what makes
TED-LIUM's transcripts hard to use: non-speech tags in two spellings, marks of silence and of
variant pronunciations, names of utterances, two spellings of conditions, stretches that scoring
leaves out; and in long pauses applause, laughter and music.

Source of the layout: TED-LIUM release 2 (Rousseau, Deléglise and Estève, "Enhancing the TED-LIUM
Corpus with Selected Data for Language Modeling and More TED Talks", LREC 2014).
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tedlium_demo_sounds import Voice, check_synthesizer
from tedlium_demo_talk import PHONES, SAMPLE_RATE, SyntheticTalk, TranscriptLine
from tqdm import tqdm

from aed_plugins.audio import to_int16
from aed_plugins.core import InputError
from aed_plugins.data import DEMONSTRATION_MARK, build_corpus
from asr.formats.sphere import write_sphere

SEED = 2_014
NOTE = (
    "These are synthesized talks for a demonstration: a speech synthesizer reads digits. They are\n"
    "not TED-LIUM, and no score measured on them applies to real speech.\n"
)
DICTIONARY = "TEDLIUM.152k.dic"
GROUND_TRUTH = "metadata/ground_truth.tsv"
LONG_PAUSE = 2.0  # seconds from which scoring leaves a pause out
VOICES = (
    Voice("train", "m1", 150, 40),
    Voice("train", "m2", 135, 30),
    Voice("train", "m3", 160, 50),
    Voice("train", "m4", 145, 55),
    Voice("train", "m5", 165, 35),
    Voice("train", "f1", 150, 60),
    Voice("train", "f2", 140, 70),
    Voice("train", "f3", 160, 50),
    Voice("dev", "m6", 150, 45),
    Voice("dev", "f4", 145, 60),
    Voice("test", "m7", 155, 45),
    Voice("test", "f5", 150, 65),
)


def build_demonstration(folder: str | Path, *, utterances: int = 16) -> Path:
    """Synthesize a small corpus in the layout of TED-LIUM release 2, whole or not at all.

    The same version of espeak-ng gives the same bytes. Eight talks are for training, two for
    development and two for the test, each with a voice of its own.

    Parameters
    ----------
    folder : str or Path
        The new folder. One that already holds this corpus, of whatever size, is returned as it is.
    utterances : int
        Of each talk, from 1 to 99; 16 make a talk of about 75 seconds.

    Returns
    -------
    Path
        The folder, with `train`, `dev` and `test`, in each `sph/<talk>.sph` (16 kHz, 16-bit mono)
        and `stm/<talk>.stm`; `DICTIONARY`; `GROUND_TRUTH`; and `DEMONSTRATION_MARK`.

    Raises
    ------
    InputError
        If the folder exists and is something else, if `utterances` is out of its range, or if
        there is no espeak-ng.
    """

    def write(new: Path) -> None:
        if not 1 <= utterances <= 99:
            raise InputError(f"utterances must be from 1 to 99, not {utterances}")
        check_synthesizer()
        _write_corpus(new, utterances)

    return build_corpus(folder, DICTIONARY, write)


def is_demonstration(folder: Path) -> bool:
    """Check whether a folder holds the demonstration corpus."""
    return (folder / DEMONSTRATION_MARK).is_file()


def _write_corpus(folder: Path, utterances: int) -> None:
    """Write talks, dictionary and ground truth, and the mark last."""
    (folder / GROUND_TRUTH).parent.mkdir(parents=True)
    rows = ["set\ttalk\tonset\toffset\tkind\tlabel\n"]
    for number, voice in enumerate(tqdm(VOICES, "demonstration corpus")):
        talk = SyntheticTalk(voice, np.random.default_rng([SEED, number, 1]))
        talk.speak(utterances)
        for kind in ("sph", "stm"):
            (folder / voice.part / kind).mkdir(parents=True, exist_ok=True)
        place = folder / voice.part
        samples = to_int16(talk.waveform())
        write_sphere(place / f"sph/{voice.talk}.sph", samples, SAMPLE_RATE)
        lines = _format_stm_lines(voice, talk.lines, len(samples) / SAMPLE_RATE)
        (place / f"stm/{voice.talk}.stm").write_text("".join(lines), encoding="utf-8")
        rows += [
            f"{voice.part}\t{voice.talk}\t{onset:.3f}\t{offset:.3f}\t{kind}\t{label}\n"
            for onset, offset, kind, label in talk.ground_truth
        ]
    (folder / GROUND_TRUTH).write_text("".join(rows), encoding="utf-8")
    entries = [
        f"{word}{f'({number})' if number > 1 else ''} {phones}\n"
        for word in sorted(PHONES)
        for number, phones in enumerate(PHONES[word], start=1)
    ]
    (folder / DICTIONARY).write_text("".join(entries), encoding="utf-8")
    (folder / DEMONSTRATION_MARK).write_text(NOTE, encoding="utf-8")


def _format_stm_lines(
    voice: Voice, segments: Sequence[TranscriptLine], duration: float
) -> list[str]:
    """Format a talk's transcript; segments reach into short pauses, long ones are not scored."""
    gender = "F" if voice.variant.startswith("f") else "M"
    plain = f"<o,f0,{'female' if gender == 'F' else 'male'}>"
    condition = f"<F0_{gender}>" if voice.part == "dev" else plain
    spans = [(0.0, 0.0), *((onset, offset) for onset, offset, _ in segments), (duration, duration)]
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(spans)]
    lines, last = [], 0.0
    for number, (onset, offset, tokens) in enumerate(segments):
        start = max(round(onset - min(gaps[number] / 2, 0.15), 2), last)
        end = round(offset + min(gaps[number + 1] / 2, 0.15), 2)
        lines += _format_unscored(voice, last, start)
        text = " ".join(tokens)
        if voice.variant in {"m1", "f1"}:
            text += f" ({voice.talk}-{start:.2f}-{end:.2f}-F0_{gender}-S{number})"
        lines.append(f"{voice.talk} 1 {voice.talk} {start:.2f} {end:.2f} {condition} {text}\n")
        last = end
    return lines + _format_unscored(voice, last, duration)


def _format_unscored(voice: Voice, onset: float, offset: float) -> list[str]:
    """Return the line that excludes a long pause from scoring."""
    if offset - onset < LONG_PAUSE:
        return []
    times = f"{onset:.2f} {offset:.2f} <o,,unknown>"
    return [f"{voice.talk} 1 inter_segment_gap {times} ignore_time_segment_in_scoring\n"]
