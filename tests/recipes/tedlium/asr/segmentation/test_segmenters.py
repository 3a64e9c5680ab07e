import itertools

import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import Event, InputError
from asr.formats.segments import SpeechSegment
from asr.formats.stm import IGNORED, StmSegment
from asr.segmentation.segmenters import (
    segment_by_events,
    segment_by_transcript,
    segment_into_chunks,
    segment_whole_talks,
)

CLOSE = 1e-9


def test_human_segments_are_sorted_and_leave_ignored_stretches_out():
    def line(talk, onset, *words):
        return StmSegment(talk, "1", talk, onset, onset + 1.0, "", words)

    stm = [line("b", 0.0, "yes"), line("a", 5.0, "well"), line("a", 2.0, IGNORED), line("a", 0.0)]
    assert segment_by_transcript(stm) == [
        SpeechSegment("a", 0.0, 1.0),
        SpeechSegment("a", 5.0, 6.0),
        SpeechSegment("b", 0.0, 1.0),
    ]


@given(st.floats(0.5, 2000), st.floats(0.5, 30))
@settings(max_examples=100, deadline=None)
def test_chunks_cover_the_talk_and_are_equal(duration, length):
    chunks = segment_into_chunks({"a": duration}, length)
    assert chunks[0].onset == 0
    assert chunks[-1].offset == duration
    assert all(one.offset == two.onset for one, two in itertools.pairwise(chunks))
    assert max(chunk.duration for chunk in chunks) <= length + CLOSE
    assert max(c.duration for c in chunks) - min(c.duration for c in chunks) < CLOSE


def test_chunks_without_length_are_refused():
    with pytest.raises(InputError, match="above 0 seconds, got 0"):
        segment_into_chunks({"a": 1.0}, 0)


def test_whole_talks_come_sorted():
    assert segment_whole_talks({"b": 2.0, "a": 1.0}) == [
        SpeechSegment("a", 0.0, 1.0),
        SpeechSegment("b", 0.0, 2.0),
    ]


def test_events_of_speech_that_overlap_or_touch_become_one_segment():
    events = [
        Event("Narration", 4.0, 5.0),
        Event("Speech", 1.0, 3.0),
        Event("Conversation", 2.0, 4.0),
        Event("Speech", 7.0, 7.0),
        Event("Speech", 8.0, 12.0),
        Event("Laughter", 5.0, 8.0),
    ]
    assert segment_by_events("a", events, ["Speech", "Narration", "Conversation"], 10.0) == [
        SpeechSegment("a", 1.0, 5.0),
        SpeechSegment("a", 8.0, 10.0),
    ]


@pytest.mark.parametrize("labels", [[], "Speech"])
def test_speech_labels_must_be_a_list_of_some(labels):
    with pytest.raises(InputError, match="list of labels"):
        segment_by_events("a", [], labels, 10.0)
