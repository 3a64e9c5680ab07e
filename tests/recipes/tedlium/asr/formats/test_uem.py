import pytest
from hypothesis import given, settings, strategies as st
from pyannote.core import Segment
from pyannote.database.util import load_uem

from aed_plugins.core import InputError
from asr.formats.uem import (
    UemRegion,
    format_uem,
    read_uem,
    write_uem,
)

fields = st.text(
    st.characters(exclude_categories=("Z", "C"), exclude_characters=";"), min_size=1, max_size=5
)


@st.composite
def regions(draw):
    onset, offset = sorted(draw(st.sets(st.integers(0, 10**7), min_size=2, max_size=2)))
    return UemRegion(draw(fields), draw(fields), onset / 1000, offset / 1000)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("uem") / "talk.uem"


@given(found=st.lists(regions(), max_size=6))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read_back_sorted(path, found):
    write_uem(path, found)
    assert read_uem(path) == sorted(found)


def test_pyannote_reads_our_file(path):
    write_uem(path, [UemRegion("a", "1", 2.25, 4.0), UemRegion("a", "1", 0.0, 1.5)])
    assert list(load_uem(path)["a"]) == [Segment(0, 1.5), Segment(2.25, 4)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a 1 2.0", "expected talk, channel, start and end, got 3 fields: 'a 1 2.0'"),
        ("a 1 2.0 1.0", "expected 0 <= start < end, got 2.0 and 1.0"),
        ("a 1 nan 1.0", "expected a number as start, got 'nan'"),
    ],
)
def test_a_malformed_line_is_named(path, line, message):
    path.write_text(f"a 1 0 1\n{line}\n")
    with pytest.raises(InputError, match=rf"talk\.uem line 2: {message}"):
        read_uem(path)


def test_a_name_with_a_space_is_not_written():
    with pytest.raises(InputError, match="without white space"):
        format_uem([UemRegion("a b", "1", 0.0, 1.0)])
