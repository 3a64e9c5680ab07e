"""Experiment 2: who decides which stretches of a talk are recognised, and what that costs.

Five segmentations of the same talks: a person's, those of a tagger and of an energy detector,
equal chunks, and none. The words recognised in each are scored against the human transcript:
missed speech becomes deletions, a false alarm insertions. Threshold, padding and merging are
chosen by the words on dev. The detection error cannot serve for that: stretches that scoring
ignores are not judged, and where a corpus ignores all its pauses, to keep everything looks best.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tedlium_annotations import Trained
from tedlium_detectors import Detector
from tedlium_prepare import Corpus, Talks
from tedlium_results import wer_entry

from aed_plugins.core import InputError, atomic_write
from asr.formats.ctm import CtmWord, write_ctm
from asr.formats.segments import SpeechSegment, segments_rttm
from asr.scoring.detection_error import detection_error, segmentation_summary, uem_of
from asr.scoring.score import Score
from asr.scoring.wer import score
from asr.segmentation.energy_detector import EnergyDetector
from asr.segmentation.segmenters import (
    fixed_chunks,
    human_segments,
    whole_talks,
)
from asr.segmentation.shaping import Shaping

METHODS = ("human", "tagger", "energy", "chunks", "whole_talks")
DETECTORS = ("tagger", "energy")  # whose threshold and shape are chosen
COLLARS = (0.0, 0.25)  # seconds on each side of a boundary that are not judged


@dataclass(frozen=True)
class Tuning:
    """What is tried on the development set; what makes the fewest word errors is taken.

    Attributes
    ----------
    thresholds : mapping of str to sequence of float
        Of `tagger`, from which probability on there is speech, and of `energy`, the share of the
        way from the quiet to the loud. They are tried with the first padding and gap.
    paddings, merge_gaps : sequence of float
        Seconds: all pairs are tried with the best threshold.
    shortest, longest : float
        Seconds of a segment; not tuned.
    chunk_length : float
        Seconds that an equal chunk has at most.

    Raises
    ------
    InputError
        If a list is missing or empty, or a figure cannot be.
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
            EnergyDetector(share=threshold)
        fixed_chunks({}, self.chunk_length)
        self.shapings  # noqa: B018  each checks itself

    @property
    def shapings(self) -> list[Shaping]:
        """All pairs of padding and merging."""
        return [
            Shaping(padding, gap, self.shortest, self.longest)
            for padding, gap in itertools.product(self.paddings, self.merge_gaps)
        ]


@dataclass(frozen=True)
class Segmentation:
    """What a method made of the development and test sets.

    Attributes
    ----------
    segments : dict of str to list of SpeechSegment
        For `dev` and `test`.
    words : dict of str to list of CtmWord
        What was recognised in them.
    settings : dict
        What was chosen on dev; empty where nothing is chosen.
    """

    segments: dict[str, list[SpeechSegment]]
    words: dict[str, list[CtmWord]]
    settings: dict[str, Any]


class SegmentationExperiment:
    """Segments, recognises and scores, each method in a folder of its own.

    Parameters
    ----------
    corpus : Corpus
        All talks.
    trained : Trained
        Who recognises.
    tuning : Tuning
        What is tried on dev.
    detectors : mapping of str to callable
        For each of `DETECTORS`: who finds speech at a threshold.
    folder : Path
        Where everything is kept.
    """

    def __init__(
        self,
        corpus: Corpus,
        trained: Trained,
        tuning: Tuning,
        detectors: Mapping[str, Detector],
        folder: Path,
    ) -> None:
        self.sets = {part: corpus.talks[part] for part in ("dev", "test")}
        self.trained = trained
        self.tuning = tuning
        self.detectors = detectors
        self.folder = folder
        self.weights, _, self.tried = trained.choose_weights(self.sets["dev"])

    def about(self) -> dict[str, Any]:
        """Say what is the same for all methods."""
        return {
            "recogniser": f"{type(self.trained.recogniser).__name__}, {self.trained.system}",
            "weights": self.weights._asdict(),
            "weights_tried_on_dev": self.tried,
            "judged": {part: _judged(talks) for part, talks in self.sets.items()},
        }

    def run(self, method: str, seed: int) -> tuple[dict[str, Any], dict[str, Score]]:
        """Try a method.

        Parameters
        ----------
        method : str
            One of `METHODS`.
        seed : int
            Of the bootstrap.

        Returns
        -------
        tuple
            What `results.json` says of it, and for each set its score.
        """
        if method in self.detectors:
            found = self._tuned(method, self.detectors[method])
        else:
            found = self._fixed(method)
        scores = {part: score(talks.stm, found.words[part]) for part, talks in self.sets.items()}
        for part in self.sets:
            write_ctm(self.folder / f"{method}/{part}.ctm", found.words[part])
            with atomic_write(self.folder / f"{method}/{part}.rttm") as temporary:
                temporary.write_text(segments_rttm(found.segments[part]), encoding="utf-8")
        entry = {"settings": found.settings} | {
            part: self._entry(found.segments[part], talks, scores[part], seed)
            for part, talks in self.sets.items()
        }
        return entry, scores

    def _fixed(self, method: str) -> Segmentation:
        """Use segments that nothing is to be chosen for."""
        segments, words = {}, {}
        for part, talks in self.sets.items():
            folder = self.folder / method / part
            if method == "human":
                segments[part] = human_segments(talks.stm)
                folder = self.trained.decodings / part
            elif method == "chunks":
                segments[part] = fixed_chunks(talks.durations, self.tuning.chunk_length)
            else:
                segments[part] = whole_talks(talks.durations)
            words[part] = self._recognise(part, segments[part], folder)
        return Segmentation(segments, words, {})

    def _tuned(self, method: str, detector: Detector) -> Segmentation:
        """Choose the threshold, then the shape, by the word errors on dev."""
        dev, test = self.sets["dev"], self.sets["test"]
        thresholds, shapings = self.tuning.thresholds[method], self.tuning.shapings
        detected = {threshold: detector(dev, threshold) for threshold in thresholds}
        tried: dict[tuple[float, Shaping], tuple[list[SpeechSegment], list[CtmWord]]] = {}
        errors: dict[tuple[float, Shaping], int] = {}

        def attempt(threshold: float, shaping: Shaping) -> None:
            segments = _shaped(detected[threshold], shaping, dev)
            name = f"dev_{threshold:g}_{shaping.padding:g}_{shaping.merge_gap:g}"
            words = self._recognise("dev", segments, self.folder / method / name)
            tried[threshold, shaping] = segments, words
            errors[threshold, shaping] = score(dev.stm, words).total.errors

        for threshold in thresholds:
            attempt(threshold, shapings[0])
        best_threshold, _ = min(errors, key=errors.__getitem__)
        for shaping in shapings[1:]:
            attempt(best_threshold, shaping)
        threshold, shaping = min(errors, key=errors.__getitem__)
        in_test = _shaped(detector(test, threshold), shaping, test)
        words_in_test = self._recognise("test", in_test, self.folder / method / "test")
        segments, words = tried[threshold, shaping]
        settings = {"threshold": threshold, **asdict(shaping)}
        settings["tried_on_dev"] = [
            {"threshold": tried_threshold, **asdict(tried_shaping), "errors": count}
            for (tried_threshold, tried_shaping), count in errors.items()
        ]
        return Segmentation(
            {"dev": segments, "test": in_test}, {"dev": words, "test": words_in_test}, settings
        )

    def _recognise(
        self, part: str, segments: Sequence[SpeechSegment], folder: Path
    ) -> list[CtmWord]:
        talks = self.sets[part]
        return self.trained.recognise(talks, segments, [self.weights], folder)[self.weights]

    def _entry(
        self, segments: Sequence[SpeechSegment], talks: Talks, scored: Score, seed: int
    ) -> dict[str, Any]:
        summary = segmentation_summary(segments, talks.durations)
        return {
            **summary._asdict(),
            "detection": {f"{collar:g}": _error(segments, talks, collar) for collar in COLLARS},
            "wer": wer_entry(scored, seed),
        }


def _judged(talks: Talks) -> dict[str, float]:
    """Say how many seconds of speech and of anything else the detection is judged on."""
    regions = uem_of(talks.stm, talks.durations)
    speech = sum(segment.duration for segment in human_segments(talks.stm))
    judged = sum(region.offset - region.onset for region in regions)
    return {"speech": round(speech, 2), "other": round(max(0.0, judged - speech), 2)}


def _shaped(
    segments: Sequence[SpeechSegment], shaping: Shaping, talks: Talks
) -> list[SpeechSegment]:
    by_talk: dict[str, list[SpeechSegment]] = {talk: [] for talk in talks.recordings}
    for segment in segments:
        by_talk[segment.talk].append(segment)
    return [
        part
        for talk, found in by_talk.items()
        for part in shaping.shaped(found, talks.durations[talk])
    ]


def _error(segments: Sequence[SpeechSegment], talks: Talks, collar: float) -> dict[str, float]:
    uem = uem_of(talks.stm, talks.durations)
    return detection_error(human_segments(talks.stm), segments, uem, collar)._asdict()
