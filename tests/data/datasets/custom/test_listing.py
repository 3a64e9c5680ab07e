"""One's own clips as a CSV or a folder per class."""

import pytest
from tiny_clips import table, write_csv, write_sounds, write_tone

from aed_plugins.core import InputError
from aed_plugins.data.datasets.custom.listing import read_listing


@pytest.fixture
def sounds(tmp_path):
    """Four clips a class, of different lengths."""
    return write_sounds(tmp_path / "sounds")


def test_a_folder_per_class_is_read_with_its_subfolders(sounds):
    (sounds / "low/site").mkdir()
    (sounds / "low/0.wav").rename(sounds / "low/site/0.wav")
    (sounds / "low/notes.txt").write_text("not audio")
    listing = read_listing(str(sounds))
    assert listing.labels == ["high", "low", "middle"]
    assert not listing.multi_label()
    assert listing.clips["low/site/0.wav"].labels == ["low"]
    assert (listing.name, len(listing.clips)) == ("sounds", 12)


def test_a_csv_is_read_from_its_own_folder_in_any_column_order(tmp_path, sounds):
    rows = [[label, file] for file, label in table()]
    listing = read_listing(str(write_csv(tmp_path / "my clips.csv", *rows, encoding="utf-8-sig")))
    clip = listing.clips["sounds/low/0.wav"]
    assert clip.path == tmp_path / "sounds/low/0.wav"
    assert (clip.labels, clip.fold, clip.recording) == (["low"], None, None)
    assert clip.row.endswith("my clips.csv line 2")
    assert listing.name == "my clips"


def test_several_labels_in_any_row_make_the_task_multi_label(tmp_path):
    rows = [["file", "label"], ["a.wav", "dog; cat"], ["b.wav", ""], ["c.wav", "cat"]]
    listing = read_listing(str(write_csv(tmp_path / "clips.csv", *rows)))
    assert listing.multi_label()
    assert listing.labels == ["cat", "dog"]
    assert listing.clips["b.wav"].labels == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["file,labels", "a.wav,dog"], "expected columns file and label, but label is not among"),
        (["file,label,label", "a.wav,dog,cat"], "expected one column label, found several"),
        (["file,label,folds", "a.wav,dog,1"], "got 'folds'; leave it out"),
        (["file,label,fold,split", "a.wav,dog,1,train"], "a column fold or a column split"),
        (["file,label"], "expected a row for each clip, found none"),
        (["file,label", "a.wav,dog", "b.wav"], "line 3: expected as many fields"),
        (["file,label", "a.wav,dog,cat"], "line 2: expected as many fields"),
        (["file,label", ",dog"], "line 2: expected a file, found none"),
        (["file,label", "a.wav,dog;;cat"], "line 2: expected different labels"),
        (["file,label", "a.wav,dog;dog"], "line 2: expected different labels"),
        (
            ["file,label", "a.wav,dog", "./a.wav,cat"],
            "line 3: ./a.wav is listed already in .*2",
        ),
        (["file,label,split", "a.wav,dog,dev"], "line 2: expected train, valid or test, got 'dev'"),
        (["file,label,fold", "a.wav,dog,"], "line 2: expected a fold's number or name, got ''"),
        (["file,label,fold", "a.wav,dog,a/b"], "line 2: expected a fold's number or name"),
        (["file,label,fold", "a.wav,dog,all"], "line 2: expected a fold's number or name"),
        (["file,label,group", "a.wav,dog,"], "line 2: expected a recording, found none"),
        (
            ["file,label,fold,recording", "a.wav,dog,1,r", "b.wav,cat,2,s", "c.wav,dog,2,r"],
            "line 4: recording r is in 2 here, but in 1 in .*line 2: clips of one recording belong",
        ),
    ],
)
def test_a_malformed_table_is_named_by_line(tmp_path, rows, message):
    path = tmp_path / "clips.csv"
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match=message) as caught:
        read_listing(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_labels_that_fit_no_task_are_refused(tmp_path):
    one = write_csv(tmp_path / "one.csv", ["file", "label"], ["a.wav", "dog"], ["b.wav", "dog"])
    with pytest.raises(InputError, match=r"one\.csv: expected two labels or more, found only dog"):
        read_listing(str(one)).multi_label()
    none = write_csv(tmp_path / "no.csv", ["file", "label"], ["a.wav", "dog"], ["b.wav", ""])
    with pytest.raises(InputError, match=r"no\.csv line 3: expected a label.*--multi_label=True"):
        read_listing(str(none)).multi_label()
    assert read_listing(str(none)).multi_label(asked=True)
    empty = write_csv(tmp_path / "empty.csv", ["file", "label"], ["a.wav", ""])
    with pytest.raises(InputError, match="no clip has one"):
        read_listing(str(empty)).multi_label(asked=True)


def test_what_is_no_listing_is_refused(tmp_path, sounds):
    with pytest.raises(InputError, match="expected --clips=FILE"):
        read_listing(None)
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        read_listing(str(tmp_path / "nowhere"))
    (sounds / "birds").mkdir()
    with pytest.raises(InputError, match="birds: expected recordings of birds in it"):
        read_listing(str(sounds))
    (sounds / "birds").rmdir()
    write_tone(sounds / "astray.wav", 500)
    with pytest.raises(InputError, match=r"astray\.wav: expected it in a folder"):
        read_listing(str(sounds))
    with pytest.raises(InputError, match="rename it"):
        read_listing(str(write_csv(tmp_path / "<x>.csv", ["file", "label"], ["a.wav", "dog"])))


def test_a_fold_is_a_number_where_it_reads_as_one(tmp_path):
    rows = [["a.wav", "dog", "fold1"], ["b.wav", "dog", "02"], ["c.wav", "dog", "garden"]]
    path = write_csv(tmp_path / "clips.csv", ["file", "label", "fold"], *rows)
    assert [clip.fold for clip in read_listing(str(path)).clips.values()] == [1, 2, "garden"]
