"""Measure how long scoring takes with our own alignment, against sclite.

    python benchmarks/scoring.py

As many segments as TED-LIUM's test set has, 1155 in 11 talks, of 24 words from a vocabulary of
2,000; 15 % of them are recognized wrongly: 9 % as another word, 3 % not at all, 3 % with a word too
many. Both do all of the work, from segments and words in memory to the score, sclite's files
included. sclite is left out where it is not installed. The bound of our own is 1 s.
"""

import random
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness import Bound, Comparison, Contestant, Options, main

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recipes/tedlium"))

from asr.formats.ctm import CtmWord
from asr.formats.stm import StmSegment
from asr.scoring.sclite import find_sclite
from asr.scoring.wer import Engine, score_words

TALKS = 11
SECONDS = 8.0  # of a segment
WORDS = 24  # of a segment


def recognize(words: tuple[str, ...], vocabulary: list[str], draw: random.Random) -> Iterator[str]:
    """Recognize 15 % of the words wrongly."""
    for word in words:
        kind = draw.random()
        if kind < 0.03:
            continue
        yield draw.choice(vocabulary) if kind < 0.12 else word
        if kind > 0.97:
            yield draw.choice(vocabulary)


def make_material(segments: int, length: int) -> tuple[list[StmSegment], list[CtmWord]]:
    """Make references and recognized words."""
    draw = random.Random(0)
    vocabulary = [f"word{number}" for number in range(2000)]
    references, hypotheses = [], []
    for number in range(segments):
        talk, onset = f"talk{number % TALKS}", number // TALKS * (SECONDS + 1)
        reference = tuple(draw.choices(vocabulary, k=length))
        references.append(StmSegment(talk, "A", talk, onset, onset + SECONDS, "", reference))
        recognized = list(recognize(reference, vocabulary, draw))
        step = SECONDS / (len(recognized) + 1)
        hypotheses += [
            CtmWord(talk, "A", onset + step * place, step, word)
            for place, word in enumerate(recognized)
        ]
    return references, hypotheses


def comparisons(options: Options) -> Iterator[Comparison]:
    """Compare on one test set."""
    segments = options.pick(1155, 50)
    references, hypotheses = make_material(segments, WORDS)
    engines: list[Engine] = ["own", "sclite"] if find_sclite() else ["own"]
    works = {engine: partial(score_words, references, hypotheses, engine) for engine in engines}
    scores = [work() for work in works.values()]
    equal = all(score.segments == scores[0].segments for score in scores)
    yield Comparison(
        f"{segments} segments of {WORDS} words, WER {100 * scores[0].total.wer:.1f} %",
        [Contestant(engine, work) for engine, work in works.items()],
        "own",
        "test set",
        bounds=[Bound("own", "wall", 1.0)],
        notes=[f"Aligned equally: {equal}."] if len(scores) > 1 else ["sclite is not installed."],
    )


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, comparisons))
