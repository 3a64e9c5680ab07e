"""Make segments that a detector found fit for a recognizer: merge, pad, divide."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aed_plugins.core import InputError
from asr.formats.segments import SpeechSegment


@dataclass(frozen=True)
class SegmentShaping:
    """Makes the segments of a detector fit for a recognizer.

    Source: the order of the steps and the defaults follow Kaldi's
    `steps/segmentation/detect_speech_activity.sh`: its `segment_padding`, and in its `graph_opts`
    the shortest silence and the shortest and longest speech. Kaldi pads a segment up to its
    neighbour, which leaves the earlier one the whole gap; here each gets half.

    Parameters
    ----------
    padding : float
        Seconds that are added on both sides, so that no word loses its edge.
    merge_gap : float
        Seconds; segments that are no further apart become one.
    shortest : float
        Seconds, before padding; shorter segments are left out.
    longest : float
        Seconds, after padding; longer segments are divided into equal parts, wherever that cuts.

    Raises
    ------
    InputError
        If a value is below 0, or the longest is not above the shortest.
    """

    padding: float = 0.2
    merge_gap: float = 0.03
    shortest: float = 0.3
    longest: float = 10.0

    def __post_init__(self) -> None:
        lengths = (self.padding, self.merge_gap, self.shortest)
        if not all(0 <= length < math.inf for length in lengths):
            raise InputError(
                f"expected padding, merge_gap and shortest to be seconds from 0 up, got {lengths}"
            )
        if not self.longest > self.shortest:
            raise InputError(
                f"expected longest to be above shortest, {self.shortest} s, got {self.longest}"
            )

    def apply(self, segments: Iterable[SpeechSegment], duration: float) -> list[SpeechSegment]:
        """Shape the segments of one talk, in this order.

        1. What is beyond the talk's end is cut off; segments that overlap or touch are united.
        2. Segments with a gap of at most `merge_gap` between them are merged.
        3. Those shorter than `shortest` are left out.
        4. Both sides are padded, within the talk, and up to the middle of the gap to a neighbour.
        5. Those longer than `longest` are divided into equal parts.

        Parameters
        ----------
        segments : iterable of SpeechSegment
            Of one talk, in any order.
        duration : float
            The talk's seconds.

        Returns
        -------
        list of SpeechSegment
            Sorted, none of them overlapping another.

        Raises
        ------
        ValueError
            If they are of several talks.

        Examples
        --------
        >>> found = [SpeechSegment("a", 1.0, 2.0), SpeechSegment("a", 2.3, 6.0)]
        >>> SegmentShaping(padding=0.25, merge_gap=0.0).apply(found, duration=6.0)
        [SpeechSegment(talk='a', onset=0.75, offset=2.15),
         SpeechSegment(talk='a', onset=2.15, offset=6.0)]
        """
        found = merge_segments(cut_to_talk(segments, duration), self.merge_gap)
        if len({segment.talk for segment in found}) > 1:
            raise ValueError(
                "expected segments of one talk, got those of several; shape each talk alone"
            )
        long_enough = [segment for segment in found if segment.duration >= self.shortest]
        padded = _pad_segments(long_enough, self.padding, duration)
        return [part for segment in padded for part in split_equally(segment, self.longest)]


def cut_to_talk(segments: Iterable[SpeechSegment], duration: float) -> list[SpeechSegment]:
    """Cut off what is beyond a talk's end, and leave out what has no length.

    Parameters
    ----------
    segments : iterable of SpeechSegment
        Of one talk, in any order.
    duration : float
        The talk's seconds.
    """
    cut = (segment._replace(offset=min(segment.offset, duration)) for segment in segments)
    return [segment for segment in cut if segment.onset < segment.offset]


def merge_segments(segments: Iterable[SpeechSegment], gap: float) -> list[SpeechSegment]:
    """Merge segments that overlap, touch or have a short gap between them.

    Parameters
    ----------
    segments : iterable of SpeechSegment
        Of any talks, in any order.
    gap : float
        Seconds: the longest gap that is closed.

    Returns
    -------
    list of SpeechSegment
        Sorted.
    """
    united: list[SpeechSegment] = []
    for segment in sorted(segments):
        last = united[-1] if united else None
        if last and last.talk == segment.talk and segment.onset - last.offset <= gap:
            united[-1] = last._replace(offset=max(last.offset, segment.offset))
        else:
            united.append(segment)
    return united


def _pad_segments(
    segments: Sequence[SpeechSegment], padding: float, duration: float
) -> list[SpeechSegment]:
    """Pad sorted segments of one talk that do not overlap."""
    middles = [(before.offset + after.onset) / 2 for before, after in itertools.pairwise(segments)]
    starts, ends = [0.0, *middles], [*middles, duration]
    return [
        segment._replace(
            onset=max(segment.onset - padding, start), offset=min(segment.offset + padding, end)
        )
        for segment, start, end in zip(segments, starts, ends, strict=False)
    ]


def split_equally(segment: SpeechSegment, longest: float) -> list[SpeechSegment]:
    """Divide a segment into equal parts, as few as a greatest length allows.

    Parameters
    ----------
    segment : SpeechSegment
        What to divide.
    longest : float
        Seconds that no part exceeds.
    """
    count = math.ceil(segment.duration / longest)
    edges = [segment.onset + segment.duration * part / count for part in range(count)]
    edges.append(segment.offset)
    return [
        segment._replace(onset=onset, offset=offset) for onset, offset in itertools.pairwise(edges)
    ]
