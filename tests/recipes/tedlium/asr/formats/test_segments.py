import pytest
from hypothesis import given, settings, strategies as st
from pyannote.core import Segment
from pyannote.database.util import load_rttm

from aed_plugins.core import InputError
from asr.formats.segments import SpeechSegment, format_rttm, read_rttm

names = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=5)
talks = (names | st.sampled_from(["Al.Gore", "Al.wav", "<NA>", ";;"])).filter(
    lambda name: "/" not in name and name != "."
)


@st.composite
def segments(draw):
    onset, offset = sorted(draw(st.sets(st.integers(0, 10**7), min_size=2, max_size=2)))
    return SpeechSegment(draw(talks), onset / 1000, offset / 1000)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("rttm") / "talks.rttm"


@given(found=st.lists(segments(), max_size=6))
@settings(max_examples=30, deadline=None)
def test_segments_of_several_talks_are_read_back_sorted(path, found):
    path.write_text(format_rttm(found), encoding="utf-8")
    assert read_rttm(path) == sorted(found)


def test_pyannote_reads_our_segments(path):
    path.write_text(format_rttm([SpeechSegment("b", 1, 2.5), SpeechSegment("a", 0.25, 3)]))
    found = {talk: list(speech.itersegments()) for talk, speech in load_rttm(path).items()}
    assert found == {"a": [Segment(0.25, 3)], "b": [Segment(1, 2.5)]}


def test_a_segment_of_no_length_is_refused(path):
    path.write_text("SPEAKER a 1 1.5 0 <NA> <NA> speech <NA> <NA>\n")
    with pytest.raises(InputError, match=r"talks\.rttm: expected segments that last, got .* of a;"):
        read_rttm(path)


def test_names_are_rounded_and_not_cut_off():
    # 0.29 * 100 is 28.999999999999996.
    assert SpeechSegment("a", 0.29, 1.155).name == "a-0000029-0000116"
