"""A model's predictions compared with the labels of another dataset."""

from types import SimpleNamespace

import pytest

from aed_plugins.core import InputError
from aed_plugins.experiments.evaluation import evaluate
from aed_plugins.labels import LabelPair


def test_a_one_label_model_says_a_label_only_where_it_is_the_most_probable_of_all():
    run = SimpleNamespace(labels=["siren", "drilling", "dog_bark"], multi_label=False)
    given = [[0.5, 0.3, 0.2], [0.3, 0.2, 0.5], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2]]
    named = [["Siren"], ["Siren", "Drill"], ["Drill"], ["Speech"]]
    manifest = {name: {"labels": labels} for name, labels in zip("abcd", named, strict=True)}
    shared = [LabelPair("drilling", "Drill"), LabelPair("siren", "Siren")]
    found, rows = evaluate(run, list("abcd"), given, manifest, shared)
    assert [row[1:3] for row in rows[1:]] == [
        ["siren", "siren"],
        ["drilling;siren", ""],
        ["drilling", "drilling"],
        ["", "drilling"],
    ]
    drilling, siren = found["per_class"]
    assert (drilling["precision"], drilling["recall"]) == (0.5, 0.5)
    assert (siren["precision"], siren["recall"], siren["AP"]) == (1.0, 0.5, 1.0)
    assert (drilling["dataset_label"], drilling["chance"]) == ("Drill", 0.5)
    assert found["micro_f1"] == pytest.approx(4 / 7)
    low, high = found["intervals"]["micro_f1"]
    assert low <= 4 / 7 <= high
    assert found["lwlrap"] is not None
    alone, _ = evaluate(run, list("abcd"), given, manifest, shared[:1])
    assert alone["lwlrap"] is None, "of a single label it is always 1"


def test_labels_that_no_clip_has_are_refused_with_the_command_that_does_without():
    run = SimpleNamespace(labels=["siren", "drilling"], multi_label=False)
    shared = [LabelPair("drilling", "Drill"), LabelPair("siren", "Siren")]
    with pytest.raises(InputError, match=r"none of the 1 clips has 'Drill'.*--classes='\[\"Siren"):
        evaluate(run, ["a"], [[0.5, 0.5]], {"a": {"labels": ["Siren"]}}, shared)
