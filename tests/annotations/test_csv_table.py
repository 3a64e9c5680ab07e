"""Tables of onset, offset, label and score, and those of the DCASE community."""

import csv

import numpy as np
import pandas
import pytest
from annotation_examples import EVENTS, assert_refused

from aed_plugins.annotations import read_timeline, read_timelines
from aed_plugins.core import Event, InputError, Timeline


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"expected columns onset, offset, label, but the file is empty"),
        ("onset,offset\n", r" line 1: expected one column label .*got none in 'onset, off"),
        ("onset,offset,label,score,score\n", r" line 1: expected one column score at most"),
        ("onset,event_onset,offset,label\n", r" line 1: .*column onset .*got several"),
        ("onset,offset,label\n1,2,a\n1,x,a\n", r" line 3: .*number as offset, got 'x'"),
        ("onset,offset,label\n1,,a\n", r" line 2: expected a number as offset, got ''"),
        ("onset,offset,label\n2,1,a\n", r" line 2: .*onset <= offset, got 2.0 and 1.0"),
        ("onset,offset,label\n-1,1,a\n", r" line 2: expected 0 <= onset"),
        ("onset,offset,label\nnan,1,a\n", r" line 2: expected a number as onset, got 'nan'"),
        ("onset,offset,label\n1,2\n", r" line 2: expected 3 columns, got 2"),
        ("onset,offset,label\n1,2, \n", r" line 2: expected a label, got ' '"),
        ('onset,offset,label\n1,2,"a"b\n', r" line 2: expected a table: ',' expected"),
        ('onset,offset,label\n1,2,"a\n', r" line 2: expected a table: unexpected end"),
        ("onset,offset,label,score\n1,2,a,1.5\n", r" line 2: .*score in \[0, 1\], got 1.5"),
        ("filename,onset,offset,label\na,1,2,b\n,1,2,b\n", r"a recording in each row"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name_and_place(tmp_path, content, message):
    assert_refused(tmp_path / "bad.csv", content, message)
