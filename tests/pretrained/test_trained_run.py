"""Finished runs: built again, with the weights that were tested."""

import csv
import shutil

import numpy as np
import pytest
import torch
from recipe_program import ROOT
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.data import read_manifest
from aed_plugins.experiments import Experiment
from aed_plugins.models import AudioTagger
from aed_plugins.pretrained import TrainedRun, build_tagger, find_run
from aed_plugins.training import make_task, predict_probabilities


def rows_of(folder):
    with (folder / "predictions.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


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


def test_thresholds_of_a_one_label_model_are_refused(urbansound_run):
    with pytest.raises(
        InputError, match="thresholds were asked of a model with one label per clip"
    ):
        _ = find_run(urbansound_run).thresholds


def test_weights_that_a_training_began_with_are_not_needed_any_more(tmp_path):
    handed_in = {"dataset": "d", "labels": ["a", "b", "c"], "multi_label": True}
    overrides = {"pretrained": "/nowhere/weights.pt", "encoder": {"width": 0.1}}
    experiment = Experiment(ROOT / "hparams/mobilenet_transfer.yaml", None, overrides, None)
    path = tmp_path / "hyperparams.yaml"
    experiment.resolve(**handed_in).write(path)
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
