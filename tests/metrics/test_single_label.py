import numpy as np
import pytest
from hypothesis import given, strategies as st

from aed_plugins.metrics import (
    Predictions,
    compute_accuracy,
    compute_confusion_matrix,
    compute_cross_entropy,
    compute_macro_f1,
    concatenate_predictions,
)


def predictions(targets, seed=0, classes=4):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), len(targets))
    return Predictions(
        [f"clip{i:03}" for i in range(len(targets))], np.array(targets), probabilities
    )


TARGETS = st.lists(st.integers(0, 3), min_size=1, max_size=60)


@given(TARGETS, st.integers(0, 1000))
def test_metrics_equal_their_definitions(targets, seed):
    result = predictions(targets, seed)
    predicted = result.probabilities.argmax(1)
    assert compute_accuracy(result) == pytest.approx(np.mean(predicted == result.targets))
    scores = []
    for label in sorted(set(targets)):
        hits = np.sum((predicted == label) & (result.targets == label))
        scores.append(2 * hits / (np.sum(predicted == label) + np.sum(result.targets == label)))
    assert compute_macro_f1(result) == pytest.approx(np.mean(scores))
    matrix = compute_confusion_matrix(result)
    for row in range(4):
        for column in range(4):
            both = (result.targets == row) & (predicted == column)
            assert matrix[row, column] == np.sum(both)
    right = [row[target] for row, target in zip(result.probabilities, targets, strict=True)]
    assert compute_cross_entropy(result) == pytest.approx(-np.mean(np.log(np.maximum(right, 1e-7))))


@given(TARGETS, st.integers(1, 5), st.randoms())
def test_predictions_in_parts_are_joined(targets, processes, random):
    whole = predictions(targets)
    order = list(range(len(targets)))
    random.shuffle(order)
    parts = [
        Predictions([whole.ids[i] for i in part], whole.targets[part], whole.probabilities[part])
        for part in (np.array(order[rank::processes], dtype=int) for rank in range(processes))
    ]
    together = concatenate_predictions(parts)
    assert together.ids == whole.ids
    assert np.array_equal(together.targets, whole.targets)
    assert np.array_equal(together.probabilities, whole.probabilities)


def test_a_certain_error_keeps_the_loss_finite():
    certain = Predictions(["a"], np.array([0]), np.array([[0.0, 1.0]]))
    assert compute_cross_entropy(certain) == pytest.approx(-np.log(1e-7))
