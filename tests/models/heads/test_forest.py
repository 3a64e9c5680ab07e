"""Statistics of MFCCs and a forest on them: against numpy, SciPy, librosa and scikit-learn."""

import json

import librosa
import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.tree import DecisionTreeRegressor
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.inference import PretrainedTagger
from aed_plugins.models import AudioTagger, FittedHead, ForestHead, LogMel, MFCCStatistics
from aed_plugins.models.base import HeadOutput
from aed_plugins.training import (
    AtomicCheckpointer,
    FineTuning,
    SingleLabel,
    embedding_dataset,
    fitted_head_brain,
)
from aed_plugins.training.fitted_head_brain import FittedHeadBrain

SMALL = ("--encoder={}", "--head={trees: 20}", "--number_of_epochs=1")


def statistics_of(frames):
    """The eleven statistics of MFCCs (frame, coefficient), by other people's code."""
    parts = [np.min, np.max, np.median, np.mean, np.var, scipy.stats.skew, scipy.stats.kurtosis]
    found = [part(frames, axis=0) for part in parts]
    for order in (1, 2):
        changes = np.diff(frames, order, axis=0)
        found += [changes.mean(0), changes.var(0)]
    return np.concatenate(found)


@pytest.mark.parametrize("length", [20, 17, 9])
def test_each_step_has_the_statistics_of_its_window(length):
    encoder = MFCCStatistics(n_mels=8, coefficients=5, window_frames=7, time_stride=4)
    maps = torch.randn(1, 1, 20, 8, generator=torch.Generator().manual_seed(length))
    found = encoder(maps, torch.tensor([length / 20])).numpy()[0]
    mfcc = scipy.fft.dct(maps[0, 0].numpy(), norm="ortho")[:length, :5]
    steps = int(encoder.step_count(length))
    windows = [mfcc[max(0, 4 * step - 3) : 4 * step + 4] for step in range(steps)]
    expected = [statistics_of(window) for window in windows]
    np.testing.assert_allclose(found[:steps], expected, rtol=1e-4, atol=1e-4)
    assert (found[steps:] == 0).all()


def test_the_numbers_of_a_coefficient_are_those_of_the_paper():
    encoder = MFCCStatistics(n_mels=1, coefficients=1, window_frames=7, time_stride=8)
    found = encoder(torch.tensor([1.0, 3.0, 3.0, 9.0]).reshape(1, 1, 4, 1))
    # First differences 2, 0, 6; second -2, 6. Moments about the mean 4: 9, 24, 177.
    skewness, kurtosis = 24 / 9**1.5, 177 / 81 - 3
    expected = [1, 9, 3, 4, 9, skewness, kurtosis, 8 / 3, 56 / 9, 2, 16]
    assert found.flatten().tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_frames_that_are_alike_have_finite_numbers(frames):
    encoder = MFCCStatistics()
    found = encoder(torch.full((1, 1, frames, 40), 0.1)).reshape(11, 25)
    torch.testing.assert_close(found[4:], torch.zeros(7, 25))


def test_mfccs_are_those_of_librosa():
    features, encoder = LogMel(16000, 0.023, 0.0115, 40, power=2.0), MFCCStatistics()
    noise = torch.randn(16000, generator=torch.Generator().manual_seed(0))
    found = (features(noise[None]) @ encoder.dct)[0].numpy()
    spectrum = {"n_fft": 512, "win_length": 368, "hop_length": 184, "n_mels": 40}
    options = spectrum | {"htk": True, "norm": None, "center": True, "pad_mode": "constant"}
    power = librosa.feature.melspectrogram(y=noise.numpy(), sr=16000, **options)
    expected = librosa.feature.mfcc(S=np.log(power + 1e-5), n_mfcc=25)
    np.testing.assert_allclose(found, expected.T, atol=0.01)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"coefficients": 41}, "expected at most 40 coefficients, got 41"),
        ({"coefficients": 0}, "coefficients must be a whole number above 0, got 0"),
        ({"coefficients": 2.5}, "coefficients must be a whole number above 0, got 2.5"),
        ({"time_stride": 0}, "time_stride must be a whole number above 0, got 0"),
        ({"window_frames": 10}, "window_frames must be odd, got 10"),
    ],
)
def test_impossible_statistics_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MFCCStatistics(**settings)


@pytest.mark.parametrize("shape", [(1, 16, 20, 40), (1, 1, 20, 64)])
def test_what_is_no_bare_spectrogram_is_refused(shape):
    with pytest.raises(ValueError, match="expected one channel of 40 mel bands and no front-end"):
        MFCCStatistics(n_mels=40)(torch.zeros(shape))


def fitted(multi_label=False, depth=4, seed=1):
    """A forest of 25 trees and the 400 steps that it was fitted to."""
    rng = np.random.default_rng(0)
    steps = rng.integers(0, 12, (400, 6)).astype(np.float32) / 7
    targets = np.eye(3)[(steps.sum(1) * 2).astype(int) % 3]
    if multi_label:
        targets = np.maximum(targets, np.roll(targets, 1, axis=0))
    head = ForestHead(6, 3, trees=25, depth=depth, step_fraction=0.5, multi_label=multi_label)
    head.fit(steps, targets, weights=rng.uniform(1, 3, 400), seed=seed)
    return head, steps


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("depth", [1, 4, 12])
def test_a_forest_says_what_scikit_learn_s_trees_say(multi_label, depth, monkeypatch):
    trees = []

    class Kept(DecisionTreeRegressor):
        def fit(self, steps, targets):
            assert len(steps) == 200
            trees.append(self)
            return super().fit(steps, targets)

    monkeypatch.setattr("sklearn.tree.DecisionTreeRegressor", Kept)
    head, steps = fitted(multi_label, depth)
    assert len(trees) == 25
    values = np.unique(np.concatenate([tree.tree_.threshold for tree in trees]))
    beside = np.concatenate([values, np.nextafter(values, 9)])
    on_thresholds = np.random.default_rng(1).choice(beside, (300, 6)).astype(np.float32)
    steps = np.concatenate([steps, on_thresholds])
    logits, _ = head(torch.from_numpy(steps)[None])
    found = logits.sigmoid() if multi_label else logits.softmax(-1)
    expected = np.mean([tree.predict(steps) for tree in trees], axis=0)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=2e-6)
    assert np.ptp(expected, axis=0).min() > 0.05


@pytest.mark.parametrize(("weights", "fraction"), [((3, 1), 3 / 4), ((1, 1), 1 / 2), ((0, 1), 0)])
def test_a_step_is_drawn_as_often_as_it_weighs(weights, fraction):
    """Two steps that sound alike and have different labels: only their weights tell."""
    head = ForestHead(1, 2, trees=200, depth=1, step_fraction=1.0)
    head.fit(np.ones((50, 1)), np.eye(2).repeat(25, axis=0), np.repeat(weights, 25), seed=0)
    found = head(torch.ones(1, 1, 1)).clip_logits.softmax(-1)[0, 0].item()
    # 10,000 draws have a standard error of half a hundredth.
    assert found == pytest.approx(fraction, abs=0.02)


@pytest.mark.filterwarnings("error")
def test_a_forest_may_have_one_class():
    head = ForestHead(1, 1, trees=10, depth=1, multi_label=True)
    steps = np.linspace(0, 1, 50)[:, None]
    head.fit(steps, (steps > 0.5).astype(float), np.ones(50), seed=0)
    found = head(torch.tensor([[[0.2], [0.8]]])).step_logits.sigmoid().flatten()
    assert found[0] < 0.1
    assert found[1] > 0.9


def test_embeddings_of_another_size_are_refused():
    head, _ = fitted()
    with pytest.raises(ValueError, match="expected embeddings of 6 numbers, got 5"):
        head(torch.zeros(1, 1, 5))
    with pytest.raises(ValueError, match="expected embeddings of 6 numbers, got 7"):
        head.fit(np.zeros((9, 7)), np.zeros((9, 3)), np.ones(9), seed=0)


def test_a_clip_is_the_mean_of_its_own_steps():
    head, steps = fitted()
    batch = torch.from_numpy(steps[:12]).reshape(2, 6, 6)
    step_logits, clip_logits = head(batch, torch.tensor([1.0, 0.5]))
    probabilities = step_logits.softmax(-1)
    expected = torch.stack([probabilities[0].mean(0), probabilities[1, :3].mean(0)])
    torch.testing.assert_close(clip_logits.softmax(-1), expected)
    torch.testing.assert_close(head(batch).clip_logits[0], clip_logits[0])


def test_a_forest_is_kept_and_drawn_anew_from_its_seed():
    head, steps = fitted()
    again = ForestHead(6, 3, trees=25, depth=4)
    before = again(torch.from_numpy(steps)[None]).clip_logits.softmax(-1)
    torch.testing.assert_close(before, torch.full((1, 3), 1 / 3))
    again.load_state_dict(head.state_dict())
    batch = torch.from_numpy(steps)[None]
    torch.testing.assert_close(again(batch), head(batch), atol=0, rtol=0)
    torch.testing.assert_close(fitted()[0](batch), head(batch), atol=0, rtol=0)
    assert (fitted(seed=2)[0].feature != head.feature).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trees": 0}, "trees must be at least 1, got 0"),
        ({"depth": 0}, "depth must be at least 1, got 0"),
        (
            {"depth": 17},
            r"depth must be at most 16, as a tree takes 2 \*\* depth leaves, got 17",
        ),
        ({"step_fraction": 0.0}, "step_fraction must be above 0 and at most 1, got 0.0"),
        ({"step_fraction": 1.5}, "step_fraction must be above 0 and at most 1, got 1.5"),
    ],
)
def test_impossible_forests_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ForestHead(6, 3, **settings)


class Recorder(FittedHead):
    """Keeps what it was fitted to."""

    def fit(self, steps, targets, weights, seed):
        self.got = {"steps": steps, "targets": targets, "weights": weights, "seed": seed}

    def forward(self, embeddings, lengths=None):
        logits = torch.zeros(*embeddings.shape[:2], 2)
        return HeadOutput(logits, logits.mean(1))


def recording(balance, tmp_path):
    """A brain with a `Recorder`, and three clips of one, three and two steps."""
    np.save(tmp_path / "kept.npy", np.arange(6, dtype=np.float32)[:, None])
    places = {"a": (0, 1), "b": (1, 3), "c": (4, 2)}  # the first step and how many
    kept = {name: (str(tmp_path / "kept.npy"), *place) for name, place in places.items()}
    labels = {"a": ["x"], "b": ["x"], "c": ["y"]}
    manifest = {name: {"labels": labels[name], "fold": 1} for name in places}
    task = SingleLabel(["x", "y"])
    encoder = MFCCStatistics()
    tagger = AudioTagger(LogMel(n_mels=40), nn.Identity(), nn.Identity(), encoder, Recorder())
    hparams = {"tagger": tagger, "task": task, "balance": balance, "seed": 7, "train_loggers": []}
    hparams |= {"epoch_counter": EpochCounter(1), "fine_tuning": FineTuning(frozen_epochs=1)}
    checkpointer = AtomicCheckpointer(tmp_path / "save", {"tagger": tagger})
    brain = FittedHeadBrain({"head": tagger.head}, None, hparams, None, checkpointer)
    return brain, embedding_dataset(manifest, kept, task.target, [1])


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
        both = [model.tag_batch(sound.float()) for model in (torch_model, onnx_model)]
        differences.append(float((both[0] - both[1]).abs().max()))
    # A number beside a threshold may fall on its other side: a tree of twenty, here.
    assert sorted(differences)[1] < 1e-4
    assert max(differences) < 0.05
