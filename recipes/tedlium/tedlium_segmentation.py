"""Experiment 2: the effect of the segmentation on word error rates.

Five segmentations of the same talks: the transcript's, those of a tagger and of an energy detector,
equal chunks, and none. The words recognized in each are scored against the human transcript:
missed speech becomes deletions, a false alarm insertions. Threshold, padding and merging are
chosen by the word errors on dev. Detection errors are no criterion: stretches that scoring ignores
are not evaluated, so in a corpus that ignores all its pauses one segment per talk looks best.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tedlium_detectors import Detector
from tedlium_nonspeech_tags import TrainedRecognizer
from tedlium_prepare import TalkSet, TedliumCorpus
from tedlium_results import summarize_wer

from aed_plugins.core import InputError, atomic_write
from asr.formats.ctm import CtmWord, write_ctm
from asr.formats.segments import SpeechSegment, format_rttm
from asr.scoring.score import Score
from asr.scoring.speech_detection import compute_detection_errors, make_uem, summarize_segmentation
from asr.scoring.wer import score_words
from asr.segmentation.energy_detector import EnergyDetector
from asr.segmentation.segmenters import (
    segment_by_transcript,
    segment_into_chunks,
    segment_whole_talks,
)
from asr.segmentation.shaping import SegmentShaping

METHODS = ("human", "tagger", "energy", "chunks", "whole_talks")
DETECTORS = ("tagger", "energy")  # methods whose threshold and shaping are chosen
COLLARS = (0.0, 0.25)  # seconds on each side of a boundary that are not evaluated


@dataclass(frozen=True)
class SegmentationTuning:
    """What is tried on the development set; the fewest word errors decide.

    Attributes
    ----------
    thresholds : mapping of str to sequence of float
        Of `tagger`, the least probability of speech, and of `energy`, `EnergyDetector.threshold`.
        They are tried with the first padding and gap.
    paddings, merge_gaps : sequence of float
        Seconds: all pairs are tried with the best threshold.
    shortest, longest : float
        Seconds of a segment; not tuned.
    chunk_length : float
        Seconds that an equal chunk has at most.

    Raises
    ------
    InputError
        If a list is missing or empty, or a value is out of its range.
    """

    thresholds: Mapping[str, Sequence[float]]
    paddings: Sequence[float]
    merge_gaps: Sequence[float]
    shortest: float
    longest: float
    chunk_length: float

    def __post_init__(self) -> None:
        lists = {f"thresholds of {name}": self.thresholds.get(name) for name in DETECTORS}
        lists |= {"paddings": self.paddings, "merge_gaps": self.merge_gaps}
        for name, values in lists.items():
            if not isinstance(values, Sequence) or not values:
                raise InputError(f"tuning: expected a list of {name}, got {values!r}")
        if not all(0 < threshold <= 1 for threshold in self.thresholds["tagger"]):
            raise InputError("tuning: expected thresholds of tagger above 0 and up to 1")
        for threshold in self.thresholds["energy"]:
            EnergyDetector(threshold)
        segment_into_chunks({}, self.chunk_length)
        self.shapings  # noqa: B018  each checks itself

    @property
    def shapings(self) -> list[SegmentShaping]:
        """All pairs of padding and merging."""
        return [
            SegmentShaping(padding, gap, self.shortest, self.longest)
            for padding, gap in itertools.product(self.paddings, self.merge_gaps)
        ]


@dataclass(frozen=True)
class SegmentationResult:
    """A method's segments of the development and test sets, and the words in them.

    Attributes
    ----------
    segments : dict of str to list of SpeechSegment
        For `dev` and `test`.
    words : dict of str to list of CtmWord
        The words recognized in them.
    settings : dict
        What was chosen on dev; empty where there is no choice.
    """

    segments: dict[str, list[SpeechSegment]]
    words: dict[str, list[CtmWord]]
    settings: dict[str, Any]


class SegmentationExperiment:
    """Segments, recognizes and scores, each method in a folder of its own.

    Parameters
    ----------
    corpus : TedliumCorpus
        All talks.
    trained : TrainedRecognizer
        What recognizes the words.
    tuning : SegmentationTuning
        What is tried on dev.
    detectors : mapping of str to callable
        For each of `DETECTORS` what finds speech at a threshold.
    folder : Path
        Where everything is written.
    """

    def __init__(
        self,
        corpus: TedliumCorpus,
        trained: TrainedRecognizer,
        tuning: SegmentationTuning,
        detectors: Mapping[str, Detector],
        folder: Path,
    ) -> None:
        self.sets = {part: corpus.talks[part] for part in ("dev", "test")}
        self.trained = trained
        self.tuning = tuning
        self.detectors = detectors
        self.folder = folder
        self.weights, _, self.tried = trained.choose_weights(self.sets["dev"])

    def describe(self) -> dict[str, Any]:
        """Return what is the same for all methods."""
        return {
            "recognizer": f"{type(self.trained.recognizer).__name__}, {self.trained.system}",
            "weights": self.weights._asdict(),
            "weights_tried_on_dev": self.tried,
            "evaluated": {part: _measure_evaluated(talks) for part, talks in self.sets.items()},
        }

    def run(self, method: str, seed: int) -> tuple[dict[str, Any], dict[str, Score]]:
        """Run a method on dev and test.

        Parameters
        ----------
        method : str
            One of `METHODS`.
        seed : int
            Of the bootstrap.

        Returns
        -------
        tuple
            The entry of `results.json`, and the score of each set.
        """
        if method in self.detectors:
            result = self._run_tuned(method, self.detectors[method])
        else:
            result = self._run_fixed(method)
        scores = {
            part: score_words(talks.stm, result.words[part]) for part, talks in self.sets.items()
        }
        for part in self.sets:
            write_ctm(self.folder / f"{method}/{part}.ctm", result.words[part])
            with atomic_write(self.folder / f"{method}/{part}.rttm") as temporary:
                temporary.write_text(format_rttm(result.segments[part]), encoding="utf-8")
        entry = {"settings": result.settings} | {
            part: self._summarize(result.segments[part], talks, scores[part], seed)
            for part, talks in self.sets.items()
        }
        return entry, scores

    def _run_fixed(self, method: str) -> SegmentationResult:
        """Recognize segments of a method without settings."""
        segments, words = {}, {}
        for part, talks in self.sets.items():
            folder = self.folder / method / part
            if method == "human":
                segments[part] = segment_by_transcript(talks.stm)
                folder = self.trained.decodings / part
            elif method == "chunks":
                segments[part] = segment_into_chunks(talks.durations, self.tuning.chunk_length)
            else:
                segments[part] = segment_whole_talks(talks.durations)
            words[part] = self._recognize(part, segments[part], folder)
        return SegmentationResult(segments, words, {})

    def _run_tuned(self, method: str, detector: Detector) -> SegmentationResult:
        """Choose the threshold, then the shape, by the word errors on dev."""
        dev, test = self.sets["dev"], self.sets["test"]
        thresholds, shapings = self.tuning.thresholds[method], self.tuning.shapings
        detected = {threshold: detector(dev, threshold) for threshold in thresholds}
        tried: dict[tuple[float, SegmentShaping], tuple[list[SpeechSegment], list[CtmWord]]] = {}
        errors: dict[tuple[float, SegmentShaping], int] = {}

        def attempt(threshold: float, shaping: SegmentShaping) -> None:
            segments = _shape_segments(detected[threshold], shaping, dev)
            name = f"dev_{threshold:g}_{shaping.padding:g}_{shaping.merge_gap:g}"
            words = self._recognize("dev", segments, self.folder / method / name)
            tried[threshold, shaping] = segments, words
            errors[threshold, shaping] = score_words(dev.stm, words).total.errors

        for threshold in thresholds:
            attempt(threshold, shapings[0])
        best_threshold, _ = min(errors, key=errors.__getitem__)
        for shaping in shapings[1:]:
            attempt(best_threshold, shaping)
        threshold, shaping = min(errors, key=errors.__getitem__)
        in_test = _shape_segments(detector(test, threshold), shaping, test)
        words_in_test = self._recognize("test", in_test, self.folder / method / "test")
        segments, words = tried[threshold, shaping]
        settings = {"threshold": threshold, **asdict(shaping)}
        settings["tried_on_dev"] = [
            {"threshold": tried_threshold, **asdict(tried_shaping), "errors": count}
            for (tried_threshold, tried_shaping), count in errors.items()
        ]
        return SegmentationResult(
            {"dev": segments, "test": in_test}, {"dev": words, "test": words_in_test}, settings
        )

    def _recognize(
        self, part: str, segments: Sequence[SpeechSegment], folder: Path
    ) -> list[CtmWord]:
        talks = self.sets[part]
        return self.trained.recognize(talks, segments, [self.weights], folder)[self.weights]

    def _summarize(
        self, segments: Sequence[SpeechSegment], talks: TalkSet, scored: Score, seed: int
    ) -> dict[str, Any]:
        summary = summarize_segmentation(segments, talks.durations)
        return {
            **summary._asdict(),
            "detection": {
                f"{collar:g}": _compute_errors(segments, talks, collar) for collar in COLLARS
            },
            "wer": summarize_wer(scored, seed),
        }


def _measure_evaluated(talks: TalkSet) -> dict[str, float]:
    """Sum the evaluated seconds of speech and of anything else."""
    regions = make_uem(talks.stm, talks.durations)
    speech = sum(segment.duration for segment in segment_by_transcript(talks.stm))
    evaluated = sum(region.offset - region.onset for region in regions)
    return {"speech": round(speech, 2), "other": round(max(0.0, evaluated - speech), 2)}


def _shape_segments(
    segments: Sequence[SpeechSegment], shaping: SegmentShaping, talks: TalkSet
) -> list[SpeechSegment]:
    by_talk: dict[str, list[SpeechSegment]] = {talk: [] for talk in talks.recordings}
    for segment in segments:
        by_talk[segment.talk].append(segment)
    return [
        part
        for talk, found in by_talk.items()
        for part in shaping.apply(found, talks.durations[talk])
    ]


def _compute_errors(
    segments: Sequence[SpeechSegment], talks: TalkSet, collar: float
) -> dict[str, float]:
    uem = make_uem(talks.stm, talks.durations)
    return compute_detection_errors(
        segment_by_transcript(talks.stm), segments, uem, collar
    )._asdict()
