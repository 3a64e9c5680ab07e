"""What every format keeps, and what is refused in every format."""

from decimal import Decimal

import numpy as np
import pytest
from annotation_examples import STREET
from hypothesis import assume, given, settings, strategies as st

from aed_plugins.annotations import (
    FORMATS,
    format_timeline,
    read_timeline,
    read_timelines,
    write_timeline,
)
from aed_plugins.core import Event, InputError, Timeline

AWKWARD = ("%41", "%", "100%", "<NA>", "a\tb", "a\r\nb", "\rx", '"', "-->", "NOTE x", "a -- b")
text = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc"),
        exclude_characters="\ufffe\uffff",
        include_characters="\t\n\r\x7f\x85",
    ),
    max_size=6,
)
labels = (st.sampled_from(["dog", "dog (2)", " x ", *AWKWARD]) | text).filter(str.strip)
times = st.floats(0, 1e5) | st.integers(0, 20).map(lambda tenths: tenths / 10)


@st.composite
def events(draw):
    onset, offset = sorted((draw(times), draw(times)))
    score = draw(st.none() | st.floats(0, 1))
    return Event(draw(labels), onset, draw(st.sampled_from([onset, offset])), score)


timelines = st.builds(
    Timeline,
    st.lists(events(), max_size=6),
    st.just("a b%41.wav") | text.map(lambda name: f"x{name.replace('/', '')}y.wav"),
    st.none() | st.floats(0, 1e5),
)


def to_milliseconds(seconds):
    return round(Decimal(repr(seconds)) * 1000) / 1000


def same(seconds):
    return seconds


# The times of each format, whether it keeps scores, and what it says of the recording.
KEPT = {
    "csv": (same, True, "file", "none"),
    "json": (same, True, "name", "given"),
    "audacity": (lambda s: float(f"{s:.6f}"), False, "file", "none"),
    "textgrid": (same, False, "file", "reached"),
    "rttm": (lambda s: float(f"{s:.6f}"), True, "stem", "none"),
    "elan": (to_milliseconds, True, "name", "given"),
    "jams": (same, True, "name", "needed"),
    "webvtt": (to_milliseconds, False, "file", "none"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("annotations")


@pytest.mark.parametrize("name", FORMATS)
@given(timeline=timelines)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(folder, name, timeline):
    reached = max([timeline.duration or 0.0, *(event.offset for event in timeline.events)])
    assume(name != "textgrid" or reached > 0)
    time, scored, recording, duration = KEPT[name]
    path = folder / f"file{FORMATS[name]}"
    write_timeline(path, timeline)
    found = read_timeline(path)

    def kept(event):
        onset, offset = time(event.onset), time(event.offset)
        if name == "webvtt":
            offset = max(offset, (round(onset * 1000) + 1) / 1000)
        return Event(event.label, onset, offset, event.score if scored else None)

    expected = Timeline(map(kept, timeline.events))
    if name == "jams":  # it keeps durations instead of offsets
        offsets = [event.offset for event in found.events]
        assert offsets == pytest.approx([e.offset for e in expected.events], rel=1e-15, abs=0)
        found_events = [event._replace(offset=0.0) for event in found.events]
        assert found_events == [event._replace(offset=0.0) for event in expected.events]
    else:
        assert found.events == expected.events
    stem = timeline.recording[:-4] if timeline.events else "file"  # it stands in each line
    names = {"file": "file", "name": timeline.recording, "stem": stem}
    assert found.recording == names[recording]
    needed = reached if timeline.duration is None else timeline.duration
    ends = {"none": None, "given": timeline.duration, "reached": reached, "needed": needed}
    assert found.duration == ends[duration]


@pytest.mark.parametrize("name", FORMATS)
def test_a_byte_order_mark_utf_16_and_the_line_ends_of_other_systems_are_read(files, name):
    path = files / f"street{FORMATS[name]}"
    expected, content = read_timeline(path), path.read_bytes().decode()
    for variant in (
        "\ufeff".encode() + content.replace("\n", "\r\n").encode(),
        content.replace("\n", "\r").encode(),
        content.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16"),
    ):
        path.write_bytes(variant)
        assert read_timeline(path) == expected


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_is_refused_in_one_line_or_read(folder, name, data):
    content = format_timeline(STREET, name)
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(start + 40, len(content))))
    middle = data.draw(st.sampled_from(["", "-5", "nan", "1e999", "\t", ",", '"', "<a>", "\n\n"]))
    path = folder / f"damaged{FORMATS[name]}"
    path.write_bytes((content[:start] + middle + content[stop:]).encode())
    try:
        found = read_timelines(path)
    except InputError as error:
        message = str(error)
        assert message.startswith(str(path))
        assert "\n" not in message
    else:
        assert found


def test_numpy_s_numbers_are_written_as_numbers(tmp_path):
    event = Event("dog", np.float64(0.5), np.float32(1.5), np.float32(0.25))
    for name, suffix in FORMATS.items():
        write_timeline(tmp_path / f"a{suffix}", Timeline([event]), name)
        assert read_timeline(tmp_path / f"a{suffix}").events[0][:3] == ("dog", 0.5, 1.5)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_not_utf_8_is_refused_with_the_line(files, name):
    path = files / f"street{FORMATS[name]}"
    path.write_bytes(b"\n\n" + "é".encode("latin-1"))
    with pytest.raises(InputError, match=r"line 3: expected text in UTF-8, got the byte 0xe9"):
        read_timeline(path)


def test_a_missing_file_a_folder_and_unknown_formats_are_refused(tmp_path):
    for path, message in (
        (tmp_path / "a.csv", "expected an annotation file, got: No such file"),
        (tmp_path / "a.mp3", r"expected a suffix of \.csv, .*got '\.mp3'; name the format"),
    ):
        with pytest.raises(InputError, match=message):
            read_timeline(path)
    with pytest.raises(InputError, match="got: Is a directory"):
        read_timeline(tmp_path, "csv")
    with pytest.raises(InputError, match=r"expected a format of csv, json, .*, got 'xml'"):
        format_timeline(STREET, "xml")
    with pytest.raises(InputError, match=r"expected a suffix of .*got '\.tsv'"):
        write_timeline(tmp_path / "a.tsv", STREET)
