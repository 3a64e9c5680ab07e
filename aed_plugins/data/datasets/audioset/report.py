"""What became of AudioSet's segments: counts by list and class, and what is lacking by name."""

import json
import shlex
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError, first_few, write_json
from aed_plugins.data.datasets.audioset.clips import READABLE, UNREADABLE, FoundFiles
from aed_plugins.data.datasets.audioset.lists import FOLDS, AudioSetSegment
from aed_plugins.data.packing import PackingResult

NO_VALIDATION = "; for no validation give --valid_fraction=0 and no --valid_segments"
OUTCOMES = ("used", "missing", "unreadable", "bad")


class AvailabilityReport:
    """Counts the clips that can be used and those that cannot.

    Parameters
    ----------
    listed : mapping of str to AudioSetSegment
        The segments that are wanted, by clip id.
    found : FoundFiles
        Their files.
    packed : Packed
        What could be decoded of them.
    odd : mapping of str to dict
        The clips that are shorter or longer than their segments.
    labels : list of str
        The chosen classes.

    Attributes
    ----------
    used : dict of str to int
        Usable clips of each fold that has any.
    positives : dict
        By class and by each of these folds, how many usable clips have it.
    problems : dict of str to int
        How many clips are missing, unreadable, bad, shorter, longer.
    """

    def __init__(
        self,
        listed: Mapping[str, AudioSetSegment],
        found: FoundFiles,
        packed: PackingResult,
        odd: Mapping[str, dict[str, Any]],
        labels: list[str],
    ) -> None:
        self.listed, self.found, self.packed, self.odd = listed, found, packed, odd
        self.labels = labels
        self.outcomes: dict[str, list[str]] = {outcome: [] for outcome in OUTCOMES}
        for clip in listed:
            self.outcomes[self._outcome(clip)].append(clip)
        usable = [listed[clip] for clip in self.outcomes["used"]]
        count = Counter(segment.fold for segment in usable)
        self.used = {fold: count[fold] for fold in FOLDS if count[fold]}
        having = Counter((place, segment.fold) for segment in usable for place in segment.classes)
        self.positives = {
            label: {fold: having[place, fold] for fold in self.used}
            for place, label in enumerate(labels)
        }
        kinds = Counter(item["is"] for item in odd.values())
        self.problems = {outcome: len(self.outcomes[outcome]) for outcome in OUTCOMES[1:]}
        self.problems |= {kind: kinds[kind] for kind in ("shorter", "longer")}

    def write(self, path: Path, counted: Mapping[str, list[str]]) -> None:
        """Write the report.

        Parameters
        ----------
        path : Path
            The JSON file.
        counted : mapping of str to list of str
            For each class, the other labels that count for it.
        """
        content: dict[str, Any] = {"lists": self._by_list()}
        content["labels_counted"] = counted
        lists: dict[str, list[str]] = {}
        for clip in self.outcomes["missing"]:
            lists.setdefault(self.listed[clip].list_name, []).append(clip)
        content["missing"] = lists
        content["unreadable"] = {
            clip: self.found.unreadable[clip] for clip in self.outcomes["unreadable"]
        }
        content["bad"] = self.packed.bad
        for kind in ("shorter", "longer"):
            content[kind] = {clip: item for clip, item in self.odd.items() if item["is"] == kind}
        content["files_that_could_be_several_segments"] = self.found.ambiguous
        write_json(path, content)

    def check(self, audio: Path, needed: Collection[str]) -> list[str]:
        """Refuse data that nothing can be learned or measured on; warn of lesser things.

        Parameters
        ----------
        audio : Path
            The folder that was searched.
        needed : collection of str
            The folds that must be there.

        Returns
        -------
        list of str
            One line for each thing to know.

        Raises
        ------
        InputError
            If a fold that is needed has no clip, or, but for `valid`, none of a class.
        """
        for fold in needed:
            if fold not in self.used:
                hint = NO_VALIDATION if fold == "valid" else ""
                raise InputError(f"{self._no_clip(audio, fold)}{hint}")
        lacking = {
            fold: [label for label in self.labels if not self.positives[label][fold]]
            for fold in self.used
        }
        for fold in needed:
            if lacking[fold] and fold != "valid":
                raise InputError(self._no_positive(fold, lacking))
        warnings = []
        if lacking.get("valid"):
            named = first_few([repr(label) for label in lacking["valid"]])
            warnings.append(f"no validation clip has {named}: no threshold can be tuned there")
        if self.outcomes["unreadable"]:
            warnings.append(self._unreadable())
        return warnings

    def _outcome(self, clip: str) -> str:
        if clip in self.packed.clips:
            return "used"
        if clip in self.packed.bad:
            return "bad"
        return "unreadable" if clip in self.found.unreadable else "missing"

    def _by_list(self) -> dict[str, Any]:
        """Count what became of each list's segments, and of those of each class."""
        counts: Counter[tuple[str, int | None, str]] = Counter()
        for outcome, clips in self.outcomes.items():
            for clip in clips:
                segment = self.listed[clip]
                counts.update((segment.list_name, place, outcome) for place in segment.classes)
                counts[segment.list_name, None, outcome] += 1

        def of(name: str, place: int | None) -> dict[str, int]:
            each = {outcome: counts[name, place, outcome] for outcome in OUTCOMES}
            return {"listed": sum(each.values()), **each}

        return {
            name: of(name, None)
            | {"classes": {label: of(name, n) for n, label in enumerate(self.labels)}}
            for name in dict.fromkeys(name for name, _, _ in counts)
        }

    def _no_clip(self, audio: Path, fold: str) -> str:
        wanted = [clip for clip, segment in self.listed.items() if segment.fold == fold]
        if not wanted:
            more = " a greater --valid_fraction," if fold == "valid" else ""
            return (
                f"no {fold} segment is left; give another --{fold}_segments,{more} --classes or"
                " --negatives=keep"
            )
        if any(self.listed[clip].fold == fold for clip in self.outcomes["unreadable"]):
            return f"{audio}: {self._unreadable()}"
        video = self.listed[wanted[0]].video
        return (
            f"{audio}: expected clips of the {len(wanted)} {fold} segments, such as Y{video}.wav,"
            f" found none among {self.found.seen} audio files; --audio_folder names their folder"
        )

    def _no_positive(self, fold: str, lacking: Mapping[str, list[str]]) -> str:
        none = lacking[fold]
        places = {self.labels.index(label) for label in none}
        listed = [s for s in self.listed.values() if s.fold == fold]
        count = sum(1 for segment in listed if places & set(segment.classes))
        names = ", ".join(f"{name}.csv" for name in dict.fromkeys(s.list_name for s in listed))
        out = {*lacking.get("train", ()), *lacking["eval"]}
        rest = shlex.quote(json.dumps([label for label in self.labels if label not in out]))
        named = ", ".join(map(repr, none))
        return (
            f"none of the {self.used[fold]} {fold} clips that are there has {named}"
            f" ({names} lists {count}); get such clips, or choose without: --classes={rest}"
        )

    def _unreadable(self) -> str:
        clips = self.outcomes["unreadable"]
        kinds = {self.found.unreadable[clip].rpartition(".")[2].lower() for clip in clips}
        named = ", ".join(kind for kind in UNREADABLE if kind in kinds)
        return (
            f"{len(clips)} clips are {named}, which libsndfile does not read and are left out;"
            f" convert them to {READABLE[1]}, such as with ffmpeg"
        )
