"""JAMS, against the package jams."""

import jams
import pytest
from annotation_examples import EVENTS, STREET, assert_refused

from aed_plugins.annotations import read_timeline, write_timeline
from aed_plugins.core import Event, Timeline


@pytest.mark.filterwarnings("ignore:Passing a schema to Validator.iter_errors:DeprecationWarning")
def test_jams_validates_and_reads_our_file_and_we_read_its_own(files):
    document = jams.load(str(files / "street.jams"), validate=True, strict=True)
    assert document.file_metadata.duration == 10
    (tags,) = document.search(namespace="tag_open")
    found = [Event(o.value, o.time, o.time + o.duration, o.confidence) for o in tags.data]
    assert Timeline(found).events == EVENTS
    document.save(str(files / "its.jams"))
    assert read_timeline(files / "its.jams") == STREET

    write_timeline(files / "empty.jams", Timeline([]))
    assert len(jams.load(str(files / "empty.jams")).annotations[0].data) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", r'expected \{"annotations": \[\.\.\.\]\}'),
        ('{"annotations": [{"namespace": "beat", "data": []}]}', r"tag_open.*, got beat"),
        ('{"annotations": [{"namespace": "tag_open"}]}', r" annotation 1: expected a list"),
        (
            '{"annotations": [{"namespace": "tag_open", "data": [{"value": "a", "time": "1"}]}]}',
            r" annotation 1 observation 1: expected a number as time, got '1'",
        ),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_place(tmp_path, content, message):
    assert_refused(tmp_path / "bad.jams", content, message)
