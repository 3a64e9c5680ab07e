"""Which stretches of a talk are recognised: as a person, a rule or a tagger says.

Each function gives `SpeechSegment`s; `Shaping` makes them fit for a recogniser. Human segments,
chunks and whole talks are used as they are.
"""

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from aed_plugins.core import Event, InputError
from asr.formats.stm import StmSegment
from asr.segmentation.segments import SpeechSegment


def human_segments(stm: Iterable[StmSegment]) -> list[SpeechSegment]:
    """Take the stretches that a person marked, without those that scoring leaves out.

    Parameters
    ----------
    stm : iterable of StmSegment
        Of any number of talks, in any order.

    Returns
    -------
    list of SpeechSegment
        By talk and onset.

    Examples
    --------
    >>> said = StmSegment("AlGore_2009", "1", "AlGore_2009", 17.82, 28.81, "", ("thank", "you"))
    >>> human_segments([said])
    [SpeechSegment(talk='AlGore_2009', onset=17.82, offset=28.81)]
    """
    return sorted(
        SpeechSegment(line.talk, line.onset, line.offset) for line in stm if not line.is_ignored
    )


def whole_talks(durations: Mapping[str, float]) -> list[SpeechSegment]:
    """Take every talk from its start to its end.

    Parameters
    ----------
    durations : mapping of str to float
        Talks and their seconds.

    Examples
    --------
    >>> whole_talks({"AlGore_2009": 978.5})
    [SpeechSegment(talk='AlGore_2009', onset=0.0, offset=978.5)]
    """
    return [SpeechSegment(talk, 0.0, seconds) for talk, seconds in sorted(durations.items())]


def fixed_chunks(durations: Mapping[str, float], length: float) -> list[SpeechSegment]:
    """Divide every talk into equal chunks, as few as a greatest length allows.

    Equal ones, so that no sliver is left at the end.

    Parameters
    ----------
    durations : mapping of str to float
        Talks and their seconds.
    length : float
        Seconds that no chunk exceeds; above 0.

    Raises
    ------
    InputError
        If the length is not above 0.

    Examples
    --------
    >>> [chunk.offset for chunk in fixed_chunks({"AlGore_2009": 25.0}, 10.0)]
    [8.333333333333334, 16.666666666666668, 25.0]
    """
    if not length > 0:
        raise InputError(f"expected a chunk length above 0 seconds, got {length}")
    return [part for talk in whole_talks(durations) for part in _equal_parts(talk, length)]


def speech_from_events(
    talk: str, events: Iterable[Event], speech_labels: Collection[str], duration: float
) -> list[SpeechSegment]:
    """Take the stretches in which a tagger heard a kind of speech.

    Parameters
    ----------
    talk : str
        The talk.
    events : iterable of Event
        What was heard when, in any order, such as those of `PretrainedTagger.timeline_file`.
    speech_labels : collection of str
        Which labels count as speech. Where events of several of them overlap or touch, they become
        one segment.
    duration : float
        Seconds of the talk; nothing is taken from beyond.

    Returns
    -------
    list of SpeechSegment
        Sorted and apart from one another; an event without length makes none.

    Raises
    ------
    InputError
        If no label counts as speech, or a single text is given in place of a collection.

    Examples
    --------
    >>> heard = [Event("Speech", 1.0, 4.0), Event("Cough", 4.0, 4.5), Event("Narration", 3.0, 6.0)]
    >>> speech_from_events("AlGore_2009", heard, {"Speech", "Narration"}, duration=60.0)
    [SpeechSegment(talk='AlGore_2009', onset=1.0, offset=6.0)]
    """
    if isinstance(speech_labels, str) or not speech_labels:
        raise InputError(
            f"expected a list of labels that count as speech, got {speech_labels!r}; name at least "
            "one of the tagger's labels, such as [Speech]"
        )
    heard = (
        SpeechSegment(talk, event.onset, event.offset)
        for event in events
        if event.label in speech_labels
    )
    return _united(_inside(heard, duration), gap=0.0)


@dataclass(frozen=True)
class Shaping:
    """How segments that a machine found are made fit for a recogniser.

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
        If a figure is below 0, or the longest is not above the shortest.
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

    def shaped(self, segments: Iterable[SpeechSegment], duration: float) -> list[SpeechSegment]:
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
        >>> Shaping(padding=0.25, merge_gap=0.0).shaped(found, duration=6.0)
        [SpeechSegment(talk='a', onset=0.75, offset=2.15),
         SpeechSegment(talk='a', onset=2.15, offset=6.0)]
        """
        found = _united(_inside(segments, duration), self.merge_gap)
        if len({segment.talk for segment in found}) > 1:
            raise ValueError(
                "expected segments of one talk, got those of several; shape each apart"
            )
        kept = [segment for segment in found if segment.duration >= self.shortest]
        padded = _padded(kept, self.padding, duration)
        return [part for segment in padded for part in _equal_parts(segment, self.longest)]


def _inside(segments: Iterable[SpeechSegment], duration: float) -> list[SpeechSegment]:
    """Cut off what is beyond a talk's end, and leave out what has no length."""
    cut = (segment._replace(offset=min(segment.offset, duration)) for segment in segments)
    return [segment for segment in cut if segment.onset < segment.offset]


def _united(segments: Iterable[SpeechSegment], gap: float) -> list[SpeechSegment]:
    united: list[SpeechSegment] = []
    for segment in sorted(segments):
        last = united[-1] if united else None
        if last and last.talk == segment.talk and segment.onset - last.offset <= gap:
            united[-1] = last._replace(offset=max(last.offset, segment.offset))
        else:
            united.append(segment)
    return united


def _padded(
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


def _equal_parts(segment: SpeechSegment, longest: float) -> list[SpeechSegment]:
    count = math.ceil(segment.duration / longest)
    edges = [segment.onset + segment.duration * part / count for part in range(count)]
    edges.append(segment.offset)
    return [
        segment._replace(onset=onset, offset=offset) for onset, offset in itertools.pairwise(edges)
    ]
