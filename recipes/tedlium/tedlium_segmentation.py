"""Experiment 2: who decides which stretches of a talk are recognised, and what that costs.

Five segmentations of the same talks: a person's, those of a tagger and of an energy detector,
equal chunks, and none. The words recognised in each are scored against the human transcript:
missed speech becomes deletions, a false alarm insertions. Threshold, padding and merging are
chosen on dev.
"""

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tedlium_annotations import Trained
from tedlium_prepare import Corpus, Talks
from tedlium_results import wer_entry
from tqdm import tqdm

from aed_plugins.annotation import Annotation, read_annotation, write_annotation
from aed_plugins.class_choice import choose_classes
from aed_plugins.errors import InputError
from aed_plugins.files import written_beside
from aed_plugins.inference import PretrainedTagger
from aed_plugins.speech.alignment import Score
from aed_plugins.speech.ctm import CtmWord, write_ctm
from aed_plugins.speech.detection_error import detection_error, segmentation_summary, uem_of
from aed_plugins.speech.energy_detector import EnergyDetector
from aed_plugins.speech.scoring import score
from aed_plugins.speech.segmentation import (
    Shaping,
    fixed_chunks,
    human_segments,
    speech_from_events,
    whole_talks,
)
from aed_plugins.speech.segments import SpeechSegment, segments_rttm
from aed_plugins.speech.stages import fingerprint, run_stage
from aed_plugins.timeline import Event

logger = logging.getLogger("aed_plugins.tedlium")  # shown on the screen

COLLARS = (0.0, 0.25)  # seconds on each side of a boundary that are not judged
SHOWN = 0.5  # from which probability on another event is shown on a page

# Gives the speech of a set's talks, not yet shaped, at a threshold.
Detector = Callable[[Talks, float], list[SpeechSegment]]


@dataclass(frozen=True)
class Tuning:
    """What is tried on the development set.

    Attributes
    ----------
    thresholds : mapping of str to sequence of float
        Of `tagger`, from which probability on there is speech, and of `energy`, the share of the
        way from the quiet to the loud: the one with the lowest detection error is taken.
    paddings, merge_gaps : sequence of float
        Seconds: the pair with the lowest word error rate is taken.
    shortest, longest : float
        Seconds of a segment; not tuned.
    chunk_length : float
        Seconds that an equal chunk has at most.
    """

    thresholds: Mapping[str, Sequence[float]]
    paddings: Sequence[float]
    merge_gaps: Sequence[float]
    shortest: float
    longest: float
    chunk_length: float

    def __post_init__(self) -> None:
        for method in ("tagger", "energy"):
            if not self.thresholds.get(method):
                raise InputError(f"tuning: expected a list of thresholds of {method}, got none")
        if not self.shapings:
            raise InputError("tuning: expected at least one of paddings and of merge_gaps")

    @property
    def shapings(self) -> list[Shaping]:
        """All pairs of padding and merging."""
        return [
            Shaping(padding, gap, self.shortest, self.longest)
            for padding, gap in itertools.product(self.paddings, self.merge_gaps)
        ]


class TaggerDetector:
    """Speech as a tagger's time line has it.

    Parameters
    ----------
    tagger : PretrainedTagger
        The model; its outputs are narrowed to the two lists of classes.
    source : str
        Where it came from; a time line that another source made is not used again.
    speech_classes, event_classes : sequence of str
        Which classes count as speech, and which else time lines have: names or branches of
        AudioSet's ontology.
    hop_length : float
        Seconds from one window to the next.
    folder : Path
        Where the time lines are kept, one a talk.
    """

    def __init__(
        self,
        tagger: PretrainedTagger,
        source: str,
        speech_classes: Sequence[str],
        event_classes: Sequence[str],
        hop_length: float,
        folder: Path,
    ) -> None:
        labels = tagger.labels
        self.speech_labels = [labels[place] for place in choose_classes(labels, speech_classes)]
        events = [labels[place] for place in choose_classes(labels, event_classes)]
        tagger.choose(list(dict.fromkeys([*self.speech_labels, *events])))
        self.tagger = tagger
        self.settings = replace(tagger.timeline_settings, hop_length=hop_length)
        self.source = source
        self.folder = folder

    def speech(self, talks: Talks, threshold: float) -> list[SpeechSegment]:
        """Give the speech of a set's talks."""
        bar = tqdm(talks.recordings.items(), desc=f"tagger, threshold {threshold}", unit="talk")
        return [
            segment
            for talk, recording in bar
            for segment in speech_from_events(
                talk,
                self._events(talk, recording, threshold),
                self.speech_labels,
                talks.durations[talk],
            )
        ]

    def other_events(self, talk: str, recording: Path) -> list[Event]:
        """Give what else is heard in a talk."""
        found = self._events(talk, recording, SHOWN)
        return [event for event in found if event.label not in self.speech_labels]

    def _events(self, talk: str, recording: Path, threshold: float) -> Sequence[Event]:
        """Give the time line of a talk, kept from an earlier run where there is one."""
        post_processing = replace(self.settings.post_processing, onset=threshold, offset=threshold)
        settings = replace(self.settings, post_processing=post_processing)
        path = self.folder / f"{threshold:g}" / f"{talk}.json"

        def work() -> None:
            found = self.tagger.timeline_file(recording, settings)
            write_annotation(path, Annotation(found.events, recording.name, found.duration))

        depends_on = fingerprint(self.source, self.tagger.labels, settings.to_dict(), recording)
        run_stage(talk, path.parent, depends_on, [path], work)
        return read_annotation(path).events


def energy_speech(talks: Talks, threshold: float) -> list[SpeechSegment]:
    """Give the speech of a set's talks as an energy detector hears it.

    Parameters
    ----------
    talks : Talks
        The set.
    threshold : float
        The detector's `share`.
    """
    detector = EnergyDetector(share=threshold)
    return [
        segment
        for talk, recording in tqdm(talks.recordings.items(), desc="energy", unit="talk")
        for segment in detector.detect(talk, recording)
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
    folder : Path
        Where everything is kept.
    """

    def __init__(self, corpus: Corpus, trained: Trained, tuning: Tuning, folder: Path) -> None:
        self.sets = {part: corpus.talks[part] for part in ("dev", "test")}
        self.trained = trained
        self.tuning = tuning
        self.folder = folder
        self.weights, _, self.tried = trained.choose_weights(self.sets["dev"], folder / "human/dev")

    def run(
        self, detectors: Mapping[str, Detector], seed: int
    ) -> tuple[dict[str, Any], dict[str, dict[str, Score]]]:
        """Try all methods.

        Parameters
        ----------
        detectors : mapping of str to callable
            By method: who finds speech at a threshold, such as `tagger` and `energy`.
        seed : int
            Of the bootstrap.

        Returns
        -------
        tuple
            What `results.json` says of it, and by method and set the scores.
        """
        methods = {"human": self._fixed("human", lambda talks: human_segments(talks.stm))}
        for name, detector in detectors.items():
            methods[name] = self._tuned(name, detector)
        length = self.tuning.chunk_length
        methods["chunks"] = self._fixed(
            "chunks", lambda talks: fixed_chunks(talks.durations, length)
        )
        methods["whole talks"] = self._fixed(
            "whole_talks", lambda talks: whole_talks(talks.durations)
        )
        entries: dict[str, Any] = {}
        scores: dict[str, dict[str, Score]] = {}
        for name, found in methods.items():
            scores[name] = {
                part: score(talks.stm, found.words[part]) for part, talks in self.sets.items()
            }
            entries[name] = {"settings": found.settings} | {
                part: self._entry(found.segments[part], talks, scores[name][part], seed)
                for part, talks in self.sets.items()
            }
            self._write(name, found)
        about = {
            "recogniser": f"{type(self.trained.recogniser).__name__}, {self.trained.system}",
            "weights": self.weights._asdict(),
            "weights_tried_on_dev": self.tried,
            "methods": entries,
        }
        return about, scores

    def _fixed(self, name: str, segment: Callable[[Talks], list[SpeechSegment]]) -> Segmentation:
        """Use segments that nothing is to be chosen for."""
        segments = {part: segment(talks) for part, talks in self.sets.items()}
        words = {
            part: self._recognise(part, chosen, self.folder / name / part)
            for part, chosen in segments.items()
        }
        return Segmentation(segments, words, {})

    def _tuned(self, name: str, detector: Detector) -> Segmentation:
        """Choose the threshold by the detection error on dev, then the shape by its words."""
        dev = self.sets["dev"]
        found = {threshold: detector(dev, threshold) for threshold in self.tuning.thresholds[name]}
        errors = {threshold: _error(speech, dev, 0.25) for threshold, speech in found.items()}
        threshold = min(errors, key=lambda tried: errors[tried]["error"])
        tried = []
        best: tuple[int, Shaping, list[SpeechSegment], list[CtmWord]] | None = None
        for shaping in self.tuning.shapings:
            segments = _shaped(found[threshold], shaping, dev)
            shape = f"dev_{shaping.padding:g}_{shaping.merge_gap:g}"
            words = self._recognise("dev", segments, self.folder / name / shape)
            counts = score(dev.stm, words).total
            tried.append({**asdict(shaping), "wer": round(100 * counts.wer, 3)})
            if best is None or counts.errors < best[0]:
                best = counts.errors, shaping, segments, words
        assert best is not None
        _, shaping, segments, words = best
        test = self.sets["test"]
        in_test = _shaped(detector(test, threshold), shaping, test)
        words_in_test = self._recognise("test", in_test, self.folder / name / "test")
        settings = {
            "threshold": threshold,
            **asdict(shaping),
            "thresholds_tried_on_dev": {str(key): value["error"] for key, value in errors.items()},
            "shapes_tried_on_dev": tried,
        }
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

    def _write(self, name: str, found: Segmentation) -> None:
        folder = self.folder / name.replace(" ", "_")
        for part in self.sets:
            write_ctm(folder / f"{part}.ctm", found.words[part])
            with written_beside(folder / f"{part}.rttm") as temporary:
                temporary.write_text(segments_rttm(found.segments[part]), encoding="utf-8")


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
