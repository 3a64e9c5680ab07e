import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

from aed_plugins.metrics.bootstrap import (
    compute_percentile_interval,
    draw_bootstrap_weights,
    expand_tail,
)


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 1000))
def test_weights_count_how_often_each_unit_is_drawn(units, samples, seed):
    weights = draw_bootstrap_weights(np.random.default_rng(seed), units, samples)
    drawn = np.random.default_rng(seed).integers(units, size=(samples, units))
    for sample, row in enumerate(drawn):
        assert weights[:, sample].tolist() == np.bincount(row, minlength=units).tolist()


def test_an_interval_leaves_out_what_is_not_defined():
    assert compute_percentile_interval([np.nan, np.nan], tail=0.025) is None
    values = np.random.default_rng(0).random(1000)
    expected = np.quantile(values, [0.025, 0.975])
    found = compute_percentile_interval([*values, np.nan], tail=0.025)
    assert found == pytest.approx(tuple(expected))


@pytest.mark.parametrize("units", [2, 5, 12, 100])
def test_an_expanded_tail_is_that_of_students_distribution(units):
    # For 12 units t is 2.201; times the root of 12 / 11 it is 2.299.
    widened = np.sqrt(units / (units - 1)) * scipy.stats.t.ppf(0.025, units - 1)
    assert expand_tail(0.025, units) == pytest.approx(scipy.stats.norm.cdf(widened))
    assert expand_tail(0.025, units) < 0.025
