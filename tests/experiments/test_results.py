import pytest

from aed_plugins.data import describe_data
from aed_plugins.experiments import results_table
from aed_plugins.training import SingleLabel

PARTIAL = {"state": "partial", "clips": 2148, "expected_clips": 8732, "bad_clips": 0}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (PARTIAL, "PARTIAL DATA: 2148 of 8732 clips; not comparable with published scores."),
        (
            PARTIAL | {"clips": 8730, "bad_clips": 2},
            "PARTIAL DATA: 8730 of 8732 clips; not comparable with published scores. 2 bad clips",
        ),
        (PARTIAL | {"state": "complete", "clips": 8732}, "Complete data: 8732 clips."),
        (PARTIAL | {"state": "demonstration"}, "DEMONSTRATION: synthesized sounds;"),
    ],
)
def test_a_line_describes_the_data_that_scores_were_measured_on(data, line):
    assert describe_data(data).startswith(line)


def test_the_table_has_a_row_per_fold_and_says_how_they_spread():
    fold = {"test_fold": 2, "valid_folds": [], "clips": 888, "accuracy": 0.535, "macro_f1": 0.5}
    lines = results_table(
        {
            "folds": [fold | {"epochs": 15, "seconds": 503.7}],
            "accuracy": {"mean": 0.488, "deviation": 0.045},
            "macro_f1": {"mean": 0.509, "deviation": 0.026},
            "data": PARTIAL,
        },
        SingleLabel(["siren"]),
    ).splitlines()
    assert lines[1].split() == ["2", "none", "888", "53.5%", "50.0%", "15", "504"]
    assert lines[2].split() == ["mean", "48.8%", "50.9%"]
    assert lines[3].split() == ["deviation", "4.5%", "2.6%"]
