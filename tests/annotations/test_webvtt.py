"""WebVTT, against webvtt-py."""

import html

import pytest
import webvtt
from annotation_examples import UNSCORED, assert_refused

from aed_plugins.annotations import read_timeline
from aed_plugins.core import Event


def test_webvtt_py_reads_our_captions_and_we_read_its_own(files):
    captions = webvtt.read(str(files / "street.vtt"))
    found = [
        Event(html.unescape(c.raw_text), c.start_in_seconds, c.end_in_seconds) for c in captions
    ]
    whole = [(e.label, int(e.onset), int(e.offset)) for e in UNSCORED]
    assert [(e.label, e.onset, e.offset) for e in found] == whole  # it gives whole seconds here
    stamps = [(c.start, c.end) for c in captions]
    assert stamps[2:4] == [("00:00:01.250", "00:00:03.000"), ("00:00:01.500", "00:00:01.501")]
    captions.save(str(files / "its.vtt"))
    assert read_timeline(files / "its.vtt").events == read_timeline(files / "street.vtt").events


def test_captions_with_tags_settings_and_comments_are_read(tmp_path):
    path = tmp_path / "talk.vtt"
    path.write_text(
        "WEBVTT - a talk\n\nNOTE\nof a person\n\nSTYLE\n::cue {}\n\n"
        "1\n01:02.500 --> 100:01:03.000 align:left\n<v Ann>R&amp;B\n<i>again</i>\n"
    )
    assert read_timeline(path).events == (Event("R&B\nagain", 62.5, 360063.0),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\n00:01.000 --> 00:02.000\na", r" line 1: expected WEBVTT, got '1'"),
        ("WEBVTT\n00:01.000 --> 00:02.000\na", r" line 2: expected an empty line"),
        ("WEBVTT\n\n00:01,000 --> 00:02.000\na", r" line 3: expected a cue such as"),
        ("WEBVTT\n\n00:03.000 --> 00:02.000\na", r" line 3: expected 0 <= onset <= offset"),
        ("WEBVTT\n\n\nstray text", r" line 4: expected a cue .*got 'stray text'"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000", r" line 3: expected a label, got ''"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_place(tmp_path, content, message):
    assert_refused(tmp_path / "bad.vtt", content, message)
