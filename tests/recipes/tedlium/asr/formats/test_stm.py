import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from asr.formats.stm import (
    IGNORED,
    StmSegment,
    format_stm,
    read_stm,
    write_stm,
)

SCLITE = shutil.which("sclite", path="/usr/lib/sctk/bin:/usr/bin:/usr/local/bin")

names = st.text(
    st.characters(exclude_categories=("Z", "C"), exclude_characters=";"), min_size=1, max_size=5
)
words = names | st.sampled_from(["<unk>", "<>", "'s", "[NOISE]", "{NOISE}", "(2)", IGNORED])


@st.composite
def transcripts(draw):
    """Segments without overlaps, sorted as they are written."""
    found = []
    for talk in sorted(draw(st.sets(names, max_size=3))):
        times = sorted(draw(st.sets(st.integers(0, 10**6), min_size=2, max_size=8)))
        for onset, offset in zip(times[::2], times[1::2], strict=False):
            condition = draw(st.sampled_from(["", "<o,f0,male>", "<F0_M>"]))
            said = tuple(draw(st.lists(words, max_size=4)))
            found.append(StmSegment(talk, "1", talk, onset / 1000, offset / 1000, condition, said))
    return found


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("stm") / "talk.stm"


@given(segments=transcripts(), data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back_sorted(path, segments, data):
    write_stm(path, data.draw(st.permutations(segments)))
    assert read_stm(path) == segments


LINES = "a 1 a 0.00 1.50 <F0_M> one 'll do\n;; no words\na 1 a 1.50 2 <o,f0,male>\na 1 gap 2 3 {}\n"


def test_lines_of_a_release_are_read_as_they_stand(path):
    path.write_text(LINES.format(f"<o,,unknown> {IGNORED}"))
    said, silent, gap = read_stm(path)
    assert said == StmSegment("a", "1", "a", 0.0, 1.5, "<F0_M>", ("one", "'ll", "do"))
    assert (silent.words, silent.is_ignored) == ((), False)
    assert gap.is_ignored


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a 1 a 3.00 4.00", r"expected talk, channel, .* got 5 fields: 'a 1 a 3\.00 4\.00'"),
        ("a 1 a 3", r".* got 4 fields: 'a 1 a 3'; complete the line"),
        ("a 1 a 4.0 3.0 x", r"expected 0 <= start < end, got 4\.0 and 3\.0; correct the times"),
        ("a 1 a 4.0 4.0 x", r"expected 0 <= start < end, got 4\.0 and 4\.0"),
        ("a 1 a -1 4.0 x", r"expected 0 <= start < end, got -1 and 4\.0"),
        ("a 1 a 3,5 4.0 x", r"expected a number as start, got '3,5'"),
        ("a 1 3.0 4.0 x y", r"expected a number as end, got 'x'"),
        ("a 1 a 1e999 4.0 x", r"expected a number as start"),
        ("a 1 b 2.98 4.0 x", r"expected segments that do not overlap, got 2\.98 to 4\.0 and "),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named(path, line, message):
    path.write_text(LINES.format(IGNORED) + line + "\n")
    with pytest.raises(InputError, match=rf"^{re.escape(str(path))} line 5: {message}") as error:
        read_stm(path)
    assert "\n" not in str(error.value)


def test_an_overlap_by_rounding_and_other_talks_and_channels_pass(path):
    times = "0.57 1.00 x\na 1 a 0.99 2.00 y\na 2 a 0.50 1.50 x\nb 1 b 0.50 1.50 x"
    path.write_text(f"a 1 a {times}\n")
    assert len(read_stm(path)) == 4


def test_segments_inside_a_longer_one_overlap_it(path):
    path.write_text("a 1 a 5 6 x\na 1 a 1 9 y\na 1 a 2 3 z\n")
    with pytest.raises(InputError, match=r"line 3: .* got 2\.0 to 3\.0 and 1\.0 to 9\.0 of"):
        read_stm(path)


def test_a_word_with_a_space_is_not_written():
    with pytest.raises(InputError, match="without white space"):
        format_stm([StmSegment("a", "A", "a", 0.0, 1.0, "", ("so", "to say"))])


@pytest.mark.skipif(SCLITE is None, reason="sclite is not installed (Debian: apt install sctk)")
def test_sclite_reads_empty_transcripts_and_unknown_words_as_we_do(tmp_path):
    segments = [
        StmSegment("a", "A", "a", 0.0, 1.0, "", ()),
        StmSegment("a", "A", "a", 1.0, 2.0, "", ("<unk>", "two")),
        StmSegment("a", "A", "a", 2.0, 3.0, "<o,f0,male>", ("three", "four")),
    ]
    write_stm(tmp_path / "r.stm", segments)
    ctm = "a A 1.1 .2 <unk>\na A 1.5 .2 two\na A 2.1 .2 three\na A 2.5 .2 four\n"
    (tmp_path / "h.ctm").write_text(ctm)
    command = [SCLITE, "-r", "r.stm", "stm", "-h", "h.ctm", "ctm", "-o", "pra", "stdout"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"\(#C #S #D #I\) (.*)", said) == ["0 0 0 0", "2 0 0 0", "2 0 0 0"]
