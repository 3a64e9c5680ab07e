"""Segments of talks: from the transcript, by rules, or from a tagger's events.

Segments of the transcript, chunks and whole talks are used as they are; those of a detector are
shaped (see `shaping.SegmentShaping`).
"""

from collections.abc import Collection, Iterable, Mapping

from aed_plugins.core import Event, InputError
from asr.formats.segments import SpeechSegment
from asr.formats.stm import StmSegment
from asr.segmentation.shaping import cut_to_talk, merge_segments, split_equally


def segment_by_transcript(stm: Iterable[StmSegment]) -> list[SpeechSegment]:
    """Return the segments of a transcript, without those that scoring ignores.

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
    >>> line = StmSegment("AlGore_2009", "1", "AlGore_2009", 17.82, 28.81, "", ("thank", "you"))
    >>> segment_by_transcript([line])
    [SpeechSegment(talk='AlGore_2009', onset=17.82, offset=28.81)]
    """
    return sorted(
        SpeechSegment(line.talk, line.onset, line.offset) for line in stm if not line.is_ignored
    )


def segment_whole_talks(durations: Mapping[str, float]) -> list[SpeechSegment]:
    """Return every talk as one segment.

    Parameters
    ----------
    durations : mapping of str to float
        Talks and their seconds.

    Examples
    --------
    >>> segment_whole_talks({"AlGore_2009": 978.5})
    [SpeechSegment(talk='AlGore_2009', onset=0.0, offset=978.5)]
    """
    return [SpeechSegment(talk, 0.0, seconds) for talk, seconds in sorted(durations.items())]


def segment_into_chunks(durations: Mapping[str, float], length: float) -> list[SpeechSegment]:
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
    >>> [chunk.offset for chunk in segment_into_chunks({"AlGore_2009": 25.0}, 10.0)]
    [8.333333333333334, 16.666666666666668, 25.0]
    """
    if not length > 0:
        raise InputError(f"expected a chunk length above 0 seconds, got {length}")
    return [part for talk in segment_whole_talks(durations) for part in split_equally(talk, length)]


def segment_by_events(
    talk: str, events: Iterable[Event], speech_labels: Collection[str], duration: float
) -> list[SpeechSegment]:
    """Return the stretches in which a tagger detected a kind of speech.

    Parameters
    ----------
    talk : str
        The talk.
    events : iterable of Event
        The detected events, in any order, such as those of `PretrainedTagger.timeline`.
    speech_labels : collection of str
        Which labels count as speech. Where events of several of them overlap or touch, they become
        one segment.
    duration : float
        Seconds of the talk; what is beyond is cut off.

    Returns
    -------
    list of SpeechSegment
        Sorted and apart from one another; an event without length makes none.

    Raises
    ------
    InputError
        If no label counts as speech, or a single text is given instead of a collection.

    Examples
    --------
    >>> events = [Event("Speech", 1.0, 4.0), Event("Cough", 4.0, 5.0), Event("Narration", 3.0, 6.0)]
    >>> segment_by_events("AlGore_2009", events, {"Speech", "Narration"}, duration=60.0)
    [SpeechSegment(talk='AlGore_2009', onset=1.0, offset=6.0)]
    """
    if isinstance(speech_labels, str) or not speech_labels:
        raise InputError(
            f"expected a list of labels that count as speech, got {speech_labels!r}; name at least "
            "one of the tagger's labels, such as [Speech]"
        )
    speech = (
        SpeechSegment(talk, event.onset, event.offset)
        for event in events
        if event.label in speech_labels
    )
    return merge_segments(cut_to_talk(speech, duration), gap=0.0)
