"""A trained model evaluated on another dataset, as recipes/evaluate.py does it."""

import csv
import json
import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import sklearn.metrics
import tiny_esc50
from recipe_program import ROOT
from tiny_clips import write_csv

from aed_plugins.core import InputError
from aed_plugins.data import ESC50, AudioSet, UrbanSound8K
from aed_plugins.experiments import run_evaluation, run_program
from aed_plugins.experiments.evaluation_program import find_pairs
from aed_plugins.pretrained import find_run


@pytest.fixture
def program(monkeypatch, tmp_path):
    """What recipes/evaluate.py runs, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["recipes/evaluate.py", "RUN"])
    return partial(run_evaluation, description="Evaluate a trained model on another dataset.")


def rows_of(folder):
    with (folder / "predictions.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def report_of(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def truth_and_predicted(rows, label):
    return [[label in row[column].split(";") for row in rows] for column in ("labels", "predicted")]


def test_a_device_that_is_not_there_is_one_line(program):
    with pytest.raises(InputError, match=r"^device: foo cannot be used here: "):
        program(["nowhere", "--on=urbansound", "--device=foo"])


def test_a_model_of_audioset_is_evaluated_on_urbansound(audioset_run, corpus, program, capsys):
    program([str(audioset_run), "--on=urbansound", f"--data_folder={corpus}", "--noprogressbar"])
    folder = audioset_run / "eval/evaluated_on_urbansound_demonstration"
    report, rows = report_of(folder), rows_of(folder)
    assert [row["label"] for row in report["per_class"]] == ["Children playing", "Music"]
    thresholds = find_run(audioset_run).thresholds
    assert len(rows) == 30
    for row in report["per_class"]:
        # UrbanSound8K's names say the class: <source>-<class>-<occurrence>-<slice>.wav
        number = {"Children playing": "2", "Music": "9"}[row["label"]]
        truth, predicted = truth_and_predicted(rows, row["label"])
        assert truth == [clip["clip"].split("-")[1] == number for clip in rows]
        scores = np.array([float(clip[row["label"]]) for clip in rows])
        threshold = thresholds.values[thresholds.labels.index(row["label"])]
        assert row["threshold"] == pytest.approx(threshold)
        unsure = np.abs(scores - threshold) < 1e-6
        assert ((scores >= threshold) | unsure).tolist() == (np.array(predicted) | unsure).tolist()
        assert row["support"] == 3
        assert row["chance"] == pytest.approx(0.1)
        assert row["AUC"] == pytest.approx(sklearn.metrics.roc_auc_score(truth, scores))
        assert row["AP"] == pytest.approx(sklearn.metrics.average_precision_score(truth, scores))
        assert row["f1"] == pytest.approx(
            sklearn.metrics.f1_score(truth, predicted, zero_division=0)
        )
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "- Speech: it has no counterpart in the mapping" in text
    assert "- siren: the model has no label 'Siren'" in text
    assert text.count("DEMONSTRATION") == 3, "the model, the data, the data among the facts"
    assert "DEMONSTRATION" in (folder / "DEMONSTRATION.txt").read_text()
    assert text in capsys.readouterr().out
    assert (folder / "per_class.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_of_urbansound_is_evaluated_on_the_evaluation_clips_of_audioset(
    urbansound_run, audioset_corpus, program, tmp_path
):
    there = tmp_path / "audioset"  # without the training clips, which the evaluation does not need
    shutil.copytree(audioset_corpus, there)
    listed = (there / "eval_segments.csv").read_text()
    for file in (there / "audio").iterdir():
        if file.name[1:12] not in listed:
            file.unlink()
    assert len(list((there / "audio").iterdir())) == 20
    classes = '--classes=["Children playing", "Music"]'
    data = f"--data_folder={there}"
    program([str(urbansound_run / "fold3"), "--on", "audioset", data, classes, "--noprogressbar"])
    folder = urbansound_run / "fold3/evaluated_on_audioset_demonstration"
    report, rows = report_of(folder), rows_of(folder)
    assert len(rows) == 20
    assert report["data"]["evaluated_folds"] == ["eval"]
    assert report["left_out"]["Siren"] == "it is not among --classes"
    assert report["left_out"]["dog_bark"] == "the dataset has no label 'Dog'"
    for row in report["per_class"]:
        truth, predicted = truth_and_predicted(rows, row["label"])
        assert row["threshold"] is None
        assert row["support"] == sum(truth) > 0
        assert row["recall"] == pytest.approx(sklearn.metrics.recall_score(truth, predicted))
    both = [row["predicted"] for row in rows if ";" in row["predicted"]]
    assert not both, "the most probable label is one"


@pytest.fixture
def bad(program):
    """Give the line with which the program refuses."""

    def refused(*arguments):
        with pytest.raises(InputError) as raised:
            program([str(argument) for argument in arguments])
        assert "\n" not in str(raised.value)
        return str(raised.value)

    return refused


def test_what_cannot_be_evaluated_is_told_in_one_line(
    bad, urbansound_run, audioset_run, corpus, tmp_path
):
    assert "there is no folder nowhere" in bad("nowhere", "--on=audioset")
    assert "found no finished run" in bad(tmp_path, "--on=audioset")
    unfinished = tmp_path / "fold3"
    shutil.copytree(urbansound_run / "fold3", unfinished)
    (unfinished / "result.json").unlink()
    assert "there is no result.json" in bad(unfinished, "--on=audioset")
    assert "give its training command with --test_only" in bad(audioset_run, "--on=audioset")
    assert "invalid choice" in bad(audioset_run, "--on=esc51")
    message = bad(audioset_run, "--on=urbansound", "--ontology=o.json")
    assert message == "unrecognized arguments: --ontology=o.json; see --help"
    message = bad(audioset_run, "--on=urbansound", "--test_folds=[1]")
    assert message == "unrecognized arguments: --test_folds=[1]; see --help"
    on_urbansound = (audioset_run, "--on=urbansound", f"--data_folder={corpus}")
    assert "expected some of 1, 2, 3, got [4]" in bad(*on_urbansound, "--folds=[4]")
    assert "expected some of 1, 2, 3, got []" in bad(*on_urbansound, "--folds=[]")
    assert "(children_playing, street_music), got 'siren'" in bad(
        *on_urbansound, '--classes=["siren"]'
    )
    assert "expected a list" in bad(*on_urbansound, "--classes=siren")
    mapping = tmp_path / "labels.yaml"
    mapping.write_text("siren: Siren\n")
    assert "have none in common by the mapping" in bad(*on_urbansound, f"--mapping={mapping}")


def test_the_program_ends_with_one_line_and_status_1(program, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate.py", "nowhere", "--on=audioset"])
    with pytest.raises(SystemExit) as ended:
        run_program(program)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: there is no folder nowhere\n"


def test_a_model_that_began_with_one_that_knows_the_clips_is_refused(
    bad, program, urbansound_run, audioset_run, corpus, tmp_path
):
    heir = tmp_path / "eval"
    shutil.copytree(audioset_run / "eval", heir)
    path = heir / "configuration.json"

    def begin_with(source):
        content = json.loads(path.read_text())
        content["run"]["initial_model"] = str(source)
        path.write_text(json.dumps(content))

    begin_with(urbansound_run / "fold3")  # trained on fold 1, validated on fold 2
    options = [heir, "--on=urbansound", f"--data_folder={corpus}", "--noprogressbar"]
    assert "was trained on urbansound_demonstration 1, 2, which it is to be" in bad(*options)
    program([*map(str, options), "--folds=3"])
    folder = heir / "evaluated_on_urbansound_demonstration"
    assert report_of(folder)["data"]["evaluated_clips"] == 10
    begin_with(tmp_path / "gone")
    program([*map(str, options), "--folds=3"])
    assert "what that was trained on is unknown" in (folder / "report.md").read_text()


def test_a_model_of_urbansound_is_evaluated_on_esc50_through_the_names_in_audioset(
    urbansound_run, program, tmp_path
):
    esc50 = tiny_esc50.build(tmp_path / "ESC-50", folds=(3, 4))
    data = (f"--data_folder={esc50}", "--allow_partial=True", "--noprogressbar")
    program([str(urbansound_run), "--on=esc50", *data])
    folder = urbansound_run / "fold3/evaluated_on_esc50"
    report, rows = report_of(folder), rows_of(folder)
    assert report["shared"] == [{"model": "dog_bark", "data": "dog"}]
    assert (len(rows), report["data"]["state"]) == (16, "partial")
    assert report["data"]["evaluated_folds"] == [3, 4]
    truth, _ = truth_and_predicted(rows, "dog_bark")
    assert truth == [row["clip"].endswith("-0.wav") for row in rows]
    assert "mapped by the names in AudioSet" in (folder / "report.md").read_text()
    program([str(urbansound_run), "--on=esc50", *data, "--folds=4", "--esc10"])
    report = report_of(urbansound_run / "fold3/evaluated_on_esc10")
    assert report["data"]["evaluated_clips"] == 4


def test_a_model_is_evaluated_on_clips_of_a_user_s_own(urbansound_run, corpus, program, tmp_path):
    audio = {
        name: next(corpus.glob(f"audio/fold3/*-{number}-0-0.wav"))
        for number, name in ((8, "siren"), (3, "dog"), (4, "drilling"))
    }
    rows = [[str(path), label] for label, path in audio.items()]
    clips = write_csv(tmp_path / "street.csv", ["file", "label"], *rows)
    program([str(urbansound_run), "--on=custom", f"--clips={clips}", "--noprogressbar"])
    folder = urbansound_run / "fold3/evaluated_on_street"
    report = report_of(folder)
    assert [row["label"] for row in report["per_class"]] == ["drilling", "siren"], (
        "spelled the same"
    )
    assert report["data"]["evaluated_folds"] == ["all"]
    assert "labels are mapped by spelling" in (folder / "report.md").read_text()
    mapping = tmp_path / "labels.yaml"
    mapping.write_text("siren: siren\ndog: dog_bark\n")
    given = [f"--clips={clips}", f"--mapping={mapping}", "--noprogressbar"]
    program([str(urbansound_run), "--on=custom", *given])
    shared = [(pair["model"], pair["data"]) for pair in report_of(folder)["shared"]]
    assert shared == [("siren", "siren"), ("dog_bark", "dog")]
    names = tmp_path / "names.yaml"
    names.write_text("siren: Siren\ndog: Dog\n")
    given[1] = f"--audioset_names={names}"
    program([str(urbansound_run), "--on=custom", *given])
    shared = [(pair["model"], pair["data"]) for pair in report_of(folder)["shared"]]
    assert shared == [("siren", "siren"), ("dog_bark", "dog")]


def test_the_pairs_are_the_same_in_both_directions(urbansound_run, audioset_run):
    ours, theirs = find_run(urbansound_run), find_run(audioset_run)
    there, _ = find_pairs(ours, AudioSet())
    back, how = find_pairs(theirs, UrbanSound8K())
    assert [(pair.data, pair.model) for pair in there] == [tuple(pair) for pair in back]
    assert (len(there), how) == (10, "the names in AudioSet")
    through, _ = find_pairs(ours, ESC50())
    assert dict(through) == {"car_horn": "car_horn", "dog_bark": "dog", "siren": "siren"}


def test_the_options_of_a_dataset_are_listed_in_its_help():
    program = [sys.executable, str(ROOT / "recipes/evaluate.py"), "--on=esc50", "--help"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert "--esc10" in done.stdout
    assert "--mapping" in done.stdout
    assert "--test_folds" not in done.stdout
