"""Measure the time of scoring with our own alignment and with sclite, in one run.

    python benchmarks/scoring.py [--segments 1155] [--words 24] [--turns 5]

As many segments as TED-LIUM's test set has, in 11 talks, of words from a vocabulary of 2,000; 15 %
of them are recognized wrongly: 9 % as another word, 3 % not at all, 3 % with a word too many. Both
ways do all of the work, from segments and words in memory to the score, sclite's files included,
and take turns. Prints the median seconds of each, how many times as long sclite takes, and whether
the words are aligned equally. sclite is left out where it is not installed.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recipes/tedlium"))

from asr.formats.ctm import CtmWord
from asr.formats.stm import StmSegment
from asr.scoring.sclite import find_sclite
from asr.scoring.score import Score
from asr.scoring.wer import Engine, score_words

TALKS = 11
SECONDS = 8.0  # of a segment


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, default=1155)
    parser.add_argument("--words", type=int, default=24, help="of a segment")
    parser.add_argument("--turns", type=int, default=5, help="of each way")
    arguments = parser.parse_args()
    references, hypotheses = make_material(arguments.segments, arguments.words)
    engines: list[Engine] = ["own", "sclite"] if find_sclite() else ["own"]
    times: dict[str, list[float]] = {engine: [] for engine in engines}
    found: dict[str, Score] = {}
    for engine in engines * arguments.turns:
        started = time.perf_counter()
        found[engine] = score_words(references, hypotheses, engine)
        times[engine].append(time.perf_counter() - started)
    medians = {engine: statistics.median(seconds) for engine, seconds in times.items()}
    print(
        f"{arguments.segments} segments of {arguments.words} words, "
        f"WER {100 * found['own'].total.wer:.1f} %: own {medians['own']:.3f} s"
    )
    if "sclite" in found:
        equal = found["own"].segments == found["sclite"].segments
        ratio = medians["sclite"] / medians["own"]
        print(f"sclite {medians['sclite']:.3f} s, ratio: {ratio:.1f}, aligned equally: {equal}")


if __name__ == "__main__":
    main()
