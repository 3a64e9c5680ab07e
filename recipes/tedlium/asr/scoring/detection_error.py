"""Speech detection error: how much speech was missed, how much else was taken for speech.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", section 7.
pyannote.metrics does the sums, which are md-eval's, but for one: md-eval passes over a talk where
the reference has no speech at all. Here what is taken for speech there is a false alarm.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from aed_plugins.core import InputError
from asr.formats.segments import SpeechSegment
from asr.formats.stm import StmSegment
from asr.formats.uem import UemRegion

if TYPE_CHECKING:
    from pyannote.core import Annotation


class DetectionError(NamedTuple):
    """What a segmentation gets wrong.

    Attributes
    ----------
    miss, false_alarm : float
        Shares of the reference's speech that is judged; NaN where there is none.
    error : float
        Their sum.
    seconds : float
        The reference's speech that is judged: within the UEM and outside the collars.
    """

    miss: float
    false_alarm: float
    error: float
    seconds: float


class SegmentationSummary(NamedTuple):
    """How much a segmentation lets a recogniser hear.

    Attributes
    ----------
    segments : int
        How many there are.
    seconds : float
        How long they are together.
    share : float
        Of the audio.
    """

    segments: int
    seconds: float
    share: float


def detection_error(
    reference: Iterable[SpeechSegment],
    hypothesis: Iterable[SpeechSegment],
    uem: Sequence[UemRegion],
    collar: float = 0.0,
) -> DetectionError:
    """Judge which stretches of talks were taken for speech.

    Parameters
    ----------
    reference : iterable of SpeechSegment
        Where people speak, see `segmentation.human_segments`.
    hypothesis : iterable of SpeechSegment
        Where a detector says that they speak. Segments that overlap count once.
    uem : sequence of UemRegion
        What is judged: see `uem_of`. All talks must be there; their channels say nothing.
    collar : float
        Seconds before and after each start and each end in the reference that are not judged, as
        md-eval's `-c`.

    Raises
    ------
    InputError
        If a talk is not in the UEM, the collar is negative, or pyannote.metrics is not installed.

    Examples
    --------
    >>> said = [SpeechSegment("ted", 1.0, 5.0)]
    >>> found = [SpeechSegment("ted", 2.0, 5.5)]  # one second missed, half a second too much
    >>> detection_error(said, found, [UemRegion("ted", "A", 0.0, 9.0)])
    DetectionError(miss=0.25, false_alarm=0.125, error=0.375, seconds=4.0)
    """
    try:
        from pyannote.core import Segment, Timeline  # noqa: PLC0415 - an extra
        from pyannote.metrics.detection import DetectionErrorRate  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "expected pyannote.metrics, which judges the detection of speech; install it: "
            "pip install 'aed-plugins[speech]'"
        ) from error
    if collar < 0:
        raise InputError(f"expected a collar of 0 s or more, got {collar}")
    regions = _by_talk(SpeechSegment(region.talk, region.onset, region.offset) for region in uem)
    said, found = _by_talk(reference), _by_talk(hypothesis)
    if missing := sorted({*said, *found} - {*regions}):
        raise InputError(f"{missing[0]}: expected this talk in the UEM; add what of it is judged")
    metric = DetectionErrorRate(collar=2 * collar)  # pyannote counts both sides together
    parts = [
        metric.compute_components(
            _annotation(said.get(talk, [])),
            _annotation(found.get(talk, [])),
            uem=Timeline([Segment(region.onset, region.offset) for region in judged]),
        )
        for talk, judged in regions.items()
    ]
    seconds, missed, too_much = (
        sum((part[of] for part in parts), 0.0) for of in ("total", "miss", "false alarm")
    )
    if not seconds:
        return DetectionError(float("nan"), float("nan"), float("nan"), 0.0)
    shares = missed / seconds, too_much / seconds, (missed + too_much) / seconds
    return DetectionError(*shares, seconds)


def _by_talk(segments: Iterable[SpeechSegment]) -> dict[str, list[SpeechSegment]]:
    return {talk: list(of) for talk, of in groupby(sorted(segments), lambda it: it.talk)}


def _annotation(segments: Iterable[SpeechSegment]) -> "Annotation":
    from pyannote.core import Annotation, Segment  # noqa: PLC0415 - an extra

    annotation = Annotation()
    for track, segment in enumerate(segments):
        annotation[Segment(segment.onset, segment.offset), track] = "speech"
    return annotation


def uem_of(stm: Iterable[StmSegment], durations: Mapping[str, float]) -> list[UemRegion]:
    """Say what of talks is to be judged: all but the stretches that scoring ignores.

    Parameters
    ----------
    stm : iterable of StmSegment
        The references, with what is to be ignored.
    durations : mapping of str to float
        The seconds of the talks' audio. What an STM marks beyond them is not judged.

    Raises
    ------
    InputError
        If a talk's duration is missing.

    Examples
    --------
    >>> aside = StmSegment("ted", "A", "al", 2.0, 3.5, "", ("ignore_time_segment_in_scoring",))
    >>> for region in uem_of([aside], {"ted": 9.0}):
    ...     print(region)
    UemRegion(talk='ted', channel='A', onset=0.0, offset=2.0)
    UemRegion(talk='ted', channel='A', onset=3.5, offset=9.0)
    """
    regions = []
    lines = sorted(stm, key=lambda line: (line.talk, line.channel, line.onset))
    for (talk, channel), of_talk in groupby(lines, lambda line: (line.talk, line.channel)):
        if talk not in durations:
            raise InputError(f"{talk}: expected the duration of its audio; is the audio missing?")
        start, end = 0.0, durations[talk]
        for line in of_talk:
            if line.is_ignored:
                if start < min(line.onset, end):
                    regions.append(UemRegion(talk, channel, start, min(line.onset, end)))
                start = max(start, line.offset)
        if start < end:
            regions.append(UemRegion(talk, channel, start, end))
    return regions


def segmentation_summary(
    segments: Sequence[SpeechSegment], durations: Mapping[str, float]
) -> SegmentationSummary:
    """Say how many segments there are, and how much of the audio they keep.

    Parameters
    ----------
    segments : sequence of SpeechSegment
        Not overlapping.
    durations : mapping of str to float
        The seconds of all talks' audio, those without a segment among them.

    Examples
    --------
    >>> segmentation_summary([SpeechSegment("ted", 1.0, 4.0)], {"ted": 9.0, "tod": 3.0})
    SegmentationSummary(segments=1, seconds=3.0, share=0.25)
    """
    seconds = sum((segment.duration for segment in segments), 0.0)
    return SegmentationSummary(len(segments), seconds, seconds / sum(durations.values()))
