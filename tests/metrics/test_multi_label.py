import json
import tracemalloc
import warnings

import numpy as np
import pytest
import sklearn.metrics
from clip_scores import make_scores
from scipy.stats import norm

from aed_plugins.metrics import compute_metrics, multi_label
from aed_plugins.metrics.multi_label import compute_bootstrap_intervals

NAMES = [
    *(f"{kind}_{rate}" for kind in ("micro", "macro") for rate in ("precision", "recall", "f1")),
    *("mAP", "AUC", "d_prime", "lwlrap"),
]


def naive_metrics(targets, probabilities, thresholds):
    """The metrics of one bootstrap sample from scikit-learn, class by class."""
    rows, weight = [], targets.sum(1)
    predicted = probabilities >= thresholds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        micro = sklearn.metrics.precision_recall_fscore_support(
            targets.ravel(), predicted.ravel(), average="binary", zero_division=0
        )[:3]
        for target, guess, score in zip(targets.T, predicted.T, probabilities.T, strict=True):
            if not target.any():
                continue
            row = sklearn.metrics.precision_recall_fscore_support(
                target, guess, average="binary", zero_division=0
            )[:3]
            precision = sklearn.metrics.average_precision_score(target, score)
            auc = np.nan if target.all() else sklearn.metrics.roc_auc_score(target, score)
            rows.append([*row, precision, auc])
        if not rows:
            return [np.nan] * len(NAMES)
        *means, auc = np.nanmean(rows, axis=0)
        ranking = sklearn.metrics.label_ranking_average_precision_score(
            targets, probabilities, sample_weight=weight
        )
    return [*micro, *means, auc, np.sqrt(2) * norm.ppf(np.clip(auc, 1e-9, 1 - 1e-9)), ranking]


@pytest.mark.parametrize("levels", [None, 1, 6])
def test_intervals_are_those_of_a_loop_over_the_same_bootstrap_samples(levels, monkeypatch):
    # Few clips and positives: some bootstrap samples lack a class, or have it in every clip.
    targets, probabilities = make_scores(clips=12, classes=4, levels=levels)
    for index, positives in enumerate([2, 11, 4, 3]):
        targets[:, index] = np.roll(np.arange(12) < positives, index)
    thresholds = [0.5, 0.3, 0.6, 0.4]
    monkeypatch.setattr(multi_label, "BOOTSTRAP_SAMPLES_AT_ONCE", 7)
    ours = compute_bootstrap_intervals(
        targets, probabilities, thresholds, seed=3, bootstrap_samples=60, level=0.8
    )
    drawn = np.random.default_rng(3).integers(12, size=(60, 12))
    naive = np.array([naive_metrics(targets[i], probabilities[i], thresholds) for i in drawn])
    for lacking in (0, 12):
        assert 0 < sum(lacking in targets[i].sum(0) for i in drawn) < 60
    for name, values in zip(NAMES, naive.T, strict=True):
        assert ours[name] == pytest.approx(tuple(np.nanquantile(values, [0.1, 0.9]))), name


def test_intervals_hold_the_metrics_and_grow_with_the_level():
    targets, probabilities = make_scores(clips=300)
    thresholds = np.full(5, 0.5)
    wide = compute_metrics(targets, probabilities, thresholds, list("abcde"), level=0.99)
    narrow = compute_metrics(targets, probabilities, thresholds, list("abcde"), level=0.5)
    for name in NAMES:
        assert wide["intervals"][name][0] < wide[name] < wide["intervals"][name][1]
        assert np.ptp(narrow["intervals"][name]) < np.ptp(wide["intervals"][name])


def test_the_seed_decides_the_intervals():
    data = *make_scores(), np.full(5, 0.5)
    first, again, other = (
        compute_bootstrap_intervals(*data, seed=seed, bootstrap_samples=50) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_the_bootstrap_holds_no_array_of_clips_by_bootstrap_samples():
    targets, probabilities = make_scores(clips=2000, classes=3)
    tracemalloc.start()
    compute_bootstrap_intervals(targets, probabilities, [0.5] * 3, seed=0, bootstrap_samples=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 1000 * 4 / 2


def assert_is_json(result):
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_class_without_a_positive_counts_in_no_mean_and_is_none_in_the_table():
    targets, probabilities = make_scores()
    targets[:, 2] = 0
    others = [0, 1, 3, 4]
    thresholds = np.full(5, 0.5)
    result = compute_metrics(
        targets, probabilities, thresholds, list("abcde"), bootstrap_samples=20
    )
    rest = compute_metrics(
        targets[:, others],
        probabilities[:, others],
        thresholds[:4],
        list("abde"),
        bootstrap_samples=20,
    )
    for name in ("macro_precision", "macro_recall", "macro_f1", "mAP", "AUC", "d_prime"):
        assert result[name] == pytest.approx(rest[name])
        assert result["intervals"][name] == pytest.approx(rest["intervals"][name])
    assert result["micro_precision"] < rest["micro_precision"]
    missing = result["per_class"][2]
    assert {name for name, value in missing.items() if value is None} == {
        *("precision", "recall", "f1", "AP", "AUC", "d_prime")
    }
    assert_is_json(result)


def test_a_class_in_every_clip_has_an_ap_and_no_auc():
    targets, probabilities = make_scores()
    targets[:, 1] = 1
    result = compute_metrics(
        targets, probabilities, np.full(5, 0.5), list("abcde"), bootstrap_samples=20
    )
    assert result["per_class"][1]["AP"] == 1
    assert result["per_class"][1]["AUC"] is None
    areas = [row["AUC"] for row in result["per_class"] if row["label"] != "b"]
    assert result["AUC"] == pytest.approx(np.mean(areas))
    assert_is_json(result)


def test_without_any_positive_every_metric_is_none():
    _, probabilities = make_scores()
    result = compute_metrics(
        0 * probabilities, probabilities, np.full(5, 0.5), list("abcde"), bootstrap_samples=9
    )
    assert {result[name] for name in NAMES} == {None}
    assert result["intervals"] == dict.fromkeys(NAMES)
    assert_is_json(result)


def test_one_clip_has_metrics():
    result = compute_metrics([[1, 0]], [[0.4, 0.6]], [0.5, 0.5], ["a", "b"], bootstrap_samples=5)
    assert result["mAP"] == 1
    assert result["AUC"] is None
    assert result["lwlrap"] == 0.5
    assert result["micro_f1"] == 0
    assert result["intervals"]["lwlrap"] == [0.5, 0.5]
    assert_is_json(result)


def test_equal_scores_give_the_metrics_of_chance():
    targets, _ = make_scores(clips=200)
    result = compute_metrics(targets, np.full(targets.shape, 0.5), np.full(5, 0.5), list("abcde"))
    fraction = targets.mean(0)
    assert result["AUC"] == 0.5
    assert result["d_prime"] == 0
    assert result["mAP"] == pytest.approx(fraction.mean())
    assert result["macro_precision"] == pytest.approx(fraction.mean())
    assert result["intervals"]["AUC"] == [0.5, 0.5]


def test_a_single_class_is_not_taken_for_two():
    targets, probabilities = make_scores(classes=1)
    result = compute_metrics(targets, probabilities, [0.5], ["a"], bootstrap_samples=5)
    f1 = sklearn.metrics.f1_score(targets[:, 0], probabilities[:, 0] >= 0.5)
    assert result["micro_f1"] == result["macro_f1"] == result["per_class"][0]["f1"]
    assert result["macro_f1"] == pytest.approx(f1)
    assert result["lwlrap"] == 1


def test_truth_values_and_numbers_are_the_same_targets():
    targets, probabilities = make_scores()
    arguments = probabilities, np.full(5, 0.5), list("abcde")
    assert compute_metrics(targets, *arguments) == compute_metrics(targets.astype(bool), *arguments)


def test_without_bootstrap_samples_there_are_no_intervals():
    assert compute_metrics([[1]], [[0.9]], [0.5], ["a"], bootstrap_samples=0)["intervals"] == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": [[1, 0, 1]]}, r"got shapes \(1, 3\) and \(1, 2\)"),
        ({"targets": [[2, 0]]}, "targets of 0 and 1 only"),
        ({"probabilities": [[np.nan, 0.5]]}, "from 0 to 1, got others or NaN"),
        ({"probabilities": [[1.5, 0.5]]}, "from 0 to 1, got others or NaN"),
        ({"thresholds": [0.5]}, r"expected 2 thresholds, got an array of shape \(1,\)"),
        ({"labels": ["a"]}, "expected 2 labels, got 1"),
        ({"bootstrap_samples": -1}, "at least 1 bootstrap sample"),
        ({"level": 95}, "a level between 0 and 1, got 1000 and 95"),
    ],
)
def test_what_does_not_belong_together_is_refused(change, message):
    right = {"targets": [[1, 0]], "probabilities": [[0.5, 0.5]]}
    right |= {"thresholds": [0.5, 0.5], "labels": ["a", "b"]}
    with pytest.raises(ValueError, match=message):
        compute_metrics(**(right | change))
