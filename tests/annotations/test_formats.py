import csv
import html
import subprocess
import sys
from decimal import Decimal

import jams
import numpy as np
import pandas
import pytest
import webvtt
from hypothesis import assume, given, settings, strategies as st
from praatio import textgrid
from pyannote.core import Segment
from pyannote.database.util import load_rttm
from pympi.Elan import Eaf

from aed_plugins.annotations import (
    FORMATS,
    format_timeline,
    read_timeline,
    read_timelines,
    write_timeline,
)
from aed_plugins.core import Event, InputError, Timeline

# Overlaps of one label and of several, no length, no score, an awkward text.
EVENTS = (
    Event('Crying, "sobbing" <b>&amp; é日', 0.0, 1.5, 0.25),
    Event("dog", 0.5, 2.0, 0.9),
    Event("dog", 1.25, 3.0),
    Event("click", 1.5, 1.5),
    Event("dog", 3.0, 4.0, 1.0),
)
STREET = Timeline(EVENTS, "my street.wav", 10.0)
UNSCORED = tuple(event._replace(score=None) for event in EVENTS)


@pytest.fixture
def files(tmp_path):
    for name, suffix in FORMATS.items():
        write_timeline(tmp_path / f"street{suffix}", STREET, name)
    return tmp_path


# ---- what is written is read back

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


# ---- independent programs


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


def test_pympi_reads_our_elan_file_and_we_read_its_own(files):
    document = Eaf(str(files / "street.eaf"))
    found = [
        Event(label, start / 1000, end / 1000)
        for tier in document.get_tier_ids_for_linguistic_type("event")
        for start, end, label in document.get_annotation_data_for_tier(tier)
    ]
    assert Timeline(found).events == UNSCORED
    scores = document.get_ref_annotation_data_for_tier("dog score")
    assert [(start, value) for start, _, value, _ in scores] == [(500, "0.9"), (3000, "1.0")]
    media = document.get_linked_files()[0]
    assert media["MEDIA_URL"] == media["RELATIVE_MEDIA_URL"] == "./my%20street.wav"
    document.to_file(str(files / "its.eaf"))
    assert read_timeline(files / "its.eaf") == STREET

    made = Eaf(author="")
    made.add_linked_file("/home/me/my talk.wav", relpath="../my talk.wav", mimetype="audio/x-wav")
    made.add_tier("speaker")
    made.add_annotation("speaker", 250, 1750, "laughs & <coughs>")
    made.to_file(str(files / "made.eaf"))
    expected = Timeline([Event("laughs & <coughs>", 0.25, 1.75)], "my talk.wav")
    assert read_timeline(files / "made.eaf") == expected


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


def test_pandas_and_csv_read_our_table_and_we_read_their_own(files):
    table = pandas.read_csv(files / "street.csv")
    assert list(table.columns) == ["onset", "offset", "label", "score"]
    rows = [
        Event(r.label, r.onset, r.offset, None if np.isnan(r.score) else r.score)
        for r in table.itertuples()
    ]
    assert tuple(rows) == EVENTS
    table.to_csv(files / "its.csv")
    assert read_timeline(files / "its.csv").events == EVENTS
    with (files / "street.txt").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert lines[2] == ["1.250000", "3.000000", "dog"]


# ---- what other programs write


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


def test_desed_s_table_is_read_recording_by_recording(tmp_path):
    path = tmp_path / "validation.tsv"
    path.write_text(
        "filename\tonset\toffset\tevent_label\nb.wav\t0.5\t1\tDog\na.wav\t\t\t\n"
        "b.wav\t0\t10.000\tFrying\n"
    )
    found = read_timelines(path)
    assert list(found) == ["b.wav", "a.wav"]
    assert found["b.wav"].events == (Event("Frying", 0, 10), Event("Dog", 0.5, 1))
    assert found["a.wav"].events == ()
    with pytest.raises(
        InputError, match=r"expected one recording, got b\.wav, a\.wav; give a file"
    ):
        read_timeline(path)


def test_sed_eval_s_column_names_are_read(tmp_path):
    path = tmp_path / "reference.csv"
    path.write_text("event_label\tevent_onset\tevent_offset\nspeech\t1\t2.5\n")
    assert read_timeline(path) == Timeline([Event("speech", 1, 2.5)], "reference")


def test_praat_s_short_form_with_a_comment_is_read(tmp_path):
    path = tmp_path / "talk.TextGrid"
    path.write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n2.3 ! seconds, "not a text"\n'
        '<exists>\n2\n"IntervalTier"\n"Mary"\n0\n2.3\n2\n0\n1e-1\n""\n1e-1\n2.3\n"a ""b"""\n'
        '"TextTier"\n"bell"\n0\n2.3\n1\n1\n"ding"\n'
    )
    expected = Timeline([Event('a "b"', 0.1, 2.3), Event("ding", 1, 1)], "talk", 2.3)
    assert read_timeline(path) == expected


def test_captions_with_tags_settings_and_comments_are_read(tmp_path):
    path = tmp_path / "talk.vtt"
    path.write_text(
        "WEBVTT - a talk\n\nNOTE\nof a person\n\nSTYLE\n::cue {}\n\n"
        "1\n01:02.500 --> 100:01:03.000 align:left\n<v Ann>R&amp;B\n<i>again</i>\n"
    )
    assert read_timeline(path).events == (Event("R&B\nagain", 62.5, 360063.0),)


def test_other_lines_of_rttm_and_comments_are_passed_over(tmp_path):
    path = tmp_path / "talk.rttm"
    path.write_text(
        ";; a comment\nSPKR-INFO f 1 <NA> <NA> <NA> unknown spk1 <NA>\n"
        "LEXEME f 1 0.1 0.2 hi lex spk1 <NA>\nSPEAKER f 1 0.1 0.2 <NA> <NA> spk1 <NA>\n"
    )
    assert read_timeline(path) == Timeline([Event("spk1", 0.1, 0.3)], "f")


def test_numpy_s_numbers_are_written_as_numbers(tmp_path):
    event = Event("dog", np.float64(0.5), np.float32(1.5), np.float32(0.25))
    for name, suffix in FORMATS.items():
        write_timeline(tmp_path / f"a{suffix}", Timeline([event]), name)
        assert read_timeline(tmp_path / f"a{suffix}").events[0][:3] == ("dog", 0.5, 1.5)


# ---- what is refused

GRID = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 4\n'
TIER = 'tiers? <exists>\nsize = 1\nitem []:\n item [1]:\n class = "IntervalTier"\n name = "x"\n'
SPAN = "xmin = 0\n xmax = 4\n intervals: size = 1\n intervals [1]:\n xmin = 2\n"
EAF = '<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"/><TIME_ORDER>{}</TIME_ORDER>{}'
NOTE = (
    '<TIER><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a7" TIME_SLOT_REF1="t1"'
    ' TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>{}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
    "</ANNOTATION></TIER></ANNOTATION_DOCUMENT>"
)
SLOTS = '<TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="9"/>\n<TIME_SLOT TIME_SLOT_ID="t2" {}/>'


@pytest.mark.parametrize(
    ("suffix", "content", "message"),
    [
        (".csv", "", r"expected columns onset, offset, label, but the file is empty"),
        (".csv", "onset,offset\n", r" line 1: expected one column label .*got none in 'onset, off"),
        (".csv", "onset,offset,label,score,score\n", r" line 1: expected one column score at most"),
        (".csv", "onset,event_onset,offset,label\n", r" line 1: .*column onset .*got several"),
        (".csv", "onset,offset,label\n1,2,a\n1,x,a\n", r" line 3: .*number as offset, got 'x'"),
        (".csv", "onset,offset,label\n1,,a\n", r" line 2: expected a number as offset, got ''"),
        (".csv", "onset,offset,label\n2,1,a\n", r" line 2: .*onset <= offset, got 2.0 and 1.0"),
        (".csv", "onset,offset,label\n-1,1,a\n", r" line 2: expected 0 <= onset"),
        (
            ".csv",
            "onset,offset,label\nnan,1,a\n",
            r" line 2: expected a number as onset, got 'nan'",
        ),
        (".csv", "onset,offset,label\n1,2\n", r" line 2: expected 3 columns, got 2"),
        (".csv", "onset,offset,label\n1,2, \n", r" line 2: expected a label, got ' '"),
        (".csv", 'onset,offset,label\n1,2,"a"b\n', r" line 2: expected a table: ',' expected"),
        (".csv", 'onset,offset,label\n1,2,"a\n', r" line 2: expected a table: unexpected end"),
        (".csv", "onset,offset,label,score\n1,2,a,1.5\n", r" line 2: .*score in \[0, 1\], got 1.5"),
        (".csv", "filename,onset,offset,label\na,1,2,b\n,1,2,b\n", r"a recording in each row"),
        (".json", '{"events": [\n1,\n}', r" line 3: expected JSON: Expecting value"),
        (".json", "[1]", r"expected \{\"events\": \[\.\.\.\]\}, got list"),
        (".json", '{"events": [{"onset": 1}]}', r" event 1: expected label, onset and offset"),
        (".json", '{"events": [{"label": "a", "onset": true}]}', r"as onset, got True"),
        (".json", '{"events": [], "duration": -1}', r"json: expected a duration of 0 s or more"),
        (".json", '{"events": [], "duration": NaN}', r"got NaN, which is no number of JSON's"),
        (".json", '{"events": [], "recording": 1}', r"expected a name as recording, got 1"),
        (".json", "[" * 100000, r"expected JSON of moderate depth"),
        (".txt", "1\t2\ta\n1;2;b\n", r" line 2: expected a number as start, got '1;2;b'"),
        (".txt", "1\t2\ta\tb\n", r" line 1: expected start, end and label with tabs"),
        (".txt", "2\t1\ta\n", r" line 1: expected 0 <= onset <= offset"),
        (".txt", "1\t2\t\n", r" line 1: expected a label, got ''"),
        (".txt", "\\\t1\t2\n", r" line 1: expected two frequencies under a label"),
        (".TextGrid", "onset,offset", r"expected ooTextFile, but the file ends"),
        (".TextGrid", '"ooTextFile" "Sound"', r" line 1: expected a TextGrid"),
        (".TextGrid", GRID + TIER + SPAN, r"expected xmax, but the file ends: it was cut short"),
        (".TextGrid", GRID + TIER + SPAN + ' xmax = 1\n text = "a"', r" line 18: expected 0 <= on"),
        (".TextGrid", GRID + TIER + SPAN + ' xmax = 3,5\n text = "a"', r" line 17: .*got '3,5'"),
        (".TextGrid", GRID + TIER + SPAN + ' xmax = 3\n text = "a', r" line 18: expected a text"),
        (".TextGrid", GRID + TIER.replace("Interval", "Pitch"), r" line 10: .*got 'PitchTier'"),
        (".TextGrid", GRID + "tiers? <exists>\nsize = 1.5", r" line 7: expected a number of tiers"),
        (".rttm", "SPEAKER f 1 0.1\n", r" line 1: expected SPEAKER and 8 or 9 fields"),
        (".rttm", "\nTALKER f 1 0 1 a b c d\n", r" line 2: expected SPEAKER"),
        (".rttm", "SPEAKER f 1 0 x <NA> <NA> a <NA>", r" line 1: .*number as duration, got 'x'"),
        (".rttm", "SPEAKER f 1 1 -1 <NA> <NA> a <NA>", r" line 1: expected 0 <= onset"),
        (".rttm", "SPEAKER f 1 0 1 <NA> <NA> a 7", r" line 1: expected a score in"),
        (".eaf", "<a>\n<b></a>", r" line 2: expected EAF, which is XML: mismatched tag"),
        (".eaf", "<TextGrid/>", r"expected an ANNOTATION_DOCUMENT in milliseconds, got TextGrid"),
        (".eaf", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', r"got a document type declaration"),
        (".eaf", EAF.format("", NOTE.format("a")), r" annotation a7: .*slot with a time, got t1"),
        (
            ".eaf",
            EAF.format(SLOTS.format(""), NOTE.format("a")),
            r" annotation a7: .*got t2; align",
        ),
        (
            ".eaf",
            EAF.format(SLOTS.format('TIME_VALUE="x"'), NOTE.format("a")),
            r" time slot t2: .*got 'x'",
        ),
        (
            ".eaf",
            EAF.format(SLOTS.format('TIME_VALUE="8"'), NOTE.format("a")),
            r" a7: expected 0 <=",
        ),
        (
            ".eaf",
            EAF.format(SLOTS.format('TIME_VALUE="9"'), NOTE.format("")),
            r" a7: expected a lab",
        ),
        (".jams", "{}", r'expected \{"annotations": \[\.\.\.\]\}'),
        (".jams", '{"annotations": [{"namespace": "beat", "data": []}]}', r"tag_open.*, got beat"),
        (
            ".jams",
            '{"annotations": [{"namespace": "tag_open"}]}',
            r" annotation 1: expected a list",
        ),
        (
            ".jams",
            '{"annotations": [{"namespace": "tag_open", "data": [{"value": "a", "time": "1"}]}]}',
            r" annotation 1 observation 1: expected a number as time, got '1'",
        ),
        (".vtt", "1\n00:01.000 --> 00:02.000\na", r" line 1: expected WEBVTT, got '1'"),
        (".vtt", "WEBVTT\n00:01.000 --> 00:02.000\na", r" line 2: expected an empty line"),
        (".vtt", "WEBVTT\n\n00:01,000 --> 00:02.000\na", r" line 3: expected a cue such as"),
        (".vtt", "WEBVTT\n\n00:03.000 --> 00:02.000\na", r" line 3: expected 0 <= onset <= offset"),
        (".vtt", "WEBVTT\n\n\nstray text", r" line 4: expected a cue .*got 'stray text'"),
        (".vtt", "WEBVTT\n\n00:01.000 --> 00:02.000", r" line 3: expected a label, got ''"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_place(tmp_path, suffix, content, message):
    path = tmp_path / f"bad{suffix}"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_timeline(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


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


def test_a_textgrid_without_a_length_is_refused_and_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text("earlier")
    with pytest.raises(InputError, match="needs the recording's duration: give one above 0 s"):
        write_timeline(path, Timeline([Event("dog", 0, 0)]))
    assert [file.read_text() for file in tmp_path.iterdir()] == ["earlier"]
    write_timeline(path, Timeline([], duration=2.0))
    assert read_timeline(path) == Timeline([], "a", 2.0)


def test_annotations_need_neither_torch_nor_speechbrain():
    program = (
        "import sys, aed_plugins.annotations.files;"
        " print({'torch', 'speechbrain'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
