"""Speech detection errors: missed speech, and false alarms.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", section 7.
pyannote.metrics does the sums, which are md-eval's, with one deviation: md-eval skips a talk where
the reference has no speech at all; here speech detected there is a false alarm.
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


class DetectionErrors(NamedTuple):
    """Errors of a segmentation.

    Attributes
    ----------
    miss, false_alarm : float
        Fractions of the evaluated speech of the reference; NaN where there is none.
    error : float
        Their sum.
    seconds : float
        The evaluated speech of the reference: within the UEM and outside the collars.
    """

    miss: float
    false_alarm: float
    error: float
    seconds: float


class SegmentationSummary(NamedTuple):
    """The size of a segmentation.

    Attributes
    ----------
    segments : int
        How many there are.
    seconds : float
        How long they are together.
    audio_fraction : float
        Their seconds divided by those of all audio.
    """

    segments: int
    seconds: float
    audio_fraction: float


def compute_detection_errors(
    reference: Iterable[SpeechSegment],
    hypothesis: Iterable[SpeechSegment],
    uem: Sequence[UemRegion],
    collar: float = 0.0,
) -> DetectionErrors:
    """Compute how much speech a segmentation misses, and how much else it has.

    Parameters
    ----------
    reference : iterable of SpeechSegment
        Where people speak, see `segmenters.segment_by_transcript`.
    hypothesis : iterable of SpeechSegment
        Where a detector found speech. Segments that overlap count once.
    uem : sequence of UemRegion
        The evaluated regions, see `make_uem`. All talks must be there; channels are ignored.
    collar : float
        Seconds before and after each start and each end in the reference that are not evaluated,
        as md-eval's `-c`.

    Raises
    ------
    InputError
        If a talk is not in the UEM, the collar is negative, or pyannote.metrics is not installed.

    Examples
    --------
    >>> reference = [SpeechSegment("ted", 1.0, 5.0)]
    >>> found = [SpeechSegment("ted", 2.0, 5.5)]  # one second missed, half a second too much
    >>> compute_detection_errors(reference, found, [UemRegion("ted", "A", 0.0, 9.0)])
    DetectionErrors(miss=0.25, false_alarm=0.125, error=0.375, seconds=4.0)
    """
    try:
        from pyannote.core import Segment, Timeline  # noqa: PLC0415 - an extra
        from pyannote.metrics.detection import DetectionErrorRate  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "expected pyannote.metrics, which computes detection errors; install it: "
            "pip install 'aed-plugins[speech]'"
        ) from error
    if collar < 0:
        raise InputError(f"expected a collar of 0 s or more, got {collar}")
    regions = _group_by_talk(
        SpeechSegment(region.talk, region.onset, region.offset) for region in uem
    )
    speech, found = _group_by_talk(reference), _group_by_talk(hypothesis)
    if missing := sorted({*speech, *found} - {*regions}):
        raise InputError(f"{missing[0]}: expected this talk in the UEM; add its evaluated regions")
    metric = DetectionErrorRate(collar=2 * collar)  # pyannote counts both sides together
    parts = [
        metric.compute_components(
            _make_annotation(speech.get(talk, [])),
            _make_annotation(found.get(talk, [])),
            uem=Timeline([Segment(region.onset, region.offset) for region in evaluated]),
        )
        for talk, evaluated in regions.items()
    ]
    seconds, missed, too_much = (
        sum((part[name] for part in parts), 0.0) for name in ("total", "miss", "false alarm")
    )
    if not seconds:
        return DetectionErrors(float("nan"), float("nan"), float("nan"), 0.0)
    fractions = missed / seconds, too_much / seconds, (missed + too_much) / seconds
    return DetectionErrors(*fractions, seconds)


def _group_by_talk(segments: Iterable[SpeechSegment]) -> dict[str, list[SpeechSegment]]:
    return {talk: list(group) for talk, group in groupby(sorted(segments), lambda it: it.talk)}


def _make_annotation(segments: Iterable[SpeechSegment]) -> "Annotation":
    from pyannote.core import Annotation, Segment  # noqa: PLC0415 - an extra

    annotation = Annotation()
    for track, segment in enumerate(segments):
        annotation[Segment(segment.onset, segment.offset), track] = "speech"
    return annotation


def make_uem(stm: Iterable[StmSegment], durations: Mapping[str, float]) -> list[UemRegion]:
    """Make the regions to evaluate: all audio but the stretches that scoring ignores.

    Parameters
    ----------
    stm : iterable of StmSegment
        The references, with what is to be ignored.
    durations : mapping of str to float
        The seconds of the talks' audio. What an STM marks beyond them is not evaluated.

    Raises
    ------
    InputError
        If a talk's duration is missing.

    Examples
    --------
    >>> aside = StmSegment("ted", "A", "al", 2.0, 3.5, "", ("ignore_time_segment_in_scoring",))
    >>> for region in make_uem([aside], {"ted": 9.0}):
    ...     print(region)
    UemRegion(talk='ted', channel='A', onset=0.0, offset=2.0)
    UemRegion(talk='ted', channel='A', onset=3.5, offset=9.0)
    """
    regions = []
    lines = sorted(stm, key=lambda line: (line.talk, line.channel, line.onset))
    for (talk, channel), group in groupby(lines, lambda line: (line.talk, line.channel)):
        if talk not in durations:
            raise InputError(f"{talk}: expected the duration of its audio; is the audio missing?")
        start, end = 0.0, durations[talk]
        for line in group:
            if line.is_ignored:
                if start < min(line.onset, end):
                    regions.append(UemRegion(talk, channel, start, min(line.onset, end)))
                start = max(start, line.offset)
        if start < end:
            regions.append(UemRegion(talk, channel, start, end))
    return regions


def summarize_segmentation(
    segments: Sequence[SpeechSegment], durations: Mapping[str, float]
) -> SegmentationSummary:
    """Count segments, and compute how much of the audio they cover.

    Parameters
    ----------
    segments : sequence of SpeechSegment
        Not overlapping.
    durations : mapping of str to float
        The seconds of all talks' audio, those without a segment included.

    Examples
    --------
    >>> summarize_segmentation([SpeechSegment("ted", 1.0, 4.0)], {"ted": 9.0, "tod": 3.0})
    SegmentationSummary(segments=1, seconds=3.0, audio_fraction=0.25)
    """
    seconds = sum((segment.duration for segment in segments), 0.0)
    return SegmentationSummary(len(segments), seconds, seconds / sum(durations.values()))
