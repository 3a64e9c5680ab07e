"""Finished runs laid out beside one another."""

import importlib
import json
import sys

import numpy as np
import pytest
from recipe_program import ROOT

from aed_plugins.core import InputError
from aed_plugins.experiments import Experiment, FoldResult, write_results
from aed_plugins.experiments.results import write_predictions
from aed_plugins.metrics import Predictions
from aed_plugins.pretrained import build_tagger
from aed_plugins.training import make_task

HISTORY = [{"epoch": 1, "train_loss": 1.0}]
COMPLETE = {"state": "complete", "clips": 40, "expected_clips": 40, "bad_clips": 0}
PARTIAL = COMPLETE | {"state": "partial", "expected_clips": 100}
DEMONSTRATION = COMPLETE | {"state": "demonstration"}


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "recipes"), *sys.path])
    return importlib.import_module("compare")


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """Write what the recipes write of a run whose predictions are given, per fold."""
    monkeypatch.chdir(tmp_path)

    def write(folder, predictions, name, data, labels, multi_label=False):
        task, results = make_task(labels, multi_label), {}
        for fold, said in predictions.items():
            key = f"fold{fold}" if isinstance(fold, int) else fold
            write_predictions(tmp_path / folder / key / "predictions.csv", said, task, fold)
            results[key] = FoldResult(
                fold, [], [99], data["state"], len(said.ids), task.metrics(said), 1, 1, 1.0, 1,
                "cpu", "fp32", HISTORY,
            )  # fmt: skip
        return write_results(tmp_path / folder, results, task, name, data)

    return write


def one_label(*right):
    """Predictions of two labels, right in so many of ten clips."""
    said = [Predictions([str(n) for n in range(10)], np.arange(10) % 2, np.zeros((10, 2)))]
    for count in right:
        probabilities = np.eye(2)[np.arange(10) % 2]
        probabilities[count:] = probabilities[count:, ::-1]
        said.append(said[0]._replace(probabilities=probabilities))
    return said[1:]


def cells(text, model):
    """Give the cells of the rows of a model, by column."""
    lines = text.splitlines()
    rows = []
    for number, line in enumerate(lines):
        parts = [part.strip() for part in line.strip("|").split("|")]
        if parts[0] == model:
            above = max(n for n in range(number) if lines[n].startswith("| model"))
            header = [part.strip() for part in lines[above].strip("|").split("|")]
            rows.append(dict(zip(header, parts, strict=True)))
    return rows


def test_runs_of_a_dataset_share_a_table_with_mean_and_deviation(
    compare, finished, tmp_path, capsys
):
    labels = ["siren", "drilling"]
    dilated, plain = one_label(9, 7), one_label(8)
    finished("a", {1: dilated[0], 2: dilated[1]}, "resnet_dilated on urbansound", COMPLETE, labels)
    finished("b", {10: plain[0]}, "resnet_plain on urbansound", PARTIAL, labels)
    compare.main(["a", "b", "--output=tables/table.md"])
    text = capsys.readouterr().out
    assert text.count("## ") == 1
    assert text.startswith("## urbansound: one label per clip, of 2\n")
    (first,), (second,) = cells(text, "resnet_dilated"), cells(text, "resnet_plain")
    assert first["accuracy (%)"] == "80.0 ± 14.1"
    assert (first["test folds"], first["run"]) == ("1-2", "a")
    assert first["data"] == "complete: 40 clips"
    assert (second["accuracy (%)"], second["test folds"]) == ("80.0", "10")
    assert second["data"] == "PARTIAL: 40 of 100 clips"
    assert second["parameters (M)"] == "-"
    assert "Not the same test folds" in text
    assert "not comparable with published scores" in text
    assert (tmp_path / "tables/table.md").read_text(encoding="utf-8") == text


def test_what_cannot_be_compared_stands_in_tables_of_its_own(compare, finished, capsys):
    labels = ["siren", "drilling"]
    (said,) = one_label(9)
    several = said._replace(targets=np.eye(2)[said.targets])
    finished("a", {1: said}, "plain on urbansound", COMPLETE, labels)
    finished("b", {1: said}, "plain on urbansound_demonstration", DEMONSTRATION, labels)
    finished("c", {"eval": several}, "vggish_dnn on audioset", COMPLETE, labels, True)
    finished("d", {"eval": several}, "vggish_rnn on audioset", COMPLETE, labels, True)
    finished("e", {"eval": several}, "vggish_rnn on audioset", COMPLETE, ["Speech", "Dog"], True)
    compare.main(["a", "b", "c", "d", "e"])
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## urbansound: one label per clip, of 2",
        "## urbansound_demonstration: one label per clip, of 2",
        "## audioset: several labels per clip, of 2",
        "## audioset: several labels per clip, of 2",
    ]
    assert text.count("synthesized sounds") == 1
    assert [row["data"] for row in cells(text, "plain")] == ["complete: 40 clips", "DEMONSTRATION"]
    (row,) = cells(text, "vggish_dnn")
    # Nine of ten labels are found, and one that is not there is said instead of the tenth.
    names = ("micro precision (%)", "micro recall (%)", "micro F1 (%)")
    assert [row[name] for name in names] == ["90.0", "90.0", "90.0"]
    assert (row["lwlrap"], row["test folds"]) == ("0.950", "eval")
    assert float(row["macro precision (%)"]) == pytest.approx(100 * (1 + 5 / 6) / 2, abs=0.05)
    assert {"macro recall (%)", "macro F1 (%)", "mAP", "AUC", "d'"} < set(row)


def test_parameters_are_those_of_the_model_that_the_run_describes(
    compare, finished, tmp_path, capsys
):
    (said,) = one_label(9)
    finished("a", {1: said}, "resnet_dilated on urbansound", COMPLETE, ["siren", "drilling"])
    handed_in = {"dataset": "urbansound", "labels": ["siren", "drilling"], "multi_label": False}
    overrides = {"encoder": {"width": 0.25}}
    experiment = Experiment(ROOT / "hparams/resnet_dilated.yaml", None, overrides, None)
    path = tmp_path / "a/fold1/hyperparams.yaml"
    experiment.resolve(**handed_in).write(path)
    count = sum(p.numel() for p in build_tagger(path).parameters())
    assert count > 500_000
    compare.main(["a"])
    (row,) = cells(capsys.readouterr().out, "resnet_dilated")
    assert row["parameters (M)"] == f"{count / 1e6:.2f}"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "run: expected results.json of a run, found none; is the run finished?"),
        ({"result.json": "{}"}, "found none; did you mean "),
        ({"results.json": "{"}, "run/results.json: expected what a recipe writes: "),
        ({"results.json": "[]"}, "run/results.json: expected what a recipe writes, but it has no"),
        ({"results.json": '{"name": "a on b"}'}, "results.json: .* but it has no data"),
    ],
)
def test_what_is_no_finished_run_is_named_in_one_line(compare, files, message, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        compare.main([str(folder)])
    assert "\n" not in str(raised.value)


def test_no_folder_is_told_in_one_line(compare):
    with pytest.raises(InputError, match="arguments are required: FOLDER; see --help"):
        compare.main([])


def test_a_run_without_a_finished_fold_is_refused(compare, finished, tmp_path):
    (said,) = one_label(9)
    content = finished("a", {1: said}, "plain on urbansound", COMPLETE, ["siren", "drilling"])
    (tmp_path / "a/results.json").write_text(json.dumps(content | {"folds": []}))
    with pytest.raises(InputError, match=r"a/results\.json: expected a fold that is finished"):
        compare.main(["a"])
