"""A forest, against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeRegressor

from aed_plugins.models import ForestHead


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
