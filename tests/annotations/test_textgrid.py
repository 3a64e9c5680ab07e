"""Praat's TextGrid, against praatio."""

import pytest
from annotation_examples import EVENTS, UNSCORED, assert_refused
from praatio import textgrid

from aed_plugins.annotations import read_timeline, write_timeline
from aed_plugins.core import Event, InputError, Timeline


def test_praatio_reads_our_textgrid_and_we_read_its_own(files):
    grid = textgrid.openTextgrid(str(files / "street.TextGrid"), includeEmptyIntervals=False)
    found = []
    for tier in map(grid.getTier, grid.tierNames):
        for entry in tier.entries:
            onset = entry[0]
            found.append(Event(entry.label, onset, entry[1] if len(entry) == 3 else onset))
    assert Timeline(found).events == UNSCORED
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, 10)
    assert grid.tierNames == (EVENTS[0].label, "dog", "dog (2)", "click")
    for form in ("short_textgrid", "long_textgrid"):
        grid.save(str(files / "its.TextGrid"), format=form, includeBlankSpaces=True)
        assert read_timeline(files / "its.TextGrid").events == UNSCORED


def test_praat_s_short_form_with_a_comment_is_read(tmp_path):
    path = tmp_path / "talk.TextGrid"
    path.write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2.3 ! seconds, "not a text"\n'
        '<exists>\n2\n"IntervalTier"\n"Mary"\n0\n2.3\n2\n0\n1e-1\n""\n1e-1\n2.3\n"a ""b"""\n'
        '"TextTier"\n"bell"\n0\n2.3\n1\n1\n"ding"\n'
    )
    expected = Timeline([Event('a "b"', 0.1, 2.3), Event("ding", 1, 1)], "talk", 2.3)
    assert read_timeline(path) == expected


def test_a_textgrid_without_a_length_is_refused_and_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text("earlier")
    with pytest.raises(InputError, match="needs the recording's duration: give one above 0 s"):
        write_timeline(path, Timeline([Event("dog", 0, 0)]))
    assert [file.read_text() for file in tmp_path.iterdir()] == ["earlier"]
    write_timeline(path, Timeline([], duration=2.0))
    assert read_timeline(path) == Timeline([], "a", 2.0)


GRID = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 4\n'
TIER = 'tiers? <exists>\nsize = 1\nitem []:\n item [1]:\n class = "IntervalTier"\n name = "x"\n'
SPAN = "xmin = 0\n xmax = 4\n intervals: size = 1\n intervals [1]:\n xmin = 2\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("onset,offset", r"expected ooTextFile, but the file ends"),
        ('"ooTextFile" "Sound"', r" line 1: expected a TextGrid"),
        (GRID + TIER + SPAN, r"expected xmax, but the file ends: it was cut short"),
        (GRID + TIER + SPAN + ' xmax = 1\n text = "a"', r" line 18: expected 0 <= on"),
        (GRID + TIER + SPAN + ' xmax = 3,5\n text = "a"', r" line 17: .*got '3,5'"),
        (GRID + TIER + SPAN + ' xmax = 3\n text = "a', r" line 18: expected a text"),
        (GRID + TIER.replace("Interval", "Pitch"), r" line 10: .*got 'PitchTier'"),
        (GRID + "tiers? <exists>\nsize = 1.5", r" line 7: expected a number of tiers"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_place(tmp_path, content, message):
    assert_refused(tmp_path / "bad.TextGrid", content, message)
