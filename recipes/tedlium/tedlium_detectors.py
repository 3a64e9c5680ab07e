"""Detect speech in talks, with a tagger or by energy."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from tedlium_prepare import TalkSet
from tqdm import tqdm

from aed_plugins.annotations import read_timeline, write_timeline
from aed_plugins.core import Event, InputError
from aed_plugins.inference import PretrainedTagger
from aed_plugins.labels import select_classes
from asr.execution.stages import fingerprint_inputs, run_stage
from asr.formats.segments import SpeechSegment
from asr.segmentation.energy_detector import EnergyDetector
from asr.segmentation.segmenters import segment_by_events

SHOWN = 0.5  # the least probability of another event that is shown on a page

# Returns the speech of a set's talks at a threshold, before shaping.
Detector = Callable[[TalkSet, float], list[SpeechSegment]]


class TaggerDetector:
    """Detects speech, and other events, with a tagger.

    Parameters
    ----------
    tagger : PretrainedTagger
        The model; its outputs are narrowed to the two lists of classes.
    source : str
        Where it came from; a timeline of another source is not used again.
    speech_classes, event_classes : sequence of str
        Which classes count as speech, and which else timelines have, where the tagger has them:
        names or branches of AudioSet's ontology.
    hop_length : float
        Seconds from one window to the next.
    folder : Path
        Where the timelines are cached, one per talk.
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
        self.speech_labels = [labels[place] for place in select_classes(labels, speech_classes)]
        tagger.choose(
            list(dict.fromkeys([*self.speech_labels, *_find_known_classes(labels, event_classes)]))
        )
        self.tagger = tagger
        # Refuses a hop that does not fit.
        tagger.timeline_settings = tagger.timeline_settings.updated(hop=hop_length)
        self.source = source
        self.origin = [source, *_list_files(Path(source))]
        self.folder = folder

    def speech(self, talks: TalkSet, threshold: float) -> list[SpeechSegment]:
        """Return the speech of a set's talks."""
        bar = tqdm(talks.recordings.items(), desc=f"tagger, threshold {threshold}", unit="talk")
        return [
            segment
            for talk, recording in bar
            for segment in segment_by_events(
                talk,
                self._events(talk, recording, threshold),
                self.speech_labels,
                talks.durations[talk],
            )
        ]

    def other_events(self, talk: str, recording: Path) -> list[Event]:
        """Return the other events of a talk."""
        found = self._events(talk, recording, SHOWN)
        return [event for event in found if event.label not in self.speech_labels]

    def _events(self, talk: str, recording: Path, threshold: float) -> Sequence[Event]:
        """Compute the timeline of a talk, or read that of an earlier run."""
        settings = self.tagger.timeline_settings.updated(onset=threshold, offset=threshold)
        path = self.folder / f"{threshold:g}" / f"{talk}.json"

        def work() -> None:
            write_timeline(path, self.tagger.timeline(recording, settings=settings))

        depends_on = fingerprint_inputs(
            *self.origin, self.tagger.labels, settings.to_dict(), recording
        )
        run_stage(talk, path.parent, depends_on, [path], work)
        return read_timeline(path).events


def _find_known_classes(labels: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Return those of the classes that a tagger has."""
    known: list[str] = []
    for wanted in classes:
        with contextlib.suppress(InputError):
            known += [labels[place] for place in select_classes(labels, [wanted])]
    return known


def _list_files(source: Path) -> list[Path]:
    """List the files of a model that is not only a name: another training changes them."""
    if source.is_file():
        return [source]
    return sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else []


def detect_speech_by_energy(talks: TalkSet, threshold: float) -> list[SpeechSegment]:
    """Return the speech of a set's talks that an energy detector finds.

    Parameters
    ----------
    talks : TalkSet
        The set.
    threshold : float
        The detector's threshold.
    """
    detector = EnergyDetector(threshold)
    return [
        segment
        for talk, recording in tqdm(talks.recordings.items(), desc="energy", unit="talk")
        for segment in detector.detect(talk, recording)
    ]
