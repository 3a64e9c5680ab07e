import itertools

import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from asr.formats.segments import SpeechSegment
from asr.segmentation.shaping import SegmentShaping

CLOSE = 1e-9
seconds = st.floats(0, 60) | st.integers(0, 240).map(lambda quarters: quarters / 4)


@st.composite
def segments(draw):
    onset, offset = sorted((draw(seconds), draw(seconds)))
    return SpeechSegment("a", onset, max(offset, onset + 0.01))


@st.composite
def shapings(draw):
    shortest = draw(st.just(0.0) | st.floats(0, 2))
    return SegmentShaping(
        padding=draw(st.floats(0, 3)),
        merge_gap=draw(st.floats(0, 3)),
        shortest=shortest,
        longest=shortest + draw(st.floats(0.5, 20)),
    )


def is_covered(moment, found):
    return any(onset - CLOSE <= moment <= offset + CLOSE for _, onset, offset in found)


@given(st.lists(segments(), max_size=8), shapings(), st.floats(1, 60))
@settings(max_examples=150, deadline=None)
def test_shaped_segments_are_sorted_apart_inside_the_talk_and_not_too_long(
    found, shaping, duration
):
    shaped = shaping.apply(found, duration)
    edges = [edge for segment in shaped for edge in (segment.onset, segment.offset)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= duration for edge in edges)
    assert all(0 < segment.duration <= shaping.longest + CLOSE for segment in shaped)


@given(st.lists(segments(), max_size=8), shapings())
@settings(max_examples=100, deadline=None)
def test_shaping_loses_nothing_when_no_segment_is_too_short(found, shaping):
    shaped = SegmentShaping(shaping.padding, shaping.merge_gap, 0.0, shaping.longest).apply(
        found, 61.0
    )
    for segment in found:
        edges = {edge for part in shaped for edge in (part.onset, part.offset)}
        moments = {segment.onset, segment.offset, *edges}
        inside = sorted(m for m in moments if segment.onset <= m <= segment.offset)
        middles = [(first + second) / 2 for first, second in itertools.pairwise(inside)]
        assert all(is_covered(moment, shaped) for moment in [*inside, *middles])


@given(st.lists(segments(), max_size=8))
@settings(max_examples=50, deadline=None)
def test_shaping_that_asks_for_nothing_gives_the_union_again(found):
    nothing = SegmentShaping(padding=0, merge_gap=0, shortest=0, longest=1000)
    union = nothing.apply(found, 61.0)
    assert nothing.apply(union, 61.0) == union
    assert nothing.apply(reversed(found), 61.0) == union


def test_gaps_are_merged_before_short_segments_are_left_out():
    syllables = [SpeechSegment("a", 1.0, 1.25), SpeechSegment("a", 1.5, 1.75)]
    shaping = SegmentShaping(padding=0, merge_gap=0.25, shortest=0.5)
    assert shaping.apply(syllables, 10.0) == [SpeechSegment("a", 1.0, 1.75)]


def test_padding_does_not_save_a_short_segment():
    click = [SpeechSegment("a", 1.0, 1.25)]
    assert SegmentShaping(padding=1.0, shortest=0.5).apply(click, 10.0) == []


def test_padding_stops_in_the_middle_between_neighbours_and_at_the_edges():
    found = [SpeechSegment("a", 0.5, 2.0), SpeechSegment("a", 3.0, 9.5)]
    assert SegmentShaping(padding=1.0).apply(found, 10.0) == [
        SpeechSegment("a", 0.0, 2.5),
        SpeechSegment("a", 2.5, 10.0),
    ]


def test_long_segments_are_divided_into_equal_parts_after_padding():
    shaped = SegmentShaping(padding=0.5, longest=10.0).apply([SpeechSegment("a", 1.5, 20.5)], 60.0)
    assert shaped == [SpeechSegment("a", 1.0, 11.0), SpeechSegment("a", 11.0, 21.0)]


def test_segments_of_two_talks_are_not_shaped_together():
    with pytest.raises(ValueError, match="one talk"):
        SegmentShaping().apply([SpeechSegment("a", 0, 1), SpeechSegment("b", 0, 1)], 10.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"padding": -0.1}, "from 0 up"),
        ({"merge_gap": float("nan")}, "from 0 up"),
        ({"shortest": 2.0, "longest": 1.0}, "longest to be above shortest, 2.0 s, got 1.0"),
    ],
)
def test_impossible_shaping_is_refused(wrong, said):
    with pytest.raises(InputError, match=said):
        SegmentShaping(**wrong)
