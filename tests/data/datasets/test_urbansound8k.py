import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aed_plugins.core import InputError
from aed_plugins.data import (
    DEMONSTRATION_MARK,
    URBANSOUND_CLASSES,
    UrbanSound8K,
    make_fold_dataset,
    read_manifest,
)
from aed_plugins.data.datasets import urbansound8k
from aed_plugins.data.datasets.urbansound8k import LABELS, TABLE, read_table
from aed_plugins.data.synthetic.audioset import ONTOLOGY
from aed_plugins.training import SingleLabel


@pytest.fixture
def copy(tmp_path, corpus):
    """A copy of the corpus that may be spoilt."""
    return Path(shutil.copytree(corpus, tmp_path / "copy"))


@pytest.fixture
def real(copy):
    """The same without its mark: to the recipe, a few clips of the real dataset."""
    (copy / DEMONSTRATION_MARK).unlink()
    return copy


def edit(folder, change):
    """Pass the table's rows, header first, through `change`."""
    path = folder / "metadata/UrbanSound8K.csv"
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def prepared(folder, tmp_path, **options):
    places = {"data_folder": str(folder), "prepared_folder": str(tmp_path / "prepared")}
    return UrbanSound8K(**places, **options).prepare(16000)


def test_labels_are_in_the_official_order():
    assert LABELS == URBANSOUND_CLASSES
    assert LABELS[0] == "air_conditioner"
    assert LABELS[9] == "street_music"


def test_the_manifest_lists_every_clip_with_its_label_and_fold(copy, tmp_path):
    data = prepared(copy, tmp_path)
    manifest = read_manifest(data.manifest)
    assert data.state == "demonstration"
    assert data.folds == [1, 2, 3]
    assert data.clips == len(manifest) == 30
    for name, entry in manifest.items():
        class_id = int(name.split("-")[1])
        assert entry["labels"] == [LABELS[class_id]]
        assert name.startswith(f"{entry['fold']}0")
    dataset = make_fold_dataset(manifest, SingleLabel(LABELS).target, [2])
    assert len(dataset) == 10
    item = dataset[3]
    assert item["target"] == int(item["id"].split("-")[1])
    expected, rate = soundfile.read(copy / f"audio/fold2/{item['id']}")
    assert len(item["waveform"]) == pytest.approx(2 * len(expected), abs=2)
    assert rate == 8000


def test_preparing_again_decodes_nothing(copy, tmp_path, monkeypatch):
    prepared(copy, tmp_path)
    monkeypatch.setattr("aed_plugins.data.packing.read_waveform", None)
    assert prepared(copy, tmp_path).clips == 30


def test_a_mirror_s_class_name_column_is_read(copy):
    edit(copy, lambda rows: rows[0].__setitem__(7, "class_name"))
    assert len(read_table(copy / TABLE)) == 30


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[0].__setitem__(5, "Fold"), "columns .*, but fold is not among"),
        (
            lambda rows: rows[4].__setitem__(5, "11"),
            r"csv line 5: expected a fold from 1 to 10.*'11'",
        ),
        (
            lambda rows: rows[7].__setitem__(7, "cat"),
            r"csv line 8: expected one of air_.*got 'cat'",
        ),
        (lambda rows: rows[2].__setitem__(6, "9"), r"csv line 3: expected classID 1 for car_horn"),
        (lambda rows: rows[2].__setitem__(0, ""), r"csv line 3: expected a file's name"),
        (lambda rows: rows[2].__setitem__(0, "../a.wav"), r"csv line 3: expected a file's name"),
        (lambda rows: rows.append(rows[1]), r"csv line 32: .* is listed a second time"),
        (lambda rows: rows.__delitem__(slice(1, None)), "expected 8732 rows, found none"),
        (lambda rows: rows.__delitem__(slice(None)), "is not among none"),
        (lambda rows: rows[3].__delitem__(slice(3, None)), r"csv line 4: expected a fold"),
    ],
)
def test_a_malformed_table_is_named_by_line(copy, change, message):
    edit(copy, change)
    with pytest.raises(InputError, match=message):
        read_table(copy / TABLE)


def test_a_table_that_is_not_text_is_named(copy):
    (copy / TABLE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"UrbanSound8K\.csv: expected a CSV table"):
        read_table(copy / TABLE)


def test_missing_clips_stop_unless_allowed(real, tmp_path):
    gone = next((real / "audio/fold1").iterdir())
    gone.unlink()
    shutil.copy(next((real / "audio/fold2").iterdir()), real / "audio/fold2/extra.wav")
    message = (
        rf"expected the 8732 clips .* 30 rows, 1 of them without a file \(audio/fold1/{gone.name}\)"
        r", 1 files without a row \(audio/fold2/extra.wav\).*--allow_partial=True"
    )
    with pytest.raises(InputError, match=message):
        prepared(real, tmp_path)
    listed = json.loads((tmp_path / "prepared/missing.json").read_text())
    assert listed["rows_without_file"] == [f"audio/fold1/{gone.name}"]
    data = prepared(real, tmp_path, allow_partial=True)
    assert (data.state, data.clips, data.expected_clips) == ("partial", 29, 8732)
    assert data.summary()["files_without_row"] == ["audio/fold2/extra.wav"]


def spoil_truncated(path):
    path.write_bytes(path.read_bytes()[:-3000])


def spoil_nan(path):
    soundfile.write(path, np.full(800, np.nan), 8000, subtype="FLOAT")


SPOILT = {
    "truncated": (spoil_truncated, "truncated|fewer|bytes"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "not audio": (lambda path: path.write_text("not audio at all"), "audio"),
    "NaN": (spoil_nan, "NaN|finite"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_bad_clip_is_named_and_stops_unless_skipped(kind, copy, tmp_path):
    spoil, message = SPOILT[kind]
    path = copy / "audio/fold2/202000-2-0-0.wav"
    assert path.is_file()
    spoil(path)
    line = rf"1 of 30 clips cannot be used: .*202000-2-0-0\.wav: .*({message})"
    with pytest.raises(InputError, match=line) as caught:
        prepared(copy, tmp_path)
    assert "--skip_bad_clips=True" in str(caught.value)
    assert "\n" not in str(caught.value)
    reasons = json.loads((tmp_path / "prepared/bad_clips.json").read_text())
    assert list(reasons) == [path.name]
    data = prepared(copy, tmp_path, skip_bad_clips=True)
    assert data.clips == 29
    assert list(data.skipped_clips) == [path.name]


def test_folders_that_are_not_the_dataset_are_refused(tmp_path, corpus, monkeypatch):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        _ = UrbanSound8K(data_folder=str(tmp_path / "nowhere")).folder
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: expected metadata/UrbanSound8K\.csv"):
        _ = UrbanSound8K(data_folder=str(tmp_path / "empty")).folder
    (tmp_path / "parent").mkdir()
    (tmp_path / "parent/UrbanSound8K").symlink_to(corpus)
    with pytest.raises(InputError, match=r"did you mean --data_folder=.*parent/UrbanSound8K"):
        _ = UrbanSound8K(data_folder=str(tmp_path / "parent")).folder


def test_without_data_the_demonstration_corpus_is_built(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        urbansound8k, "build_urbansound_demonstration", lambda folder: folder / "built"
    )
    assert UrbanSound8K().folder == Path("data/UrbanSound8K_demonstration/built")
    (tmp_path / "data/UrbanSound8K/metadata").mkdir(parents=True)
    (tmp_path / "data/UrbanSound8K/metadata/UrbanSound8K.csv").touch()
    assert UrbanSound8K().folder == Path("data/UrbanSound8K")


def test_the_mapping_that_comes_along_has_every_class_of_urbansound():
    mapping = UrbanSound8K().audioset_mapping
    assert list(mapping) == list(LABELS)
    in_the_demonstration = {name for _, name, _ in ONTOLOGY}
    assert set(mapping.values()) & in_the_demonstration == {
        "Air conditioning",
        "Children playing",
        "Idling",
        "Jackhammer",
        "Music",
        "Siren",
    }
