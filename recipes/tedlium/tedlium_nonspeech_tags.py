"""Experiment 1: the effect of non-speech tags in the training text on word error rates.

Two recognizers are trained on the same utterances. The texts of one keep `[NOISE]`, `[BREATH]` and
other non-speech tags as words with phones of their own, those of the other have none. Scoring
removes them on both sides.

Source: "From Image Classification to Audio Classification", section 8.3.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tedlium_language import make_training_set
from tedlium_prepare import TalkSet, TedliumCorpus
from tedlium_results import summarize_difference, summarize_wer

from asr.formats.ctm import CtmWord, write_ctm
from asr.formats.segments import SpeechSegment
from asr.recognizers.interface import DecodingWeights, Language, Recognizer
from asr.scoring.score import Score
from asr.scoring.wer import score_words
from asr.segmentation.segmenters import segment_by_transcript

logger = logging.getLogger("aed_plugins.tedlium")  # shown on the screen

VARIANTS = {"with": True, "without": False}


@dataclass(frozen=True)
class TrainedRecognizer:
    """A trained recognizer: one of its systems, with lexicon and language model.

    Attributes
    ----------
    recognizer : Recognizer
        Kaldi, Sphinx or one that comes trained.
    system : str
        Which of its acoustic models.
    language : Language or None
        Lexicon and language model; `None` for its own.
    models : Path
        Where its acoustic models are.
    decodings : Path
        Where what it recognized in the human segments of each set is written.
    """

    recognizer: Recognizer
    system: str
    language: Language | None
    models: Path
    decodings: Path

    def recognize(
        self,
        talks: TalkSet,
        segments: Sequence[SpeechSegment],
        weights: Sequence[DecodingWeights],
        folder: Path,
    ) -> dict[DecodingWeights, list[CtmWord]]:
        """Recognize segments of a set's talks.

        Parameters
        ----------
        talks : TalkSet
            The set.
        segments : sequence of SpeechSegment
            What to recognize.
        weights : sequence of DecodingWeights
            Of the language model.
        folder : Path
            Where the decoding is written.
        """
        return self.recognizer.decode(
            self.system, talks.recordings, segments, self.language, weights, self.models, folder
        )

    def choose_weights(
        self, dev: TalkSet
    ) -> tuple[DecodingWeights, list[CtmWord], list[dict[str, float]]]:
        """Choose the weights with the fewest errors on the development set's human segments.

        Parameters
        ----------
        dev : TalkSet
            The development set.

        Returns
        -------
        tuple
            The weights (of equal ones the first), the words recognized with them, and all weights
            that were tried with their word error rates.
        """
        segments, weights = segment_by_transcript(dev.stm), self.recognizer.weights
        decoded = self.recognize(dev, segments, weights, self.decodings / "dev")
        errors = {weights: score_words(dev.stm, words).total for weights, words in decoded.items()}
        best = min(errors, key=lambda weights: errors[weights].errors)
        tried = [
            {**weights._asdict(), "wer": round(100 * counts.wer, 3)}
            for weights, counts in errors.items()
        ]
        return best, decoded[best], tried


def run_nonspeech_tags(
    corpus: TedliumCorpus, recognizer: Recognizer, fraction: float, seed: int, folder: Path
) -> tuple[dict[str, Any], dict[str, Score]]:
    """Train and evaluate both variants.

    Parameters
    ----------
    corpus : TedliumCorpus
        All talks.
    recognizer : Recognizer
        One that is trained.
    fraction : float
        How much of each speaker's training speech is used.
    seed : int
        What the choice of utterances and the bootstrap depend on.
    folder : Path
        Where everything is written.

    Returns
    -------
    tuple
        The entry of `results.json`, and the scores of the last system trained without tags, on
        dev and test.
    """
    scores: dict[tuple[str, str, str], Score] = {}
    systems: dict[str, Any] = {system: {} for system in recognizer.systems}
    training: dict[str, Any] = {}
    for variant, keep_tags in VARIANTS.items():
        place = folder / f"{variant}_tags"
        data = make_training_set(corpus, keep_tags, fraction, seed, place)
        seconds = sum(utterance.offset - utterance.onset for utterance in data.utterances)
        training[variant] = {
            "utterances": len(data.utterances),
            "hours": round(seconds / 3600, 4),
            "words": sum(len(utterance.words) for utterance in data.utterances),
            "nonspeech_phones": data.language.lexicon.nonspeech_phones,
        }
        logger.info("%s tags: training on %.2f h", variant, seconds / 3600)
        recognizer.train(data, place / "models")
        for system in recognizer.systems:
            trained = TrainedRecognizer(
                recognizer, system, data.language, place / "models", place / system
            )
            entry = _evaluate(corpus, trained, scores, variant, seed)
            systems[system][variant] = entry
            logger.info(
                "%s tags, %s: WER %.1f %% on dev, %.1f %% on test",
                *(variant, system, entry["dev"]["wer"], entry["test"]["wer"]),
            )
    for system, entry in systems.items():
        entry["difference"] = {
            part: summarize_difference(
                scores["without", system, part], scores["with", system, part], seed
            )
            for part in ("dev", "test")
        }
    last = {part: scores["without", system, part] for part in ("dev", "test")}
    results = {
        "recognizer": type(recognizer).__name__,
        "training_fraction": fraction,
        "training": training,
        "systems": systems,
    }
    return results, last


def _evaluate(
    corpus: TedliumCorpus,
    trained: TrainedRecognizer,
    scores: dict[tuple[str, str, str], Score],
    variant: str,
    seed: int,
) -> dict[str, Any]:
    """Choose the weights on dev, apply them to test."""
    dev, test, folder = corpus.talks["dev"], corpus.talks["test"], trained.decodings
    weights, words, tried = trained.choose_weights(dev)
    decoded: Mapping[str, list[CtmWord]] = {
        "dev": words,
        "test": trained.recognize(
            test, segment_by_transcript(test.stm), [weights], folder / "test"
        )[weights],
    }
    entry: dict[str, Any] = {"weights": weights._asdict(), "tried_on_dev": tried}
    for part, found in decoded.items():
        write_ctm(folder / f"{part}.ctm", found)
        scores[variant, trained.system, part] = score_words(corpus.talks[part].stm, found)
        entry[part] = summarize_wer(scores[variant, trained.system, part], seed)
    return entry
