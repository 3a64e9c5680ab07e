"""Training of heads that are fitted to all steps at once."""

import json

import numpy as np
import pytest
import torch
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.inference import PretrainedTagger
from aed_plugins.models import AudioTagger, FittedHead, HeadOutput, LogMel, MFCCStatistics
from aed_plugins.training import (
    AtomicCheckpointer,
    EpochLogger,
    FineTuning,
    SingleLabel,
    embedding_dataset,
    fitted_head_brain,
)
from aed_plugins.training.fitted_head_brain import FittedHeadBrain

SMALL = ("--encoder={}", "--head={trees: 20}", "--number_of_epochs=1")


class Recorder(FittedHead):
    """Record what it is fitted to."""

    def fit(self, steps, targets, weights, seed):
        self.got = {"steps": steps, "targets": targets, "weights": weights, "seed": seed}

    def forward(self, embeddings, lengths=None):
        logits = torch.zeros(*embeddings.shape[:2], 2)
        return HeadOutput(logits, logits.mean(1))


def recording(balance, tmp_path):
    """A brain with a `Recorder`, and three clips of one, three and two steps."""
    np.save(tmp_path / "embeddings.npy", np.arange(6, dtype=np.float32)[:, None])
    places = {"a": (0, 1), "b": (1, 3), "c": (4, 2)}  # the first step and how many
    cached = {name: (str(tmp_path / "embeddings.npy"), *place) for name, place in places.items()}
    labels = {"a": ["x"], "b": ["x"], "c": ["y"]}
    manifest = {name: {"labels": labels[name], "fold": 1} for name in places}
    task = SingleLabel(["x", "y"])
    encoder = MFCCStatistics()
    tagger = AudioTagger(LogMel(n_mels=40), nn.Identity(), nn.Identity(), encoder, Recorder())
    hparams = {"tagger": tagger, "task": task, "balance": balance, "seed": 7}
    hparams["train_logger"] = EpochLogger(tmp_path)
    hparams |= {"epoch_counter": EpochCounter(1), "fine_tuning": FineTuning(frozen_epochs=1)}
    checkpointer = AtomicCheckpointer(tmp_path / "save", {"tagger": tagger})
    brain = FittedHeadBrain({"head": tagger.head}, None, hparams, None, checkpointer)
    return brain, embedding_dataset(manifest, cached, task.target, [1])


@pytest.mark.parametrize("balance", ["none", "class_weights", "sampling"])
def test_a_head_is_fitted_to_the_steps_of_each_clip_with_the_clip_s_weight(balance, tmp_path):
    brain, clips = recording(balance, tmp_path)
    brain.fit(brain.hparams.epoch_counter, clips, train_loader_kwargs={"batch_size": 2})
    got = brain.tagger.head.got
    assert got["seed"] == 7
    assert got["steps"].flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert got["targets"].argmax(1).tolist() == [0, 0, 0, 0, 1, 1]
    weights = [1, 1, 1] if balance == "none" else [1 / 2, 1 / 2, 1]
    expected = np.repeat(np.array(weights) / (1, 3, 2), (1, 3, 2))
    assert got["weights"].tolist() == pytest.approx(expected.tolist())
    assert brain.history.rows[0]["train_loss"] == pytest.approx(np.log(2))
    assert brain.trained_epochs() == 1


def test_a_fitted_head_takes_one_process(tmp_path, monkeypatch):
    brain, clips = recording("none", tmp_path)
    monkeypatch.setattr(fitted_head_brain, "number_of_processes", lambda: 2)
    with pytest.raises(InputError, match="fitted at once takes one process: leave out torchrun"):
        brain.fit(brain.hparams.epoch_counter, clips)


def test_a_forest_is_fitted_used_and_not_fitted_again(recipe):
    done = recipe(*SMALL, "--test_folds=[3]", "--valid_folds=[2]", hparams="mfcc_forest", check=0)
    assert "no parameters" not in done.stdout + done.stderr
    (fold,) = json.loads((recipe.folder / "out/results.json").read_text())["folds"]
    (epoch,) = fold["history"]
    assert epoch["train_loss"] < np.log(10) / 2  # what it was fitted to it knows
    assert epoch["valid_accuracy"] > 0.3
    tagger = PretrainedTagger.from_hparams(recipe.folder / "out/fold3")
    assert tagger.mods["tagger"].head.feature.any()
    (recipe.folder / "out/fold3/result.json").unlink()
    again = recipe(*SMALL, "--test_folds=[3]", "--valid_folds=[2]", hparams="mfcc_forest", check=0)
    assert "epoch 1/1" in done.stdout
    assert "epoch 1/1" not in again.stdout
    (after,) = json.loads((recipe.folder / "out/results.json").read_text())["folds"]
    assert after == fold


def test_a_forest_takes_one_epoch_and_starts_from_nothing(recipe, mistake):
    line = mistake(recipe, *SMALL[:2], hparams="mfcc_forest")
    assert line.endswith("mfcc_forest.yaml: a head that is fitted at once takes one epoch, got 2")
    recipe(*SMALL, "--test_folds=[3]", hparams="mfcc_forest", check=0)
    (recipe.folder / "out").rename(recipe.folder / "first")
    line = mistake(
        recipe, *SMALL, "--test_folds=[3]", "--initial_model=first", hparams="mfcc_forest"
    )
    assert line.endswith(
        "mfcc_forest.yaml: nothing here can start from another model: the head is fitted at once,"
        " and the encoder has no weights: leave out --initial_model"
    )


def test_a_forest_of_several_labels_is_fitted_and_exported(audioset):
    audioset(*SMALL, "--balance=none", hparams="mfcc_forest", check=0)
    (fold,) = json.loads((audioset.folder / "out/results.json").read_text())["folds"]
    assert fold["history"][0]["train_loss"] < 0.5 * np.log(2)
    path = audioset.folder / "forest.onnx"
    aed = ["-m", "aed_plugins.cli", "export", str(audioset.folder / "out"), str(path)]
    audioset.python(*aed, check=0)
    torch_model = PretrainedTagger.from_hparams(audioset.folder / "out")
    onnx_model = PretrainedTagger.from_hparams(path)
    generator = np.random.default_rng(0)
    differences = []
    for seconds in (0.05, 1.0, 7.3):
        sound = torch.from_numpy(0.1 * generator.standard_normal((1, round(16000 * seconds))))
        both = [model.classify_batch(sound.float())[0] for model in (torch_model, onnx_model)]
        differences.append(float((both[0] - both[1]).abs().max()))
    # A number beside a threshold may fall on its other side: a tree of twenty, here.
    assert sorted(differences)[1] < 1e-4
    assert max(differences) < 0.05
