"""Read and write STM: transcripts with speakers and times (NIST's segment time mark files).

Source: NIST's Scoring Toolkit, sclite's documentation of the STM format. A line is `talk channel
speaker start end [<condition>] words...`; comments begin with `;;`.
"""

import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from aed_plugins.core import InputError, atomic_write
from asr.formats.lines import (
    format_number,
    join_fields,
    read_fields,
    read_span,
)

IGNORED = "ignore_time_segment_in_scoring"

# Seconds. Releases give hundredths, and each end of a line was rounded for itself: neighbours may
# seem to overlap by one of them, and a float may be a little off.
OVERLAP_TOLERANCE = 0.01 + 1e-6


class StmSegment(NamedTuple):
    """A line of an STM file.

    Attributes
    ----------
    talk, channel, speaker : str
        Without spaces.
    onset, offset : float
        Seconds; `0 <= onset < offset`.
    condition : str
        Such as `<o,f0,male>`; empty where there is none.
    words : tuple of str
        The transcript.
    """

    talk: str
    channel: str
    speaker: str
    onset: float
    offset: float
    condition: str
    words: tuple[str, ...]

    @property
    def is_ignored(self) -> bool:
        """Whether scoring leaves this stretch out."""
        return self.words == (IGNORED,)


def read_stm(path: str | Path) -> list[StmSegment]:
    r"""Read an STM file.

    Parameters
    ----------
    path : str or Path
        In UTF-8. As in sclite, a sixth field in angle brackets is the condition, and `<>` is none.

    Returns
    -------
    list of StmSegment
        In the order of the file; words and conditions as they stand there.

    Raises
    ------
    InputError
        If the file cannot be read, a line has fewer than six fields (an empty transcript needs a
        condition), an end does not come after its start, or two segments of a talk and channel
        overlap by more than a hundredth of a second. The message names the line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "AlGore.stm"
    >>> _ = path.write_text("AlGore 1 AlGore 17.82 28.81 <F0_M> and i 'm serious\n")
    >>> read_stm(path)[0][3:]
    (17.82, 28.81, '<F0_M>', ('and', 'i', "'m", 'serious'))
    """
    places, segments = [], []
    for place, fields in read_fields(path):
        places.append(place)
        segments.append(_segment(fields, place))
    _check_overlaps(places, segments)
    return segments


def format_stm(segments: Iterable[StmSegment]) -> str:
    r"""Return the content of an STM file.

    Parameters
    ----------
    segments : iterable of StmSegment
        In any order; they are sorted by talk, channel and onset, as sclite needs them.

    Returns
    -------
    str
        Whole lines, each ended by a line feed.

    Raises
    ------
    InputError
        If a name or a word is empty or has white space.

    Examples
    --------
    >>> format_stm([StmSegment("AlGore", "A", "AlGore", 1.0, 2.5, "", ("thank", "you"))])
    'AlGore A AlGore 1.00 2.50 thank you\n'
    """
    return "".join(map(_line, sorted(segments, key=_place_in_time)))


def write_stm(path: str | Path, segments: Iterable[StmSegment]) -> None:
    """Write an STM file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to write. Missing folders are made.
    segments : iterable of StmSegment
        As `format_stm` takes them.
    """
    text = format_stm(segments)
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def _segment(fields: list[str], where: str) -> StmSegment:
    if len(fields) < 6:
        raise InputError(
            f"{where}: expected talk, channel, speaker, start, end and a condition or words,"
            f" got {len(fields)} fields: {' '.join(fields)[:60]!r}; complete the line"
        )
    talk, channel, speaker, start, end, *words = fields
    onset, offset = read_span((start, end), where)
    condition = words.pop(0) if _is_condition(words[0]) else ""
    condition = "" if condition == "<>" else condition
    # Each word of a release is stored once, which halves the memory of its two million words.
    interned = tuple(map(sys.intern, words))
    return StmSegment(talk, channel, speaker, onset, offset, condition, interned)


def _is_condition(field: str) -> bool:
    return field.startswith("<") and field.endswith(">")


def _line(segment: StmSegment) -> str:
    talk, channel, speaker, onset, offset, condition, words = segment
    if not condition and (not words or _is_condition(words[0])):
        condition = "<>"  # the line would be incomplete, or its first word be the condition
    label = (condition,) if condition else ()
    times = format_number(onset), format_number(offset)
    return join_fields((talk, channel, speaker, *times, *label, *words))


def _place_in_time(segment: StmSegment) -> tuple[str, str, float, float]:
    return segment.talk, segment.channel, segment.onset, segment.offset


def _check_overlaps(places: Sequence[str], segments: Sequence[StmSegment]) -> None:
    """Refuse segments that overlap; comparing neighbours finds the first overlap, if any."""
    order = sorted(range(len(segments)), key=lambda index: _place_in_time(segments[index]))
    for before, after in pairwise(order):
        one, other = segments[before], segments[after]
        same = one[:2] == other[:2]
        if same and one.offset - other.onset > OVERLAP_TOLERANCE:
            raise InputError(
                f"{places[after]}: expected segments that do not overlap, got"
                f" {other.onset} to {other.offset} and {one.onset} to {one.offset}"
                f" of {places[before]}; correct the times"
            )
