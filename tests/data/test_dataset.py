"""What every dataset has, on tiny folders in the real layouts."""

import dataclasses
import pickle

import pytest
import tiny_audioset
import tiny_clips
import tiny_esc50

from aed_plugins.core import InputError
from aed_plugins.data import (
    DATASETS,
    DEMONSTRATION_MARK,
    Dataset,
    build_urbansound_demonstration,
    find_dataset,
    read_manifest,
)
from aed_plugins.labels import audioset_labels


def write_urbansound(folder):
    build_urbansound_demonstration(folder, folds=3, recordings=1, slices=1, sample_rate=8000)
    (folder / DEMONSTRATION_MARK).unlink()
    return {"data_folder": str(folder), "allow_partial": True, "test_folds": [3]}


def write_esc50(folder):
    return {"data_folder": str(tiny_esc50.build(folder, range(1, 6))), "allow_partial": True}


def write_audioset(folder):
    tiny_audioset.write_corpus(folder)
    return {"data_folder": str(folder), "classes": tiny_audioset.CHOSEN, "valid_fraction": 0}


def write_custom(folder):
    clips = str(tiny_clips.write_sounds(folder))
    terms = {"title": "Tones", "license": "CC0", "link": "https://nowhere.invalid/tones"}
    return {"clips": clips, "folds": 3, **terms}


WRITERS = {
    "urbansound": write_urbansound,
    "esc50": write_esc50,
    "audioset": write_audioset,
    "custom": write_custom,
}


@pytest.fixture(params=DATASETS)
def dataset(request, tmp_path):
    options = WRITERS[request.param](tmp_path / "there")
    return DATASETS[request.param](**options, prepared_folder=str(tmp_path / "prepared"))


def test_every_dataset_says_what_it_is_and_on_what_terms(dataset):
    assert isinstance(dataset, Dataset)
    for text in (dataset.name, dataset.title, dataset.license, dataset.link, dataset.place):
        assert isinstance(text, str)
        assert text.strip()
    assert dataset.link.startswith("https://")
    assert dataset.label_type in {"single", "multi"}
    assert len(dataset.labels) == len(set(dataset.labels)) > 1
    assert set(dataset.labels) <= set(dataset.known_labels)


def test_every_dataset_lists_its_clips_and_splits_them(dataset):
    prepared = dataset.prepare(tiny_clips.RATE)
    entries = read_manifest(prepared.manifest).values()
    assert len(entries) == prepared.clips > 0
    assert {label for entry in entries for label in entry["labels"]} == set(dataset.labels)
    if dataset.label_type == "single":
        assert all(len(entry["labels"]) == 1 for entry in entries)
    assert {entry["fold"] for entry in entries} == set(prepared.folds)
    summary = prepared.summary()
    assert {"state", "clips", "expected_clips", "bad_clips", "folds"} <= set(summary)
    splits = dataset.splits(prepared)
    assert splits
    for split in splits:
        parts = [[split.test], split.valid, split.train]
        assert len(set().union(*parts)) == sum(map(len, parts)), "no fold is in two of the three"
        assert set().union(*parts) <= set(prepared.folds)


def test_every_dataset_can_be_evaluated_on(dataset):
    prepared = dataset.prepare_evaluation(tiny_clips.RATE, dataset.labels[:2])
    folds = dataset.evaluation_folds(prepared)
    assert folds
    assert set(folds) <= set(prepared.folds)
    labels = {
        label
        for entry in read_manifest(prepared.manifest).values()
        if entry["fold"] in folds
        for label in entry["labels"]
    }
    assert set(dataset.labels[:2]) & labels


def test_a_dataset_that_was_opened_is_sent_to_other_processes_as_it_is(dataset):
    prepared, labels = dataset.prepare(tiny_clips.RATE), dataset.labels
    sent = pickle.loads(pickle.dumps(dataset))
    assert (sent, sent.labels, sent.name) == (dataset, labels, dataset.name)
    assert sent.splits(prepared) == dataset.splits(prepared)


@pytest.mark.parametrize("key", DATASETS)
def test_every_option_has_a_default_and_a_help_and_costs_nothing(key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kind = DATASETS[key]
    for field in dataclasses.fields(kind):
        assert field.default is not dataclasses.MISSING
        assert field.metadata["help"]
    kind()
    assert list(tmp_path.iterdir()) == []
    assert kind.training_options <= {field.name for field in dataclasses.fields(kind)}


def test_results_name_their_dataset():
    assert find_dataset("urbansound_demonstration").title == "UrbanSound8K"
    for kind in DATASETS.values():
        for key in kind.keys:
            assert isinstance(find_dataset(key), kind)
    licenses = {key: find_dataset(key).license for key in ("esc50", "esc10", "urbansound")}
    assert licenses == {"esc50": "CC BY-NC 3.0", "esc10": "CC BY 3.0", "urbansound": "CC BY-NC 3.0"}


@pytest.mark.parametrize("key", ["urbansound", "esc50"])
def test_the_names_in_audioset_that_come_along_are_audioset_s(key):
    mapping = find_dataset(key).audioset_mapping
    assert set(mapping.values()) <= set(audioset_labels())
    assert len(mapping) == {"urbansound": 10, "esc50": 47}[key]


@pytest.mark.parametrize("key", ["urbansound", "esc50", "audioset"])
def test_a_folder_that_is_not_there_is_told_with_where_to_get_it(key, tmp_path):
    kind = DATASETS[key]
    with pytest.raises(
        InputError, match=f"nowhere: no such folder; get {kind().title} from {kind.link}"
    ):
        _ = kind(data_folder=str(tmp_path / "nowhere")).name
