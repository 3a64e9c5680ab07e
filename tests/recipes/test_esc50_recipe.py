"""ESC-50 and ESC-10, on a few synthesized clips in their official layout."""

import csv
import json

import esc50_prepare
import numpy as np
import pytest
import soundfile
from esc50_prepare import find_data, list_classes, prepare, read_table, select_rows
from recipe_program import ROOT, Recipe

from aed_plugins.core import InputError
from aed_plugins.data import read_manifest

PROGRAM = ROOT / "recipes/esc50/train.py"

COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
CLASSES = ((0, "dog", True), (2, "pig", False), (11, "sea_waves", True), (49, "hand_saw", False))
RATE = 8000


def build(folder, folds):
    """Two clips of one recording for each class and fold."""
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    rows = []
    for fold in folds:
        for target, label, esc10 in CLASSES:
            for take in "AB":
                recording = 1000 * fold + target
                name = f"{fold}-{recording}-{take}-{target}.wav"
                hertz = 200 + 60 * target + 10 * fold
                wave = np.sin(2 * np.pi * hertz * np.arange(2000) / RATE)
                soundfile.write(folder / "audio" / name, 0.3 * wave, RATE)
                rows.append([name, fold, target, label, esc10, recording, take])
    write(folder, rows)
    return folder


def write(folder, rows):
    with (folder / "meta/esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def edit(folder, change):
    with (folder / "meta/esc50.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with (folder / "meta/esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture
def corpus(tmp_path):
    return build(tmp_path / "ESC-50", folds=range(1, 6))


@pytest.fixture
def partial(tmp_path):
    """Two folds of the five: eight recordings."""
    return build(tmp_path / "two_folds", folds=(3, 4))


def prepared(folder, tmp_path, esc10=False, **options):
    rows, name = select_rows(folder, esc10), "esc10" if esc10 else "esc50"
    return prepare(folder, rows, name, str(tmp_path / "prepared"), RATE, **options)


def test_the_official_folds_and_classes_are_kept(corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(esc50_prepare.CLIPS, "esc50", 40)
    data = prepared(corpus, tmp_path)
    assert (data.state, data.folds, data.clips) == ("complete", [1, 2, 3, 4, 5], 40)
    names = {target: label for target, label, _ in CLASSES}
    for name, entry in read_manifest(data.manifest).items():
        fold, _, _, target = name.removesuffix(".wav").split("-")
        assert entry["fold"] == int(fold)
        assert entry["labels"] == [names[int(target)]]
    assert list_classes(select_rows(corpus)) == ["dog", "pig", "sea_waves", "hand_saw"]


def test_esc10_is_a_part_that_leaves_esc50_as_it_is(corpus, tmp_path, monkeypatch):
    whole = prepared(corpus, tmp_path, allow_partial=True)
    before = whole.manifest.read_text()
    part = prepared(corpus, tmp_path, esc10=True, allow_partial=True)
    assert list_classes(select_rows(corpus, esc10=True)) == ["dog", "sea_waves"]
    assert (part.clips, part.expected_clips, whole.expected_clips) == (20, 400, 2000)
    monkeypatch.setattr("aed_plugins.data.packing.read_waveform", None)
    again = prepared(corpus, tmp_path, allow_partial=True)
    assert again.manifest.read_text() == before
    edit(corpus, lambda rows: [row.__setitem__(4, "False") for row in rows[1:]])
    with pytest.raises(InputError, match="expected rows whose esc10 is True"):
        select_rows(corpus, esc10=True)


def test_missing_clips_stop_unless_allowed(corpus, tmp_path):
    with pytest.raises(InputError, match=r"expected the 2000 clips of esc50, found 40 rows; compl"):
        prepared(corpus, tmp_path)
    (corpus / "audio/1-1000-A-0.wav").unlink()
    line = r"1 of them without a file \(audio/1-1000-A-0\.wav\).*--allow_partial=True"
    with pytest.raises(InputError, match=line):
        prepared(corpus, tmp_path)
    data = prepared(corpus, tmp_path, allow_partial=True)
    assert (data.state, data.clips) == ("partial", 39)
    assert data.summary()["rows_without_file"] == ["audio/1-1000-A-0.wav"]
    for path in (corpus / "audio").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="40 of them without a file"):
        prepared(corpus, tmp_path, allow_partial=True)


def test_a_bad_clip_is_named_and_stops_unless_skipped(corpus, tmp_path):
    (corpus / "audio/2-2000-A-0.wav").write_text("not audio")
    with pytest.raises(InputError, match=r"1 of 40 clips cannot be used: .*2-2000-A-0\.wav"):
        prepared(corpus, tmp_path, allow_partial=True)
    data = prepared(corpus, tmp_path, allow_partial=True, skip_bad_clips=True)
    assert list(data.skipped_clips) == ["2-2000-A-0.wav"]


def test_own_folds_keep_recordings_together_and_say_what_they_are(partial, tmp_path, capsys):
    data = prepared(partial, tmp_path, folds_by_recording=2)
    said = capsys.readouterr().out
    assert "2 folds by recording are not the official ones: not comparable" in said
    assert "fewer recordings" not in said
    assert (data.state, data.folds, data.clips) == ("partial", [1, 2], 16)
    manifest = read_manifest(data.manifest)
    held = {}
    for name, entry in manifest.items():
        held.setdefault(name.split("-")[1], []).append(entry["fold"])
    assert len(held) == 8
    assert all(first == second for first, second in held.values())
    for _, label, _ in CLASSES:
        assert {e["fold"] for e in manifest.values() if e["labels"] == [label]} == {1, 2}
    prepared(partial, tmp_path, folds_by_recording=3)
    few = "fewer recordings than folds: dog (2), hand_saw (2), pig (2), sea_waves (2)"
    assert few in capsys.readouterr().out


def test_own_folds_are_refused_where_they_cannot_be(partial, corpus, tmp_path):
    with pytest.raises(InputError, match="the five official folds are there"):
        prepared(corpus, tmp_path, folds_by_recording=4)
    for folds in (1, 9, "two", True):
        with pytest.raises(InputError, match="--folds_by_recording: expected 2 to 8, got"):
            prepared(partial, tmp_path, folds_by_recording=folds)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[0].__setitem__(1, "Fold"), "columns .*, but fold is not among"),
        (lambda rows: rows[2].__setitem__(0, "../a.wav"), "csv line 3: expected a file's name"),
        (lambda rows: rows[2].__setitem__(1, "6"), "csv line 3: expected a fold from 1 to 5"),
        (lambda rows: rows[2].__setitem__(2, "50"), "csv line 3: expected a target from 0 to 49"),
        (
            lambda rows: rows[2].__setitem__(3, "cat"),
            "csv line 3: target 0 was dog before",
        ),
        (lambda rows: rows[2].__setitem__(3, ""), "csv line 3: expected a category and a src_file"),
        (lambda rows: rows[2].__setitem__(4, "yes"), "csv line 3: expected True or False as esc10"),
        (lambda rows: rows.append(rows[1]), r"csv line 42: .* is listed a second time"),
        (lambda rows: rows[2].__delitem__(slice(4, None)), "csv line 3: expected True or False"),
        (lambda rows: rows.__delitem__(slice(1, None)), "expected 2000 rows, found none"),
    ],
)
def test_a_malformed_table_is_named_by_line(corpus, change, message):
    edit(corpus, change)
    with pytest.raises(InputError, match=message):
        read_table(corpus / "meta/esc50.csv")


def test_without_data_a_line_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"data/ESC-50: no such folder; .*karolpiczak/ESC-50"):
        find_data(None)
    with pytest.raises(InputError, match=r"expected meta/esc50\.csv in it, found none"):
        find_data(str(tmp_path))


def recipe_for(tmp_path, folder, *options):
    return Recipe(tmp_path, PROGRAM, (f"--data_folder={folder}", "--sample_rate=8000", *options))


def test_a_run_on_official_folds_and_one_from_it_that_would_cheat(corpus, tmp_path, mistake):
    official = ("--allow_partial=True", "--esc10=True", "--number_of_epochs=1")
    recipe_for(tmp_path, corpus)(*official, check=0)
    content = json.loads((tmp_path / "out/results.json").read_text())
    (fold,) = content["folds"]
    assert content["name"] == "resnet_dilated on esc10"
    assert content["labels"] == ["dog", "sea_waves"]
    assert (fold["test_fold"], fold["valid_folds"], fold["train_folds"]) == (5, [4], [1, 2, 3])
    again = ("--allow_partial=True", "--initial_model=out/fold5", "--output_folder=new")
    line = mistake(recipe_for(tmp_path, corpus), *again, "--test_folds=[3]")
    assert "was trained on esc10 3, which it is to be evaluated on" in line


def test_a_run_on_own_folds_says_that_it_is_not_comparable(partial, tmp_path):
    options = ("--folds_by_recording=2", "--valid_folds=[]", "--number_of_epochs=1")
    said = recipe_for(tmp_path, partial)(*options, check=0).stdout
    assert "PARTIAL DATA: 16 of 2000 clips; not comparable" in said
    content = json.loads((tmp_path / "out/results.json").read_text())
    assert content["name"] == "resnet_dilated on esc50_own_folds"
    assert content["folds"][0]["data_state"] == "partial"
