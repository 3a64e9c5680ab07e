import numpy as np
import pytest
import sklearn.metrics
from clip_scores import FEW, SETS
from hypothesis import given

from aed_plugins.metrics.rates import (
    compute_class_rates,
    compute_macro_rates,
    compute_micro_rates,
)


@FEW
@given(SETS)
def test_precision_recall_and_f1_equal_scikit_learn(data):
    targets, probabilities = data
    thresholds = np.linspace(0.3, 0.6, targets.shape[1])
    predicted = (probabilities >= thresholds).astype(int)
    present = np.flatnonzero(targets.any(0))
    score = sklearn.metrics.precision_recall_fscore_support
    if len(present):
        expected = score(targets, predicted, average="micro", zero_division=0)[:3]
        assert compute_micro_rates(targets, probabilities, thresholds) == pytest.approx(expected)
        expected = score(targets, predicted, average="macro", labels=present, zero_division=0)[:3]
        assert compute_macro_rates(targets, probabilities, thresholds) == pytest.approx(expected)
    expected = np.array(score(targets, predicted, average=None, zero_division=0)[:3])
    ours = np.array(compute_class_rates(targets, probabilities, thresholds))
    np.testing.assert_allclose(ours[:, present], expected[:, present])
    assert np.isnan(np.delete(ours, present, axis=1)).all()
