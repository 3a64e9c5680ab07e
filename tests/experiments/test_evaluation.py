"""A trained model evaluated on the other dataset, and finished runs built again."""

import csv
import json
import shutil
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.metrics
import torch
from recipe_program import AUDIOSET_RECIPE, ROOT, URBANSOUND_RECIPE, Recipe
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.data import UrbanSound8K, read_manifest
from aed_plugins.data.synthetic.audioset import ONTOLOGY
from aed_plugins.experiments import Experiment, run_evaluation, run_program, write_resolved
from aed_plugins.experiments.evaluation import evaluate
from aed_plugins.labels import LabelPair, match_labels, read_mapping
from aed_plugins.models import AudioTagger
from aed_plugins.pretrained import TrainedRun, build_tagger, find_run
from aed_plugins.training import make_task, predict_probabilities

CLASSES = ["Speech", "Music", "Children playing"]


@pytest.fixture(scope="session")
def urbansound_run(tmp_path_factory, corpus):
    """A model of ten labels, one per clip, that fold 3 was tested with."""
    folder = tmp_path_factory.mktemp("urbansound")
    options = (f"--data_folder={corpus}", "--test_folds=[3]")
    Recipe(folder, URBANSOUND_RECIPE, options)("--number_of_epochs=1", check=0)
    return folder / "out"


@pytest.fixture(scope="session")
def audioset_run(tmp_path_factory, audioset_corpus):
    """A model of three labels, several per clip."""
    folder = tmp_path_factory.mktemp("audioset")
    options = (f"--data_folder={audioset_corpus}", f"--classes={json.dumps(CLASSES)}")
    Recipe(folder, AUDIOSET_RECIPE, options)("--number_of_epochs=1", check=0)
    return folder / "out"


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


def manifest_of(run):
    """Give the clips that a run was tested on."""
    (path,) = run.folder.parent.parent.glob("data/prepared/*/*/manifest*.json")
    fold = run.result["test_fold"]
    return {n: entry for n, entry in read_manifest(path).items() if entry["fold"] == fold}


@pytest.mark.parametrize("name", ["urbansound_run", "audioset_run"])
def test_a_run_that_is_built_again_predicts_what_it_predicted_when_it_was_tested(name, request):
    run = find_run(request.getfixturevalue(name))
    clips = manifest_of(run)
    task = make_task(run.labels, run.multi_label)
    names, given = predict_probabilities(run.tagger(), task, clips, progress=False, batch_size=5)
    rows = rows_of(run.folder)
    kept = {next(iter(row.values())): [float(row[label]) for label in run.labels] for row in rows}
    assert sorted(names) == sorted(kept)
    assert given == pytest.approx(np.array([kept[name] for name in names]), abs=2e-5)


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("siren: Siren\n  drilling: [\n", "such as siren: Siren in UTF-8, got: line 2: "),
        ("- siren\n", "labels.yaml: expected lines such as siren: Siren, got CommentedSeq"),
        ("", "labels.yaml: expected lines such as siren: Siren, got NoneType"),
        ("siren: Siren\ndrilling:\n", "labels.yaml line 2: .*got None for drilling"),
        ("siren: Siren\n\nwhistle: Whistle\n", "line 3: expected one of siren, dr.*'whistle'"),
        ("siren: Siren\ndrilling: Siren\n", "line 2: 'Siren' comes a second time"),
        ("siren: Siren\nsiren: Alarm\n", "labels.yaml: .* line 2: .*duplicate key"),
        (b"siren: \xff\n", "labels.yaml: .*UTF-8"),
        (None, "labels.yaml: no such mapping of labels"),
    ],
)
def test_a_malformed_mapping_is_named_with_its_line(text, message, tmp_path):
    path = tmp_path / "labels.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as raised:
        read_mapping(path, ["siren", "drilling"])
    assert "\n" not in str(raised.value)


def test_the_mapping_that_comes_along_has_every_class_of_urbansound():
    mapping = UrbanSound8K().audioset_mapping
    assert list(mapping) == UrbanSound8K().labels
    in_the_demonstration = {name for _, name, _ in ONTOLOGY}
    assert set(mapping.values()) & in_the_demonstration == {
        "Air conditioning",
        "Children playing",
        "Idling",
        "Jackhammer",
        "Music",
        "Siren",
    }


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


def test_thresholds_of_a_one_label_model_are_refused(urbansound_run):
    with pytest.raises(
        InputError, match="thresholds were asked of a model with one label per clip"
    ):
        _ = find_run(urbansound_run).thresholds


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


def test_weights_that_a_training_began_with_are_not_needed_any_more(tmp_path):
    handed_in = {"dataset": "d", "labels": ["a", "b", "c"], "multi_label": True}
    overrides = {"pretrained": "/nowhere/weights.pt", "encoder": {"width": 0.1}}
    experiment = Experiment(ROOT / "hparams/mobilenet_transfer.yaml", None, overrides, None)
    path = tmp_path / "hyperparams.yaml"
    write_resolved(path, experiment.resolved(**handed_in))
    tagger = build_tagger(path)
    assert tagger(torch.zeros(1, 32000)).clip_logits.shape == (1, 3)
    assert not list(tmp_path.glob("*/")), "neither checkpoint folders nor logs are made"


def test_what_was_one_object_is_one_object_again(tmp_path):
    path = tmp_path / "hyperparams.yaml"
    path.write_text(
        "shared: &shared !new:torch.nn.Identity\n"
        "tagger: !new:aed_plugins.models.AudioTagger\n"
        "  features: !new:aed_plugins.models.LogMel\n"
        "  normalization: *shared\n"
        "  front_end: *shared\n"
        "  encoder: &encoder !new:aed_plugins.models.ResNet\n"
        "    width: 0.0625\n"
        "  head: !new:aed_plugins.models.DNNHead\n"
        "    embedding_size: !apply:getattr [*encoder, embedding_size]\n"
        "    num_classes: 2\n"
    )
    tagger = build_tagger(path)
    assert isinstance(tagger, AudioTagger)
    assert isinstance(tagger.front_end, nn.Identity)
    assert tagger.front_end is tagger.normalization


@pytest.mark.parametrize(
    "text", ["seed: 1\n", "tagger: !new:aed_plugins.models.Nothing {}\n", "tagger: [\n"]
)
def test_a_model_that_cannot_be_built_is_named(text, tmp_path):
    path = tmp_path / "hyperparams.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"hyperparams.yaml: the model in it cannot be built"):
        build_tagger(path)


def test_weights_of_another_model_are_refused(urbansound_run, tmp_path):
    folder = tmp_path / "fold3"
    shutil.copytree(urbansound_run / "fold3", folder)
    described = folder / "hyperparams.yaml"
    text = described.read_text().replace("width: 0.0625", "width: 0.125")
    described.write_text(text)
    with pytest.raises(InputError, match=r"expected the weights of the model in hyperparams.yaml"):
        TrainedRun(folder).tagger()


def test_no_shared_label_is_told_with_the_labels_of_both():
    with pytest.raises(InputError, match=r"\(siren\) and the dataset's \(Dog\) have none"):
        match_labels([LabelPair("siren", "Siren")], ["siren"], ["Dog"])
