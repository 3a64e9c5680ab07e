"""Segments of talks, and the RTTM files that list them."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aed_plugins.annotations import format_timeline, read_timelines
from aed_plugins.core import Event, InputError, Timeline


class SpeechSegment(NamedTuple):
    """A stretch of a talk that is to be recognized.

    Attributes
    ----------
    talk : str
        The talk's name, as in STM and CTM files.
    onset, offset : float
        Seconds from the talk's start; `0 <= onset < offset`.
    """

    talk: str
    onset: float
    offset: float

    @property
    def duration(self) -> float:
        """Seconds from onset to offset."""
        return self.offset - self.onset

    @property
    def name(self) -> str:
        """The utterance's name in Kaldi's manner: talk, start and end in hundredths of a second.

        Examples
        --------
        >>> SpeechSegment("AlGore_2009", 17.82, 28.81).name
        'AlGore_2009-0001782-0002881'
        """
        return f"{self.talk}-{round(100 * self.onset):07d}-{round(100 * self.offset):07d}"


def format_rttm(segments: Iterable[SpeechSegment]) -> str:
    r"""Return the content of an RTTM file of speech segments.

    Parameters
    ----------
    segments : iterable of SpeechSegment
        Of any talks, in any order; they are sorted. Times are rounded to a microsecond.

    Returns
    -------
    str
        Whole lines, each ended by a line feed.

    Examples
    --------
    >>> format_rttm([SpeechSegment("AlGore_2009", 17.82, 28.81)])
    'SPEAKER AlGore_2009 1 17.820000 10.990000 <NA> <NA> speech <NA> <NA>\n'
    """
    talks = defaultdict(list)
    for talk, onset, offset in sorted(segments):
        talks[talk].append(Event("speech", onset, offset))
    # A recording's suffix is left out there, and a talk's name may have a dot in it.
    return "".join(
        format_timeline(Timeline(tuple(events), f"{talk}.sph"), "rttm")
        for talk, events in talks.items()
    )


def read_rttm(path: str | Path) -> list[SpeechSegment]:
    """Read speech segments from an RTTM file.

    Parameters
    ----------
    path : str or Path
        A file such as `format_rttm` gives, or of a diarization program: each turn of
        any speaker is a segment.

    Returns
    -------
    list of SpeechSegment
        By talk and onset.

    Raises
    ------
    InputError
        If the file cannot be read, a line is malformed (the message names it), or a segment has no
        length.
    """
    segments = [
        SpeechSegment(talk, event.onset, event.offset)
        for talk, timeline in read_timelines(path, "rttm").items()
        for event in timeline.events
    ]
    for segment in segments:
        if not segment.duration > 0:
            raise InputError(
                f"{path}: expected segments that last, got one of 0 s at {segment.onset} s of"
                f" {segment.talk}; leave it out"
            )
    return sorted(segments)
