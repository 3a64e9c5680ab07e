"""Measure time and memory of the preparation of a corpus of TED-LIUM's size.

    python benchmarks/tedlium_preparation.py

Talks are simulated, 1495 of them with 207 hours: transcripts of random words in utterances of 24
words, and SPHERE files whose samples are holes, which take no space on disk. The contestants are
parts of what the recipe does, each from the beginning in a process of its own: transcripts and
headers are read, checked and normalized and a fifth of the speech is chosen; a Kaldi data folder is
written; it is read back; the lexicon (of 150,000 words) is read and a language model estimated from
all text. The bounds are 60 s and 500 MB for all but the last, since a release may bring a language
model.
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness import Bound, Comparison, Contestant, Options, main
from harness_timing import Sample, in_process, stopwatch

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
STEPS = READ, WRITTEN, READ_BACK, LANGUAGE_MODEL = (
    "read and chosen",
    "Kaldi data folder written",
    "and read back",
    "and language model",
)
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


def prepare(release: str, last: str) -> Sample:
    """Prepare a corpus as the recipe does, up to a step."""
    with tempfile.TemporaryDirectory() as folder, stopwatch() as sample:
        corpus = read_corpus(Path(release))
        train = corpus.talks["train"]
        select_fraction(train.utterances, 0.2, seed=0)
        if last != READ:
            # As where there is sph2pipe: the holes are not decoded.
            data = Path(folder) / "data"
            write_data_folder(data, train.recordings, train.utterances, train.stm, "sph2pipe")
        if last in {READ_BACK, LANGUAGE_MODEL}:
            read_data_folder(data)
        if last == LANGUAGE_MODEL:
            make_training_set(corpus, True, 0.2, 0, Path(folder) / "work")
    return sample


def comparisons(options: Options) -> Iterator[Comparison]:
    """Compare the steps."""
    talks, hours = options.pick((1495, 207.0), (100, 1.0))
    with tempfile.TemporaryDirectory() as folder:
        simulate(Path(folder), talks, hours)
        yield Comparison(
            f"preparation of {talks} talks, {hours:g} h",
            [Contestant(step, in_process(prepare, folder, step)) for step in STEPS],
            READ_BACK,
            "corpus",
            bounds=[Bound(READ_BACK, "wall", 60.0), Bound(READ_BACK, "peak", 500.0)],
        )


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, comparisons))
