import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from asr.formats.ctm import (
    CtmWord,
    format_ctm,
    read_ctm,
    write_ctm,
)

fields = st.text(
    st.characters(exclude_categories=("Z", "C"), exclude_characters=";"), min_size=1, max_size=5
)
seconds = st.integers(0, 10**7).map(lambda milliseconds: milliseconds / 1000)
shares = st.none() | st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
recognized = st.builds(CtmWord, fields, fields, seconds, seconds, fields, shares)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("ctm") / "talk.ctm"


@given(words=st.lists(recognized, max_size=6))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read_back_sorted(path, words):
    write_ctm(path, words)
    assert read_ctm(path) == sorted(words, key=lambda word: word[:3])


def test_words_at_the_same_time_keep_their_order():
    words = [CtmWord("a", "A", 1.0, 0.0, "so"), CtmWord("a", "A", 1.0, 0.0, "it")]
    assert format_ctm(words) == "a A 1.00 0.00 so\na A 1.00 0.00 it\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a A 1.0 0.5", "expected talk, channel, start, duration, word .* got 4 fields"),
        ("a A 1.0 0.5 so it 0.9", ".* got 7 fields: 'a A 1.0 0.5 so it 0.9'; correct the line"),
        ("a A -1.0 0.5 so", "expected a start and a duration of 0 s or more, got -1.0 and 0.5"),
        ("a A 1.0 -.5 so", "expected a start and a duration of 0 s or more, got 1.0 and -.5"),
        ("a A * * <ALT_BEGIN>", r"expected a number as start, got '\*'"),
        ("a A 1.0 0.5 so 1.5", r"expected a confidence in \[0, 1\], got 1.5"),
        ("a A 1.0 0.5 so NA", "expected a number as confidence, got 'NA'"),
    ],
)
def test_a_malformed_line_is_named(path, line, message):
    path.write_text(f";; a comment\na A 0.5 0.5 so 1\n{line}\n")
    with pytest.raises(InputError, match=rf"talk\.ctm line 3: {message}"):
        read_ctm(path)
