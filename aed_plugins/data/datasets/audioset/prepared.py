"""AudioSet as it is prepared: counts, segments cut out of their files, and the manifest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aed_plugins.core import atomic_write
from aed_plugins.data.datasets.audioset.clips import AudioFile, NameMatch
from aed_plugins.data.datasets.audioset.lists import AudioSetSegment
from aed_plugins.data.packing import PackedClip
from aed_plugins.data.preparation import PreparedData
from aed_plugins.data.shard_index import ShardIndex

SHORTER = 0.5  # seconds by which a clip may differ from its segment before it is listed
LONGER = 1.0


@dataclass(frozen=True)
class PreparedAudioSet(PreparedData):
    """What a preparation of AudioSet found.

    Attributes
    ----------
    clips_by_fold : dict of str to int
        Usable clips of each fold: `train`, `valid` and `eval`.
    positives : dict
        By class, and by fold, how many usable clips have it.
    problems : dict of str to int
        How many clips are missing, unreadable, bad, shorter or longer than their segments.
    report : str
        `missing-<tag>.json`, which names these clips, and counts them by list and class; the tag is
        the manifest's.
    warnings : list of str
        What a user should know, one line each.
    """

    clips_by_fold: dict[str, int] = field(default_factory=dict)
    positives: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)
    report: str = ""
    warnings: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return what is written of the data in the results; the report has clips by name."""
        summary = super().summary() | {"bad_clips": self.problems["bad"]}
        by_name = ("rows_without_file", "files_without_row", "skipped_clips")
        return {key: value for key, value in summary.items() if key not in by_name}


def count_streamed_clips(data: PreparedAudioSet, shards: ShardIndex) -> PreparedAudioSet:
    """Count the training clips in the shards, not those that may be here besides.

    Parameters
    ----------
    data : PreparedAudioSet
        What is here.
    shards : ShardIndex
        What is streamed.
    """
    train = shards.folds.get("train", {"clips": 0, "positives": {}})
    by_fold = {"train": train["clips"]}
    by_fold |= {fold: count for fold, count in data.clips_by_fold.items() if fold != "train"}
    positives = {
        label: counts | {"train": train["positives"].get(label, 0)}
        for label, counts in data.positives.items()
    }
    clips = sum(by_fold.values())
    whole = "complete" if clips == data.expected_clips else "partial"
    state = data.state if data.state == "demonstration" else whole
    return replace(
        data, clips=clips, clips_by_fold=by_fold, positives=positives, state=state,
        folds=list(by_fold),
    )  # fmt: skip


def cut_to_segments(
    listed: Mapping[str, AudioSetSegment],
    files: Mapping[str, AudioFile],
    packed: Mapping[str, PackedClip],
    sample_rate: int,
) -> tuple[dict[str, PackedClip], dict[str, dict[str, Any]]]:
    """Return where each clip's segment is, and the clips that are shorter or longer than it.

    Parameters
    ----------
    listed : mapping of str to AudioSetSegment
        The segments, by clip id.
    files : mapping of str to AudioFile
        Their files.
    packed : mapping of str to PackedClip
        The decoded files.
    sample_rate : int
        In hertz.
    """
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


def write_segments(
    path: Path,
    clips: Mapping[str, PackedClip],
    listed: Mapping[str, AudioSetSegment],
    labels: list[str],
) -> None:
    """Write the manifest, a line a clip: two million of them as one text would fill the memory.

    Parameters
    ----------
    path : Path
        The JSON file.
    clips : mapping of str to PackedClip
        Where each clip is.
    listed : mapping of str to AudioSetSegment
        The segments, by clip id.
    labels : list of str
        The chosen classes.
    """
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("{")
        for number, (name, clip) in enumerate(clips.items()):
            names = [labels[place] for place in listed[name].classes]
            entry = {**clip._asdict(), "labels": names, "fold": listed[name].fold}
            text = json.dumps(entry, ensure_ascii=False)
            file.write(f"{',' if number else ''}\n{json.dumps(name)}: {text}")
        file.write("\n}\n")
