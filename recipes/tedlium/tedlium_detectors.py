"""Who finds speech in talks: a tagger, or a detector of energy."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tedlium_prepare import Talks
from tqdm import tqdm

from aed_plugins.annotations import read_timeline, write_timeline
from aed_plugins.core import Event, InputError
from aed_plugins.inference import PretrainedTagger
from aed_plugins.labels import select_classes
from asr.execution.stages import fingerprint, run_stage
from asr.formats.segments import SpeechSegment
from asr.segmentation.energy_detector import EnergyDetector
from asr.segmentation.segmenters import speech_from_events

SHOWN = 0.5  # from which probability on another event is shown on a page

# Gives the speech of a set's talks, not yet shaped, at a threshold.
Detector = Callable[[Talks, float], list[SpeechSegment]]


class TaggerDetector:
    """Speech as a tagger's time line has it.

    Parameters
    ----------
    tagger : PretrainedTagger
        The model; its outputs are narrowed to the two lists of classes.
    source : str
        Where it came from; a time line that another source made is not used again.
    speech_classes, event_classes : sequence of str
        Which classes count as speech, and which else time lines have, where the tagger knows them:
        names or branches of AudioSet's ontology.
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
        self.speech_labels = [labels[place] for place in select_classes(labels, speech_classes)]
        tagger.choose(list(dict.fromkeys([*self.speech_labels, *_known(labels, event_classes)])))
        self.tagger = tagger
        self.settings = replace(tagger.timeline_settings, hop_length=hop_length)
        self.settings.windows(tagger.steps)  # a hop that does not fit is told at once
        self.source = source
        self.origin = [source, *_files_of(Path(source))]
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
            write_timeline(path, self.tagger.timeline_file(recording, settings))

        depends_on = fingerprint(*self.origin, self.tagger.labels, settings.to_dict(), recording)
        run_stage(talk, path.parent, depends_on, [path], work)
        return read_timeline(path).events


def _known(labels: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Give those of the classes that a tagger knows."""
    known: list[str] = []
    for wanted in classes:
        with contextlib.suppress(InputError):
            known += [labels[place] for place in select_classes(labels, [wanted])]
    return known


def _files_of(source: Path) -> list[Path]:
    """Give the files of a model that is not a name alone: another training changes them."""
    if source.is_file():
        return [source]
    return sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else []


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
