"""Experiment 1: what annotations in the training text do to word error rates.

Two recognisers learn from the same utterances. The texts of one keep `[NOISE]`, `[BREATH]` and the
like as words with phones of their own, those of the other have none. Scoring leaves them out on
both sides. Source: "From Image Classification to Audio Classification", section 8.3.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tedlium_language import training_set
from tedlium_prepare import Corpus, Talks
from tedlium_results import difference_entry, wer_entry

from asr.formats.ctm import CtmWord, write_ctm
from asr.formats.segments import SpeechSegment
from asr.recognizers.interface import DecodingWeights, Language, Recognizer
from asr.scoring.score import Score
from asr.scoring.wer import score
from asr.segmentation.segmenters import human_segments

logger = logging.getLogger("aed_plugins.tedlium")  # shown on the screen

VARIANTS = {"with": True, "without": False}


@dataclass(frozen=True)
class Trained:
    """A recogniser, what it was trained to, and the words it knows.

    Attributes
    ----------
    recogniser : Recogniser
        Kaldi, Sphinx or one that comes trained.
    system : str
        Which of its acoustic models.
    language : Language or None
        Lexicon and language model; `None` for its own.
    models : Path
        Where its acoustic models are.
    decodings : Path
        Where what it recognised in the human segments of each set is kept.
    """

    recogniser: Recognizer
    system: str
    language: Language | None
    models: Path
    decodings: Path

    def recognise(
        self,
        talks: Talks,
        segments: Sequence[SpeechSegment],
        weights: Sequence[DecodingWeights],
        folder: Path,
    ) -> dict[DecodingWeights, list[CtmWord]]:
        """Recognise segments of a set's talks.

        Parameters
        ----------
        talks : Talks
            The set.
        segments : sequence of SpeechSegment
            What to hear.
        weights : sequence of DecodingWeights
            Of the language model.
        folder : Path
            Where the decoding is kept.
        """
        return self.recogniser.decode(
            self.system, talks.recordings, segments, self.language, weights, self.models, folder
        )

    def choose_weights(
        self, dev: Talks
    ) -> tuple[DecodingWeights, list[CtmWord], list[dict[str, float]]]:
        """Find the weights that make the fewest errors on the development set's human segments.

        Parameters
        ----------
        dev : Talks
            The development set.

        Returns
        -------
        tuple
            The weights (of equal ones the first), the words they gave, and the word error rate of
            each that was tried.
        """
        segments, weights = human_segments(dev.stm), self.recogniser.weights
        decoded = self.recognise(dev, segments, weights, self.decodings / "dev")
        errors = {weights: score(dev.stm, words).total for weights, words in decoded.items()}
        best = min(errors, key=lambda weights: errors[weights].errors)
        tried = [
            {**weights._asdict(), "wer": round(100 * counts.wer, 3)}
            for weights, counts in errors.items()
        ]
        return best, decoded[best], tried


def run_annotations(
    corpus: Corpus, recogniser: Recognizer, share: float, seed: int, folder: Path
) -> tuple[dict[str, Any], dict[str, Score]]:
    """Train and judge both variants.

    Parameters
    ----------
    corpus : Corpus
        All talks.
    recogniser : Recogniser
        One that is trained.
    share : float
        Of each speaker's training speech.
    seed : int
        What the choice of utterances and the bootstrap depend on.
    folder : Path
        Where everything is written.

    Returns
    -------
    tuple
        What `results.json` says of it, and the scores of the last system trained without
        annotations, on dev and test.
    """
    scores: dict[tuple[str, str, str], Score] = {}
    systems: dict[str, Any] = {system: {} for system in recogniser.systems}
    about: dict[str, Any] = {}
    for variant, annotations in VARIANTS.items():
        place = folder / f"{variant}_annotations"
        data = training_set(corpus, annotations, share, seed, place)
        seconds = sum(said.offset - said.onset for said in data.utterances)
        about[variant] = {
            "utterances": len(data.utterances),
            "hours": round(seconds / 3600, 4),
            "words": sum(len(said.words) for said in data.utterances),
            "annotations": data.language.lexicon.annotation_phones,
        }
        logger.info("%s annotations: training on %.2f h", variant, seconds / 3600)
        recogniser.train(data, place / "models")
        for system in recogniser.systems:
            trained = Trained(recogniser, system, data.language, place / "models", place / system)
            entry = _judge(corpus, trained, scores, (variant, system), seed)
            systems[system][variant] = entry
            logger.info(
                "%s annotations, %s: WER %.1f %% on dev, %.1f %% on test",
                *(variant, system, entry["dev"]["wer"], entry["test"]["wer"]),
            )
    for system, entry in systems.items():
        entry["difference"] = {
            part: difference_entry(
                scores["without", system, part], scores["with", system, part], seed
            )
            for part in ("dev", "test")
        }
    last = {part: scores["without", system, part] for part in ("dev", "test")}
    found = {
        "recogniser": type(recogniser).__name__,
        "training_share": share,
        "training": about,
        "systems": systems,
    }
    return found, last


def _judge(
    corpus: Corpus,
    trained: Trained,
    scores: dict[tuple[str, str, str], Score],
    named: tuple[str, str],
    seed: int,
) -> dict[str, Any]:
    """Choose the weights on dev, apply them to test."""
    dev, test, folder = corpus.talks["dev"], corpus.talks["test"], trained.decodings
    weights, words, tried = trained.choose_weights(dev)
    decoded: Mapping[str, list[CtmWord]] = {
        "dev": words,
        "test": trained.recognise(test, human_segments(test.stm), [weights], folder / "test")[
            weights
        ],
    }
    entry: dict[str, Any] = {"weights": weights._asdict(), "tried_on_dev": tried}
    for part, found in decoded.items():
        write_ctm(folder / f"{part}.ctm", found)
        scores[(*named, part)] = score(corpus.talks[part].stm, found)
        entry[part] = wer_entry(scores[(*named, part)], seed)
    return entry
