"""A model and a training small enough for a test, without any training."""

import functools
import json
import tempfile
from pathlib import Path

import safetensors.torch
import torch

from aed_plugins.core import write_json
from aed_plugins.experiments import FoldResult
from aed_plugins.models import Thresholds
from aed_plugins.pretrained.safe_yaml.hyperparameters import SafeHyperparameters
from aed_plugins.training import AtomicCheckpointer

LABELS = ["dog", "Crying, sobbing", "siren"]
TAGGER = """\
tagger: !new:aed_plugins.models.AudioTagger
    features: !new:aed_plugins.models.LogMel {sample_rate: 8000, n_mels: 16, log_offset: 1e-5}
    normalization: !new:aed_plugins.models.FeatureNormalization
        n_mels: 16
    front_end: !new:torch.nn.Identity
    encoder: !new:aed_plugins.models.ResNet
        width: 0.02
    head: !new:aed_plugins.models.DNNHead
        embedding_size: 10
        num_classes: 3
        pooling: mean
        multi_label: true
"""
TEXT = f"""\
sample_rate: 8000
labels: {json.dumps(LABELS)}
multi_label: true
dataset: "nowhere"
{TAGGER}
modules:
    tagger: !ref <tagger>
pretrainer: !new:aed_plugins.pretrained.FolderPretrainer
    loadables:
        tagger: !ref <tagger>
"""
# As a training leaves it: parts that are only for training, references resolved to functions.
RUN_TEXT = f"""\
__set_seed: !apply:speechbrain.utils.seed.seed_everything [1986, false]
dataset: nowhere
labels: &labels {json.dumps(LABELS)}
multi_label: true
output_folder: results/nowhere
sample_rate: 8000
pretrained: &pretrained https://nowhere.invalid/resnet.pth
encoder: &encoder !new:aed_plugins.models.ResNet
    width: 0.02
    pretrained: *pretrained
tagger: &tagger !new:aed_plugins.models.AudioTagger
    features: !new:aed_plugins.models.LogMel {{sample_rate: 8000, n_mels: 16, log_offset: 1e-5}}
    normalization: !new:aed_plugins.models.FeatureNormalization
        n_mels: 16
    front_end: !new:torch.nn.Identity
    encoder: *encoder
    head: !new:aed_plugins.models.DNNHead
        embedding_size: !apply:getattr [*encoder, embedding_size]
        num_classes: !apply:builtins.len [*labels]
        pooling: mean
        multi_label: true
modules:
    tagger: *tagger
opt_class: !name:torch.optim.AdamW
    lr: 0.001
"""


def tiny_state(path):
    """Random weights and statistics for the tagger of a file."""
    torch.manual_seed(0)
    state = (
        SafeHyperparameters(path, only=["tagger", "labels"], without_sources=True)
        .build("tagger")
        .state_dict()
    )
    for name, tensor in state.items():
        if name.endswith(("mean", "bias")):
            tensor.uniform_(-0.5, 0.5)
    return state


def write_model(folder, text=TEXT):
    """Write the two files that a model folder must have."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hyperparams.yaml").write_text(text, encoding="utf-8")
    (folder / "model.safetensors").write_bytes(_weights())
    return folder


@functools.cache
def _weights():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hyperparams.yaml"
        path.write_text(TEXT, encoding="utf-8")
        return safetensors.torch.save(tiny_state(path))


def write_run(folder, text=RUN_TEXT):
    """Write what a recipe leaves of a finished fold."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "hyperparams.yaml"
    path.write_text(text, encoding="utf-8")
    tagger = SafeHyperparameters(path, only=["tagger", "labels"], without_sources=True).build(
        "tagger"
    )
    tagger.load_state_dict(tiny_state(path))
    recoverables = {"tagger": tagger}
    if "multi_label: true\noutput" in text:
        thresholds = recoverables["thresholds"] = Thresholds(LABELS)
        thresholds.tune([[1, 0, 0], [0, 1, 1]], [[0.9, 0.2, 0.1], [0.5, 0.8, 0.3]], "f1")
    checkpointer = AtomicCheckpointer(folder / "save", recoverables)
    checkpointer.save_checkpoint({"epoch": 1}, verbosity=0)
    write_json(
        folder / "configuration.json",
        {
            "run": {},
            "folds": {"train": "[1]", "valid": "[2]", "test": "3"},
            "hyperparameters": {"encoder.pretrained": "https://nowhere.invalid/resnet.pth"},
        },
    )
    FoldResult(
        test_fold=3,
        valid_folds=[2],
        train_folds=[1],
        data_state="partial",
        clips=7,
        metrics={"macro_f1": 0.25, "mAP": 0.5, "intervals": {"mAP": [0.4, 0.6]}},
        epochs=1,
        tested_epoch=1,
        seconds=1.0,
        processes=1,
        device="cpu",
        precision="fp32",
        history=[],
    ).write(folder / "result.json")
    return folder
