"""The statistics of an ablation, against published values, scipy and sums done by hand."""

import math

import pytest
import scipy.stats
from ablation_row import row
from hypothesis import given, strategies as st

from aed_plugins.experiments.ablation.statistics import corrected_t_test, holm, mcnemar
from aed_plugins.experiments.ablation.summary import summaries


def test_without_shared_training_clips_the_test_is_students():
    values = [1.5, -0.25, 2.0, 3.5, 0.75]
    found = corrected_t_test(values, 0.0)
    students = scipy.stats.ttest_1samp(values, 0.0)
    assert found.p_value == pytest.approx(students.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(students.confidence_interval(0.95)))


def test_shared_training_clips_widen_the_interval():
    # By hand: mean 2, variance 4/3; (1/4 + 1/9) * 4/3 = 13/27; t of 3 degrees at 97.5 %: 3.182446.
    found = corrected_t_test([1.0, 1.0, 3.0, 3.0], 1 / 9)
    assert found.mean == 2
    assert found.high - found.mean == pytest.approx(3.182446 * math.sqrt(13 / 27), rel=1e-6)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    # The distribution function of Student's t with 3 degrees of freedom has a closed form.
    x = 2 / math.sqrt(13 / 27) / math.sqrt(3)
    assert found.p_value == pytest.approx(1 - 2 / math.pi * (x / (1 + x**2) + math.atan(x)))


@pytest.mark.parametrize("values", [[3.0], [2.0, 2.0, 2.0], [0.1, 0.1, 0.1], [0.0, 0.0]])
def test_without_a_spread_there_is_no_interval(values):
    assert corrected_t_test(values, 1 / 9) == (pytest.approx(values[0]), None, None, None)


def test_mcnemar_gives_the_published_mid_p():
    # The example of Fagerland, Lydersen and Laake (2013), of their table 1.
    assert mcnemar(1, 7) == mcnemar(7, 1) == pytest.approx(0.0391, abs=5e-5)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_counts_half_of_what_is_as_likely_as_what_was_seen(here, there):
    chances = [math.comb(here + there, k) / 2 ** (here + there) for k in range(here + there + 1)]
    further = [p for k, p in enumerate(chances) if abs(2 * k - here - there) > abs(here - there)]
    seen = [p for k, p in enumerate(chances) if abs(2 * k - here - there) == abs(here - there)]
    expected = 1.0 if here + there == 0 else sum(further) + sum(seen) / 2
    assert mcnemar(here, there) == pytest.approx(expected)


def test_holm_gives_what_r_gives():
    # p.adjust(c(0.01, 0.04, 0.03, 0.02), "holm") and p.adjust(c(0.6, 0.5), "holm")
    assert holm([0.01, 0.04, None, 0.03, 0.02]) == pytest.approx([0.04, 0.06, None, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def test_seeds_of_a_fold_are_one_value():
    # Differences per fold: 25 and 75 (mean 50), 0 and 0, and 25: by hand over 50, 0 and 25.
    zero, one, three = (0, 0, 0, 0), (1, 0, 0, 0), (1, 1, 1, 0)
    runs = {(1, 1): one, (1, 2): three, (2, 1): zero, (2, 2): zero, (3, 1): one}
    found = summaries(
        {
            "reference": [row(*key, zero) for key in runs],
            "other": [row(*key, right) for key, right in runs.items()],
        }
    )[1]
    assert found.difference == corrected_t_test([50.0, 0.0, 25.0], 1 / 9)
    assert found.difference.mean == 25
    assert list(found.differences) == [25, 75, 0, 0, 25]
    # Right only here: in the mean 2, 0 and 1 of the folds' clips.
    assert found.discordant == (3, 0, mcnemar(3, 0))


def test_seeds_of_the_only_fold_are_values_of_their_own():
    zero = [row(1, seed, (0, 0, 0, 0)) for seed in (1, 2)]
    other = [row(1, 1, (1, 0, 0, 0)), row(1, 2, (1, 1, 1, 0))]
    found = summaries({"reference": zero, "other": other})[1]
    assert found.difference == corrected_t_test([25.0, 75.0], 1 / 9)


def test_runs_are_paired_on_the_same_clips_alone():
    reference = [row(1), row(2), row(3), row(4)]
    other = [
        row(1, right=(1, 1, 1, 0)),
        row(2, right=(1, 1, 1, 1), clips_digest="f" * 12),
        row(3, right=(1, 1, 1, 1), train_folds=(1, 2)),
        row(5, right=(1, 1, 1, 1)),
    ]
    found = summaries({"reference": reference, "other": other})[1]
    assert list(found.differences) == [25]
    assert found.unpaired == 2
    assert len(found.accuracies) == 4
    assert found.discordant[:2] == (1, 0)


def test_seconds_are_compared_on_equal_machines_alone():
    reference = [row(1, seconds=10.0), row(2, seconds=10.0), row(3, seconds=30.0)]
    other = [
        row(1, seconds=20.0),
        row(2, seconds=1.0, device="cuda"),
        row(3, seconds=40.0),
        row(4, seconds=999.0),
    ]
    assert summaries({"r": reference, "o": other})[1].relative_seconds == 60 / 40
    alone = summaries({"r": reference, "o": [row(1, threads=8)]})[1]
    assert alone.relative_seconds is None
