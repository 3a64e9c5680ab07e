"""Statistics, bounds and tables on known numbers."""

import pytest
from harness_report import Bound, comparison_lines, spread, summarize


def samples(walls, cpus=None, peaks=None):
    cpus, peaks = cpus or walls, peaks or [None] * len(walls)
    return [
        {"wall": wall, "cpu": cpu, "peak": peak}
        for wall, cpu, peak in zip(walls, cpus, peaks, strict=True)
    ]


# The machine slows down from round to round.
DRIFT = {
    "ours": samples([2.0, 4.0, 8.0], [1.0, 1.0, 1.0], [150.0, 160.0, 155.0]),
    "theirs": samples([1.0, 2.0, 4.0], [4.0, 2.0, 4.0], [100.0, 100.0, 100.0]),
}


def test_median_range_and_quartiles():
    assert spread([4.0, 1.0, 2.0, 5.0, 3.0]) == {
        "median": 3.0,
        "min": 1.0,
        "max": 5.0,
        "lower_quartile": 2.0,
        "upper_quartile": 4.0,
    }
    assert spread([2.0])["lower_quartile"] == 2.0
    assert spread([]) is None


def test_a_drift_of_the_machine_cancels_in_ratios():
    ours = summarize(DRIFT, "theirs", [])["contestants"]["ours"]
    assert ours["wall"]["max"] == 8
    assert (ours["wall ratio"]["min"], ours["wall ratio"]["max"]) == (2, 2)
    assert ours["cpu ratio"]["median"] == 0.25  # the median of 1/4, 1/2 and 1/4
    assert ours["peak difference"]["median"] == 55


def test_what_is_not_known_is_none():
    summary = summarize({"a": samples([1.0]), "b": samples([1.0], [0.0])}, "b", [])
    assert summary["contestants"]["a"]["cpu ratio"] is None
    assert summary["contestants"]["a"]["peak difference"] is None


def test_rounds_that_only_one_contestant_has_finished_make_no_ratio():
    partial = {"a": samples([1.0, 9.0]), "b": samples([2.0])}
    assert summarize(partial, "b", [])["contestants"]["a"]["wall ratio"]["max"] == 0.5


@pytest.mark.parametrize(
    ("bound", "met"),
    [
        (Bound("ours", "wall", 4.0), True),
        (Bound("ours", "wall", 3.9), False),
        (Bound("ours", "cpu ratio", 0.25), True),
        (Bound("ours", "peak difference", 54.0), False),
        (Bound("theirs", "wall ratio", 0.5, reference="ours"), True),
    ],
)
def test_a_bound_is_met_if_the_median_is(bound, met):
    (checked,) = summarize(DRIFT, "theirs", [bound])["bounds"]
    assert checked["met"] is met


def test_a_bound_on_an_unknown_measure_is_refused():
    with pytest.raises(ValueError, match="got 'time'"):
        Bound("ours", "time", 1.0)


def table(mode, *bounds):
    comparison = {"title": "turns", "unit": "clip", "notes": ["Equal."]}
    return comparison_lines(comparison | summarize(DRIFT, "theirs", bounds), mode)


def test_a_table_has_medians_ranges_ratios_and_memory():
    title, _, header, _, ours, theirs = table("full")[:6]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in (header, ours, theirs)]
    assert title == "## turns, full: s per clip"
    assert dict(zip(cells[0], zip(*cells[1:], strict=True), strict=True)) == {
        "contestant": ("ours", "theirs"),
        "wall": ("4.00 (2.00 to 8.00)", "2.00 (1.00 to 4.00)"),
        "ratio": ("2.00", "reference"),
        "CPU": ("1.00", "4.00 (2.00 to 4.00)"),
        "CPU ratio": ("0.250 (0.250 to 0.500)", "reference"),
        "peak, MB": ("155 (150 to 160)", "100"),
        "difference, MB": ("55.0 (50.0 to 60.0)", "reference"),
    }


def test_short_times_are_in_milliseconds():
    fast = {"title": "turns", "unit": "clip", "notes": []}
    title, _, header, _, row = comparison_lines(
        fast | summarize({"a": samples([0.5])}, "a", []), "full"
    )
    assert title == "## turns, full: ms per clip"
    assert "500" in row
    assert "peak" not in header


def test_a_table_says_which_bounds_are_met():
    limits = [Bound("ours", "wall", 5.0), Bound("ours", "peak difference", 50.0)]
    assert table("full", *limits)[6:] == [
        "\nEqual.",
        "\nBound: ours, wall, at most 5 s: 4.00 (2.00 to 8.00): met",
        "\nBound: ours, peak difference to theirs, at most 50 MB: 55.0 (50.0 to 60.0): NOT MET",
    ]
    assert table("QUICK", limits[0])[-1].endswith("not evaluated in QUICK mode")
