"""Finds the files of AudioSet's segments, however the common downloaders name them.

A name is `Y<id>` or `<id>`, then nothing, `_<start>`, `_<start>_<end>` or `_<start>-<end>`, with
times in seconds or milliseconds, padded with zeros or not. The file may lie in any subfolder. Ids
hold `-` and `_` and may begin with either, so a name is read from its right end and what is left
must be an id that is wanted. Several files for one segment: the most telling name wins (see
`NameMatch`), then the earlier format of `READABLE`, then the path that sorts first.

A name without a start says nothing of which segment it is when the lists have several of that
video; such a file is left alone.
"""

import enum
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aed_plugins.data.datasets.audioset.lists import AudioSetSegment

READABLE = ("wav", "flac", "ogg", "opus", "mp3")  # libsndfile reads them; without loss first
UNREADABLE = ("m4a", "webm", "mp4", "mkv", "aac", "wma")  # libsndfile does not
TOLERANCE = 0.0006  # seconds: less than a millisecond, or 1 s would be taken for 1 ms and for 0

_ORDER = {suffix: rank for rank, suffix in enumerate(READABLE + UNREADABLE)}
_NUMBER = r"\d+(?:\.\d+)?"
_FORMS = (  # the longest id first
    re.compile("(?P<video>.+)"),
    re.compile(f"(?P<video>.+)_(?P<start>{_NUMBER})"),
    re.compile(f"(?P<video>.+)_(?P<start>{_NUMBER})[_-](?P<end>{_NUMBER})"),
)


class NameMatch(enum.IntEnum):
    """How much a file's name says of its segment, the most telling first."""

    START_AND_END = 0
    START = 1
    START_AND_ANOTHER_END = 2
    WHOLE_SECONDS = 3  # the start without its fraction
    VIDEO = 4  # the id alone


class AudioFile(NamedTuple):
    """A segment's file; files are preferred in the order of these fields."""

    fit: NameMatch
    format: int
    path: str


@dataclass
class FoundFiles:
    """What a search found: files by clip id, and the names of files that are left alone."""

    files: dict[str, AudioFile] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)  # libsndfile cannot, by clip id
    ambiguous: list[str] = field(default_factory=list)  # an id with several segments, no start
    seen: int = 0  # files with an ending of audio


def find_clips(folder: str | Path, segments: Mapping[str, AudioSetSegment]) -> FoundFiles:
    """Find the files of segments below a folder; the tree is walked once.

    Parameters
    ----------
    folder : str or Path
        Where the clips are, in whatever subfolders.
    segments : mapping of str to AudioSetSegment
        The segments that are wanted, by clip id.
    """
    wanted: dict[str, list[AudioSetSegment]] = {}
    for segment in segments.values():
        wanted.setdefault(segment.video, []).append(segment)
    found = FoundFiles()
    best: dict[str, AudioFile] = {}
    for path in _audio_files(folder):
        found.seen += 1
        stem, suffix = os.path.splitext(os.path.basename(path))  # noqa: PTH119, PTH122  of millions
        match = match_name(stem, wanted)
        if match is None:
            continue
        one, fit = match
        if one is None:
            found.ambiguous.append(path)
            continue
        file = AudioFile(fit, _ORDER[suffix[1:].lower()], path)
        best[one.clip] = min(file, best.get(one.clip, file), key=_preference)
    for clip, file in best.items():
        if file.format < len(READABLE):
            found.files[clip] = file
        else:
            found.unreadable[clip] = file.path
    found.ambiguous.sort()
    return found


def match_name(
    stem: str, wanted: Mapping[str, list[AudioSetSegment]]
) -> tuple[AudioSetSegment | None, NameMatch] | None:
    """Say which wanted segment a file's name means.

    Parameters
    ----------
    stem : str
        The name without its ending.
    wanted : mapping of str to list of AudioSetSegment
        The segments, by video.

    Returns
    -------
    tuple of AudioSetSegment and NameMatch, or None
        None for a file of no wanted segment; no segment where the name leaves open which one.

    Examples
    --------
    >>> segment = AudioSetSegment("--PJ_30_40x", 30.0, 40.0, (0,), "eval", "eval")
    >>> wanted = {"--PJ_30_40x": [segment]}
    >>> match_name("Y--PJ_30_40x_30.000_40.000", wanted) == (segment, NameMatch.START_AND_END)
    True
    >>> match_name("--PJ_30_40x_30000", wanted) == (segment, NameMatch.START)
    True
    >>> match_name("--PJ_30_40x_50", wanted) is None
    True
    """
    for video, start, end in _readings(stem):
        if video not in wanted:
            continue
        if start is None:
            one = wanted[video]
            return (one[0] if len(one) == 1 else None), NameMatch.VIDEO
        fits = [(_fit(segment, start, end), segment) for segment in wanted[video]]
        fitting = [(fit, segment) for fit, segment in fits if fit is not None]
        if fitting:
            fit, segment = min(fitting)
            return segment, fit
    return None


def _readings(stem: str) -> Iterator[tuple[str, float | None, float | None]]:
    """Give each video, start and end that a name can be read as."""
    for form in _FORMS:
        match = form.fullmatch(stem)
        if match is None:
            continue
        parts = match.groupdict()
        times = [None if (t := parts.get(key)) is None else float(t) for key in ("start", "end")]
        yield parts["video"], times[0], times[1]
        if parts["video"].startswith("Y"):
            yield parts["video"][1:], times[0], times[1]


def _fit(segment: AudioSetSegment, start: float, end: float | None) -> NameMatch | None:
    fits = [_fit_in(segment, start, end, unit) for unit in (1, 1000)]  # seconds, milliseconds
    if any(fit is not None for fit in fits):
        return min(fit for fit in fits if fit is not None)
    whole = start in {int(segment.start), round(segment.start)}
    return NameMatch.WHOLE_SECONDS if whole else None


def _fit_in(
    segment: AudioSetSegment, start: float, end: float | None, unit: int
) -> NameMatch | None:
    if abs(start / unit - segment.start) > TOLERANCE:
        return None
    if end is None:
        return NameMatch.START
    same = abs(end / unit - segment.end) <= TOLERANCE
    return NameMatch.START_AND_END if same else NameMatch.START_AND_ANOTHER_END


def _preference(file: AudioFile) -> tuple[bool, AudioFile]:
    return file.format >= len(READABLE), file


def _audio_files(folder: str | Path) -> Iterator[str]:
    """Walk a tree once, also through links to folders, each folder once."""
    left, been = [str(folder)], set()
    while left:
        here = left.pop()
        real = os.path.realpath(here)
        if real in been:
            continue
        been.add(real)
        with os.scandir(here) as entries:
            for entry in _visible(entries):
                if entry.is_dir():
                    left.append(entry.path)
                elif entry.name.rpartition(".")[2].lower() in _ORDER:
                    yield entry.path


def _visible(entries: Iterable["os.DirEntry[str]"]) -> Iterator["os.DirEntry[str]"]:
    return (entry for entry in entries if not entry.name.startswith("."))
