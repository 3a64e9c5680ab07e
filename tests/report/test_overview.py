"""Curves and spectrograms of recordings of any length."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.report.overview import Overview


@settings(max_examples=60)
@given(
    columns=st.integers(1, 200),
    half=st.integers(1, 6),
    cuts=st.lists(st.integers(0, 200), max_size=8),
    seed=st.integers(0, 9),
)
def test_overview_keeps_the_largest_however_it_is_fed(columns, half, cuts, seed):
    values = np.random.default_rng(seed).random((columns, 3), np.float32)
    overview = Overview(3, column_length=0.1, most=2 * half)
    for part in np.split(values, sorted(min(cut, columns) for cut in cuts)):
        overview.push(part)
    merged = 1
    while -(-columns // merged) > 2 * half:
        merged *= 2
    expected = np.maximum.reduceat(values, range(0, columns, merged))
    result, length = overview.result()
    assert length == pytest.approx(0.1 * merged)
    np.testing.assert_array_equal(result, np.rint(expected.T * 255).astype(np.uint8))


def test_overview_of_eight_hours_of_all_classes_stays_within_4096_columns():
    overview = Overview(527, column_length=0.5)
    for start in range(0, 57_600, 7_200):
        values = np.zeros((7_200, 527), np.float32)
        values[0, start % 527] = 1
        overview.push(values)
    result, length = overview.result()
    assert result.shape == (527, 3600)
    assert length == 8.0
    assert result[7200 % 527, 450] == 255


def test_overview_scales_to_the_levels_it_is_asked_for():
    overview = Overview(1, column_length=1.0)
    overview.push([[-80.0], [-60.0], [-40.0], [0.0]])
    result, _ = overview.result(-60, -20)
    assert result.tolist() == [[0, 0, 128, 255]]
    assert overview.range(0, 1) == (-80, 0)


def test_silence_is_quiet_everywhere():
    overview = Overview(2, column_length=1.0)
    overview.push(np.full((3, 2), -9.0))
    assert not overview.result(*overview.range())[0].any()


def test_nothing_pushed_gives_no_columns():
    assert Overview(2, column_length=1.0).result()[0].shape == (2, 0)
    with pytest.raises(ValueError, match="got none"):
        Overview(2, column_length=1.0).range()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": 0}, "1 row, got 0"),
        ({"most": 5}, "even number of columns, 2 or more, got 5"),
        ({"column_length": 0.0}, "above 0 seconds, got 0"),
    ],
)
def test_overview_refuses_sizes_out_of_range(wrong, message):
    with pytest.raises(ValueError, match=message):
        Overview(**{"rows": 1, "column_length": 1.0} | wrong)


@pytest.mark.parametrize(
    ("values", "message"),
    [([[1.0, 2.0]], r"\(column, 1\), got shape \(1, 2\)"), ([[np.nan]], "expected finite")],
)
def test_overview_refuses_other_values(values, message):
    with pytest.raises(ValueError, match=message):
        Overview(1, column_length=1.0).push(values)


def test_overview_refuses_levels_upside_down():
    with pytest.raises(ValueError, match="expected low <= high, got 1 and 0"):
        Overview(1, column_length=1.0).result(1, 0)
