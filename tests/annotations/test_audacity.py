"""Audacity's label tracks."""

import pytest
from annotation_examples import assert_refused

from aed_plugins.annotations import read_timeline
from aed_plugins.core import Event, Timeline


def test_a_label_track_of_audacity_s_manual_is_read(tmp_path):
    # "Importing and Exporting Labels": a point, a region, frequencies; and a label with one time.
    path = tmp_path / "talk.txt"
    path.write_text(
        "2.150000\t2.150000\tpoint label\n\\\t6928.456055\t6928.456055\n"
        "3.400000\t6.100000\tregion label\n\\\t-1.0\t2738.4\n7.5\tone-sided\n"
    )
    assert read_timeline(path, duration=8.0) == Timeline(
        [
            Event("point label", 2.15, 2.15),
            Event("region label", 3.4, 6.1),
            Event("one-sided", 7.5, 7.5),
        ],
        "talk",
        8.0,
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\t2\ta\n1;2;b\n", r" line 2: expected a number as start, got '1;2;b'"),
        ("1\t2\ta\tb\n", r" line 1: expected start, end and label with tabs"),
        ("2\t1\ta\n", r" line 1: expected 0 <= onset <= offset"),
        ("1\t2\t\n", r" line 1: expected a label, got ''"),
        ("\\\t1\t2\n", r" line 1: expected two frequencies under a label"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_place(tmp_path, content, message):
    assert_refused(tmp_path / "bad.txt", content, message)
