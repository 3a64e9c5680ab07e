"""Measure time and memory of the preparation of a corpus of TED-LIUM's size.

    python benchmarks/tedlium_preparation.py [--talks 1495] [--hours 207]

Talks are simulated: transcripts of random words in utterances of 24 words, and SPHERE files whose
samples are holes, which take no space on disk. Then in one process, as the recipe does: all
transcripts and headers are read, checked and normalized, a fifth of the speech is chosen, and a
Kaldi data folder is written and read back. Prints the seconds of each and the peak memory of the
process. Bounds: 60 s and 500 MB. What follows is outside the bounds, since a release may bring a
language model: the lexicon (of 150,000 words) is read and a model estimated from all text.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "recipes/tedlium"))

from tedlium_language import make_training_set  # noqa: E402
from tedlium_prepare import read_corpus, select_fraction  # noqa: E402

from asr.formats.kaldi_data import write_data_folder  # noqa: E402
from asr.formats.kaldi_data_reader import read_data_folder  # noqa: E402

SAMPLE_RATE = 16000
UTTERANCE = 8.0  # seconds; 207 hours have 93,000 of them
WORDS = 24
LEXICON = 150_000
PHONES = ("AA", "B", "D", "EH", "IY", "K", "L", "M", "S", "T")
HEADER = (
    "NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i {samples}\nsample_rate -i 16000\n"
    "sample_n_bytes -i 2\nsample_sig_bits -i 16\nsample_byte_format -s2 01\n"
    "sample_coding -s3 pcm\nend_head\n"
)


def simulate(folder: Path, talks: int, hours: float) -> None:
    """Write a corpus in the layout of release 2; one talk in a hundred is in dev and in test."""
    rng = random.Random(0)
    words = [f"word{number}" for number in range(LEXICON)]
    # Frequent words are much more frequent, as in real text.
    weights = [1 / (number + 10) for number in range(LEXICON)]
    lines = (f"{word}  {' '.join(rng.choices(PHONES, k=6))}\n" for word in words)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "TEDLIUM.152k.dic").write_text("".join(lines), encoding="utf-8")
    count = round(hours * 3600 / talks / UTTERANCE)
    spoken = rng.choices(words, weights, k=1_000_000)
    for number in range(talks):
        part = {0: "dev", 1: "test"}.get(number % 100, "train")
        for kind in ("sph", "stm"):
            (folder / part / kind).mkdir(parents=True, exist_ok=True)
        name = f"Speaker{number:04d}_2014"
        stm = []
        for place in range(count):
            onset, start = place * UTTERANCE, rng.randrange(len(spoken) - WORDS)
            text = " ".join(spoken[start : start + WORDS])
            stm.append(f"{name} 1 {name} {onset:.2f} {onset + 7.5:.2f} <o,f0,male> {text}\n")
        (folder / part / f"stm/{name}.stm").write_text("".join(stm), encoding="utf-8")
        samples = round((count * UTTERANCE + 1) * SAMPLE_RATE)
        with (folder / part / f"sph/{name}.sph").open("wb") as file:
            file.write(HEADER.format(samples=samples).encode().ljust(1024))
            file.truncate(1024 + 2 * samples)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--talks", type=int, default=1495)
    parser.add_argument("--hours", type=float, default=207.0)
    options = parser.parse_args(arguments)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder / "release", options.talks, options.hours)
        started = time.perf_counter()

        def print_lap(step: str) -> None:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{step}: after {time.perf_counter() - started:.1f} s, peak {peak:.0f} MB")

        corpus = read_corpus(folder / "release")
        segments = sum(len(talks.stm) for talks in corpus.talks.values())
        print_lap(f"read {segments} segments of {options.talks} talks")
        train = corpus.talks["train"]
        chosen = select_fraction(train.utterances, 0.2, seed=0)
        print_lap(f"{len(chosen)} utterances chosen")
        # As where there is sph2pipe: the holes are not decoded.
        write_data_folder(
            folder / "data", train.recordings, train.utterances, train.stm, "sph2pipe"
        )
        print_lap("Kaldi data folder written")
        read_data_folder(folder / "data")
        print_lap("and read back")
        make_training_set(corpus, True, 0.2, 0, folder / "work")
        print_lap("lexicon, language model")
        print(f"imports alone: {before:.0f} MB")


if __name__ == "__main__":
    main()
