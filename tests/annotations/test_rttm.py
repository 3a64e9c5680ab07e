"""RTTM, against pyannote.database."""

import pytest
from annotation_examples import EVENTS, UNSCORED, assert_refused
from pyannote.core import Segment
from pyannote.database.util import load_rttm

from aed_plugins.annotations import read_timeline
from aed_plugins.core import Event, Timeline


def test_pyannote_reads_our_rttm_and_we_read_its_own(files):
    ((name, found),) = load_rttm(str(files / "street.rttm")).items()
    assert name == "my%20street"
    tracks = [(label, *segment) for segment, _, label in found.itertracks(yield_label=True)]
    # It drops events of no length, and cannot know of our escapes.
    expected = [(e.label.replace(" ", "%20"), e.onset, e.offset) for e in EVENTS if e.duration]
    assert sorted(tracks) == sorted(expected)
    found[Segment(5.5, 7.25), "new"] = "speaker 1".replace(" ", "_")
    with (files / "its.rttm").open("w") as file:
        found.write_rttm(file)
    added = Event("speaker_1", 5.5, 7.25)
    lasting = [event for event in UNSCORED if event.duration]
    assert read_timeline(files / "its.rttm").events == (*lasting, added)


def test_other_lines_of_rttm_and_comments_are_passed_over(tmp_path):
    path = tmp_path / "talk.rttm"
    path.write_text(
        ";; a comment\nSPKR-INFO f 1 <NA> <NA> <NA> unknown spk1 <NA>\n"
        "LEXEME f 1 0.1 0.2 hi lex spk1 <NA>\nSPEAKER f 1 0.1 0.2 <NA> <NA> spk1 <NA>\n"
    )
    assert read_timeline(path) == Timeline([Event("spk1", 0.1, 0.3)], "f")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("SPEAKER f 1 0.1\n", r" line 1: expected SPEAKER and 8 or 9 fields"),
        ("\nTALKER f 1 0 1 a b c d\n", r" line 2: expected SPEAKER"),
        ("SPEAKER f 1 0 x <NA> <NA> a <NA>", r" line 1: .*number as duration, got 'x'"),
        ("SPEAKER f 1 1 -1 <NA> <NA> a <NA>", r" line 1: expected 0 <= onset"),
        ("SPEAKER f 1 0 1 <NA> <NA> a 7", r" line 1: expected a score in"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_place(tmp_path, content, message):
    assert_refused(tmp_path / "bad.rttm", content, message)
