import numpy as np
import pytest
from clip_predictions import TARGETS, make_predictions
from hypothesis import given, strategies as st

from aed_plugins.metrics import (
    Predictions,
    compute_accuracy,
    compute_cross_entropy,
    compute_macro_f1,
)


@given(TARGETS, st.integers(0, 1000))
def test_metrics_equal_their_definitions(targets, seed):
    result = make_predictions(targets, seed)
    predicted = result.probabilities.argmax(1)
    assert compute_accuracy(result) == pytest.approx(np.mean(predicted == result.targets))
    scores = []
    for label in sorted(set(targets)):
        hits = np.sum((predicted == label) & (result.targets == label))
        scores.append(2 * hits / (np.sum(predicted == label) + np.sum(result.targets == label)))
    assert compute_macro_f1(result) == pytest.approx(np.mean(scores))
    right = [row[target] for row, target in zip(result.probabilities, targets, strict=True)]
    assert compute_cross_entropy(result) == pytest.approx(-np.mean(np.log(np.maximum(right, 1e-7))))


def test_a_certain_error_keeps_the_loss_finite():
    certain = Predictions(["a"], np.array([0]), np.array([[0.0, 1.0]]))
    assert compute_cross_entropy(certain) == pytest.approx(-np.log(1e-7))
