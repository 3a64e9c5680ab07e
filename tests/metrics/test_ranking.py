import numpy as np
import pytest
import sklearn.metrics
from clip_scores import FEW, SETS, make_scores
from hypothesis import given, strategies as st
from scipy.stats import norm

from aed_plugins.metrics import ranking
from aed_plugins.metrics.ranking import (
    Ranking,
    compute_average_precision,
    compute_d_prime,
    compute_lwlrap,
    compute_roc_auc,
)


@FEW
@given(SETS)
def test_average_precision_and_auc_equal_their_definitions(data):
    targets, probabilities = data
    precisions = compute_average_precision(targets, probabilities)
    areas = compute_roc_auc(targets, probabilities)
    for index, (precision, auc) in enumerate(zip(precisions, areas, strict=True)):
        target, score = targets[:, index] == 1, probabilities[:, index]
        taken = [score >= own for own in score[target]]
        fractions = [(target & above).sum() / above.sum() for above in taken]
        expected = np.mean(fractions) if fractions else np.nan
        assert precision == pytest.approx(expected, nan_ok=True)
        pairs = np.sign(score[target][:, None] - score[~target]) / 2 + 0.5
        expected = pairs.mean() if pairs.size else np.nan
        assert auc == pytest.approx(expected, nan_ok=True)


@FEW
@given(SETS)
def test_lwlrap_is_scikit_learns_ranking_precision_weighted_by_labels_per_clip(data):
    targets, probabilities = data
    if not targets.any():
        assert np.isnan(compute_lwlrap(targets, probabilities))
        return
    expected = sklearn.metrics.label_ranking_average_precision_score(
        targets, probabilities, sample_weight=targets.sum(1)
    )
    assert compute_lwlrap(targets, probabilities) == pytest.approx(expected)


def test_lwlrap_does_not_depend_on_how_much_is_computed_at_a_time(monkeypatch):
    targets, probabilities = make_scores()
    whole = compute_lwlrap(targets, probabilities)
    monkeypatch.setattr(ranking, "VALUES_AT_ONCE", 15)
    assert compute_lwlrap(targets, probabilities) == whole


@given(st.floats(1e-6, 1 - 1e-6))
def test_d_prime_separates_two_normals_so_that_they_have_the_auc(auc):
    # P(X > Y) for X ~ N(d', 1) and Y ~ N(0, 1), whose difference has the variance 2.
    assert norm(compute_d_prime(auc), np.sqrt(2)).sf(0) == pytest.approx(auc)


def test_d_prime_of_a_perfect_and_of_a_reversed_ranking_is_finite():
    assert compute_d_prime([0.0, 1.0]) == pytest.approx([-8.482, 8.482], abs=1e-3)


@FEW
@given(SETS)
def test_a_rising_map_of_the_scores_changes_no_metric_of_ranking(data):
    targets, probabilities = data
    mapped = np.exp(probabilities) / 3
    for metric in (compute_average_precision, compute_roc_auc, compute_lwlrap):
        np.testing.assert_array_equal(metric(targets, mapped), metric(targets, probabilities))


@FEW
@given(SETS)
def test_each_clip_drawn_once_gives_scikit_learns_metrics(data):
    targets, probabilities = data
    once = np.ones((len(targets), 1), np.float32)
    columns = zip(targets.T, probabilities.T, strict=True)
    ours = np.array([Ranking.of(*column).compute_metrics(once) for column in columns])[:, :, 0]
    expected = [metric(*data) for metric in (compute_average_precision, compute_roc_auc)]
    np.testing.assert_allclose(ours.T, expected)
