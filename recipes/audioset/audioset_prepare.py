"""Preparation of AudioSet: what is there, decoded once, listed in a manifest.

Source: Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events", ICASSP
2017; https://research.google.com/audioset; lists CC BY 4.0, ontology CC BY-SA 4.0. The folder holds
`class_labels_indices.csv`, `ontology.json`, segment lists such as `balanced_train_segments.csv` and
`eval_segments.csv`, and in `audio` the clips, named as any of the common downloaders names them
(audioset_clips.py). The lists name segments of YouTube videos, of which many are gone, so missing
clips are counted and never stop a run.

Clips are the segments. A clip more than half a second shorter than its segment is used and listed
in the report; so is one more than a second longer, of which the segment's length is used from its
start. Only a file that is named by the id alone and reaches the segment's end is taken for the
whole video, and the segment is cut out of it.

What the layout costs at two million clips of 10 s at 16 kHz, from measurements with 50,000 and
100,000: 640 GB in 2400 shards, as many indexes of 0.5 GB together, and a manifest of 0.4 GB. A
preparation holds 1.8 kB a clip, 3.6 GB, and one shard of 270 MB; where it finds nothing new it
takes 0.1 ms a clip, 4 minutes. To read the manifest takes 14 s and 0.94 GB in each process.

In the prepared folder each selection has a manifest and a report of what is lacking of its own,
`<sample rate>/manifest-<tag>.json` and `missing-<tag>.json`; runs of all of them share the shards.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audioset_clips import AudioFile, NameMatch, find_clips
from audioset_lists import FOLDS, AudioSetSegment
from audioset_report import AvailabilityReport
from audioset_selection import (
    LABELS,
    AudioSetSelection,
    check_selection,
    compute_tag,
    list_counted_labels,
    read_selected_ontology,
    resolve_name,
    select_segments,
)

from aed_plugins.core import InputError, atomic_write, first_few
from aed_plugins.data import (
    DEMONSTRATION_MARK,
    ClipSource,
    PackedClip,
    build_audioset_demonstration,
    pack_clips,
)

DEFAULT_FOLDER = Path("data/AudioSet")
DEMONSTRATION_FOLDER = Path("data/AudioSet_demonstration")
SHORTER = 0.5  # seconds by which a clip may differ from its segment before it is listed
LONGER = 1.0


@dataclass(frozen=True)
class PreparedAudioSet:
    """What a preparation found.

    Attributes
    ----------
    manifest : Path
        The JSON manifest; its folds are `train`, `valid` and `eval`.
    labels : list of str
        The chosen classes, in the order of choice.
    folds : list of str
        Folds that have clips.
    state : {"complete", "partial", "demonstration"}
        Whether every listed clip is there.
    clips : dict of str to int
        Usable clips of each fold.
    expected_clips : int
        Segments that are wanted.
    positives : dict
        By class, and by fold, how many usable clips have it.
    problems : dict of str to int
        How many clips are missing, unreadable, bad, shorter or longer than their segments.
    report : Path
        `missing-<tag>.json`, which names these clips, and counts them by list and class; the tag is
        the manifest's.
    warnings : list of str
        What a user should know, one line each.
    """

    manifest: Path
    labels: list[str]
    folds: list[str]
    state: str
    clips: dict[str, int]
    expected_clips: int
    positives: dict[str, dict[str, int]]
    problems: dict[str, int]
    report: Path
    warnings: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Give what the results say of the data."""
        return {
            **vars(self),
            "manifest": str(self.manifest),
            "report": str(self.report),
            "clips": sum(self.clips.values()),
            "clips_by_fold": self.clips,
            "bad_clips": self.problems["bad"],
        }


def find_data(data_folder: str | None) -> Path:
    """Find the data; where none is named or there, build the demonstration corpus.

    Parameters
    ----------
    data_folder : str, optional
        The folder that holds the lists, and `audio`.

    Raises
    ------
    InputError
        If the folder that was named is missing, or does not hold the lists.
    """
    if data_folder is None and not DEFAULT_FOLDER.exists():
        print(f"no {DEFAULT_FOLDER}: this is a DEMONSTRATION with synthesized sounds")
        return build_audioset_demonstration(DEMONSTRATION_FOLDER)
    folder = DEFAULT_FOLDER if data_folder is None else Path(str(data_folder))
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --data_folder names the one of AudioSet")
    if not (folder / LABELS).is_file():
        raise InputError(
            f"{folder}: expected {LABELS} in it, found none; it comes with AudioSet's segment"
            " lists, https://research.google.com/audioset/download.html"
        )
    return folder


def is_demonstration(folder: Path) -> bool:
    """Tell whether a folder holds the demonstration corpus."""
    return (folder / DEMONSTRATION_MARK).is_file()


def prepare(
    folder: Path,
    prepared_folder: str | None,
    sample_rate: int,
    selection: AudioSetSelection,
    needed: Collection[str] = FOLDS,
) -> PreparedAudioSet:
    """Find the clips that the lists name, decode what is new, write manifest and report.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    prepared_folder : str, optional
        Where decoded audio and manifest go; by default a folder in `data/prepared`.
    sample_rate : int
        The rate to decode to, in hertz.
    selection : AudioSetSelection
        What is wanted.
    needed : collection of str
        The folds that must be there; `valid` only if the selection asks for it, by `valid_segments`
        or a `valid_fraction`.

    Raises
    ------
    InputError
        If a list is malformed, a class unknown, a clip unreadable, or if a fold that is needed has
        no clip at all, or, but for `valid`, none of a class.
    """
    check_selection(selection)
    audio = resolve_name(folder, selection.audio_folder or "audio")
    if not audio.is_dir():
        raise InputError(f"{audio}: no such folder; --audio_folder names the one of the clips")
    prepared = Path(prepared_folder) if prepared_folder else _default_prepared_folder(folder, audio)
    ontology, warnings = read_selected_ontology(folder, selection)
    chosen = ontology.choose(selection.classes)
    labels = {mid: ontology.names[mid] for mid in chosen}
    listed, shards = select_segments(folder, selection, ontology, chosen)
    found = find_clips(audio, listed)
    sources = {c: ClipSource(found.files[c].path, shards[c]) for c in listed if c in found.files}
    packed = pack_clips(sources, prepared, sample_rate)
    clips, odd = _cut_to_segments(listed, found.files, packed.clips, sample_rate)
    availability = AvailabilityReport(listed, found, packed, odd, list(labels.values()))
    tag = compute_tag(selection)
    report = prepared / f"missing-{tag}.json"
    availability.write(
        report, {name: list_counted_labels(ontology, mid) for mid, name in labels.items()}
    )
    if packed.bad and not selection.skip_bad_clips:
        raise InputError(
            f"{len(packed.bad)} of {len(sources)} clips cannot be used:"
            f" {first_few(list(packed.bad.values()), shown=1)}; all of them: {report};"
            " fix or delete them, or give --skip_bad_clips=True to leave them out"
        )
    if not (selection.valid_segments or selection.valid_fraction):
        needed = [fold for fold in needed if fold != "valid"]
    warnings += availability.check(audio, needed)
    for warning in warnings:
        print(f"warning: {warning}")
    manifest = prepared / str(sample_rate) / f"manifest-{tag}.json"
    _write_manifest(manifest, clips, listed, list(labels.values()))
    return PreparedAudioSet(
        manifest=manifest,
        labels=list(labels.values()),
        folds=list(availability.used),
        state=_state(is_demonstration(folder), complete=len(clips) == len(listed)),
        clips=availability.used,
        expected_clips=len(listed),
        positives=availability.positives,
        problems=availability.problems,
        report=report,
        warnings=warnings,
    )


def _cut_to_segments(
    listed: Mapping[str, AudioSetSegment],
    files: Mapping[str, AudioFile],
    packed: Mapping[str, PackedClip],
    sample_rate: int,
) -> tuple[dict[str, PackedClip], dict[str, dict[str, Any]]]:
    """Give where each clip's segment is, and the clips that are shorter or longer than it."""
    clips: dict[str, PackedClip] = {}
    odd: dict[str, dict[str, Any]] = {}
    for name, clip in packed.items():
        segment, file = listed[name], files[name]
        wanted, there = segment.end - segment.start, clip.samples / sample_rate
        clips[name] = clip
        if there < wanted - SHORTER:
            odd[name] = {"is": "shorter"}
        elif there > wanted + LONGER:
            whole = file.fit is NameMatch.VIDEO and there >= segment.end - SHORTER
            skipped = round(segment.start * sample_rate) if whole else 0
            samples = min(round(wanted * sample_rate), clip.samples - skipped)
            clips[name] = PackedClip(clip.file, clip.start + skipped, samples)
            odd[name] = {"is": "longer", "used_from": segment.start if whole else 0.0}
        if name in odd:
            odd[name] |= {"seconds": round(there, 3), "segment": wanted, "file": file.path}
    return clips, odd


def _write_manifest(
    path: Path,
    clips: Mapping[str, PackedClip],
    listed: Mapping[str, AudioSetSegment],
    labels: list[str],
) -> None:
    """Write a line a clip: two million of them as one text would fill the memory."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("{")
        for number, (name, clip) in enumerate(clips.items()):
            names = [labels[place] for place in listed[name].classes]
            entry = {**clip._asdict(), "labels": names, "fold": listed[name].fold}
            text = json.dumps(entry, ensure_ascii=False)
            file.write(f"{',' if number else ''}\n{json.dumps(name)}: {text}")
        file.write("\n}\n")


def _state(demonstration: bool, complete: bool) -> str:
    if demonstration:
        return "demonstration"
    return "complete" if complete else "partial"


def _default_prepared_folder(folder: Path, audio: Path) -> Path:
    places = f"{folder.resolve()} {audio.resolve()}"
    return (
        Path("data/prepared") / f"{folder.name}-{hashlib.sha256(places.encode()).hexdigest()[:8]}"
    )
