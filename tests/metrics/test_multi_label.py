import json
import tracemalloc
import warnings

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings, strategies as st
from scipy.stats import norm

from aed_plugins.metrics import compute_metrics, multi_label as multi_label_metrics
from aed_plugins.metrics.bootstrap import Ranking
from aed_plugins.metrics.multi_label import (
    average_precision,
    bootstrap_intervals,
    class_rates,
    d_prime,
    lwlrap,
    macro_rates,
    micro_rates,
    roc_auc,
)

NAMES = [
    *(f"{kind}_{rate}" for kind in ("micro", "macro") for rate in ("precision", "recall", "f1")),
    *("mAP", "AUC", "d_prime", "lwlrap"),
]


def evaluation(clips=40, classes=5, seed=0, levels=None, share=0.3):
    """Scores that lean towards the targets; with `levels`, only so many differ."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((clips, classes)) < share).astype(np.int8)
    scores = 0.3 * targets + 0.7 * rng.random((clips, classes))
    return targets, scores if levels is None else np.floor(scores * levels) / levels


# scikit-learn checks its input for a millisecond at each call.
FEW = settings(max_examples=40, deadline=None)
SETS = st.builds(
    evaluation,
    clips=st.integers(1, 30),
    classes=st.integers(2, 6),
    seed=st.integers(0, 1000),
    levels=st.sampled_from([None, 1, 4, 8]),
    share=st.sampled_from([0.1, 0.4, 0.9]),
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
        assert micro_rates(targets, probabilities, thresholds) == pytest.approx(expected)
        expected = score(targets, predicted, average="macro", labels=present, zero_division=0)[:3]
        assert macro_rates(targets, probabilities, thresholds) == pytest.approx(expected)
    expected = np.array(score(targets, predicted, average=None, zero_division=0)[:3])
    ours = np.array(class_rates(targets, probabilities, thresholds))
    np.testing.assert_allclose(ours[:, present], expected[:, present])
    assert np.isnan(np.delete(ours, present, axis=1)).all()


@FEW
@given(SETS)
def test_average_precision_and_auc_equal_their_definitions(data):
    targets, probabilities = data
    ours = zip(
        average_precision(targets, probabilities), roc_auc(targets, probabilities), strict=True
    )
    for index, (precision, auc) in enumerate(ours):
        target, score = targets[:, index] == 1, probabilities[:, index]
        taken = [score >= own for own in score[target]]
        shares = [(target & above).sum() / above.sum() for above in taken]
        expected = np.mean(shares) if shares else np.nan
        assert precision == pytest.approx(expected, nan_ok=True)
        pairs = np.sign(score[target][:, None] - score[~target]) / 2 + 0.5
        expected = pairs.mean() if pairs.size else np.nan
        assert auc == pytest.approx(expected, nan_ok=True)


@FEW
@given(SETS)
def test_lwlrap_is_scikit_learns_ranking_precision_weighted_by_labels_per_clip(data):
    targets, probabilities = data
    if not targets.any():
        assert np.isnan(lwlrap(targets, probabilities))
        return
    expected = sklearn.metrics.label_ranking_average_precision_score(
        targets, probabilities, sample_weight=targets.sum(1)
    )
    assert lwlrap(targets, probabilities) == pytest.approx(expected)


def test_lwlrap_does_not_depend_on_how_much_is_worked_on_at_a_time(monkeypatch):
    targets, probabilities = evaluation()
    whole = lwlrap(targets, probabilities)
    monkeypatch.setattr(multi_label_metrics, "VALUES_AT_ONCE", 15)
    assert lwlrap(targets, probabilities) == whole


@given(st.floats(1e-6, 1 - 1e-6))
def test_d_prime_parts_two_normals_so_that_they_have_the_auc(auc):
    # P(X > Y) for X ~ N(d', 1) and Y ~ N(0, 1), whose difference has the variance 2.
    assert norm(d_prime(auc), np.sqrt(2)).sf(0) == pytest.approx(auc)


def test_d_prime_of_a_perfect_and_of_a_reversed_ranking_is_finite():
    assert d_prime([0.0, 1.0]) == pytest.approx([-8.482, 8.482], abs=1e-3)


@FEW
@given(SETS)
def test_a_rising_map_of_the_scores_changes_no_figure_of_ranking(data):
    targets, probabilities = data
    mapped = np.exp(probabilities) / 3
    for figure in (average_precision, roc_auc, lwlrap):
        np.testing.assert_array_equal(figure(targets, mapped), figure(targets, probabilities))


def naive_figures(targets, probabilities, thresholds):
    """The figures of one resample from scikit-learn, class by class."""
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
def test_intervals_are_those_of_a_loop_over_the_same_resamples(levels, monkeypatch):
    # Few clips and positives: some resamples lack a class, or have it in every clip.
    targets, probabilities = evaluation(clips=12, classes=4, levels=levels)
    for index, positives in enumerate([2, 11, 4, 3]):
        targets[:, index] = np.roll(np.arange(12) < positives, index)
    thresholds = [0.5, 0.3, 0.6, 0.4]
    monkeypatch.setattr(multi_label_metrics, "RESAMPLES_AT_ONCE", 7)
    ours = bootstrap_intervals(targets, probabilities, thresholds, seed=3, resamples=60, level=0.8)
    drawn = np.random.default_rng(3).integers(12, size=(60, 12))
    naive = np.array([naive_figures(targets[i], probabilities[i], thresholds) for i in drawn])
    for lacking in (0, 12):
        assert 0 < sum(lacking in targets[i].sum(0) for i in drawn) < 60
    for name, values in zip(NAMES, naive.T, strict=True):
        assert ours[name] == pytest.approx(tuple(np.nanquantile(values, [0.1, 0.9]))), name


@FEW
@given(SETS)
def test_each_clip_drawn_once_gives_scikit_learns_figures(data):
    targets, probabilities = data
    once = np.ones((len(targets), 1), np.float32)
    columns = zip(targets.T, probabilities.T, strict=True)
    ours = np.array([Ranking.of(*column).figures(once) for column in columns])[:, :, 0]
    expected = [average_precision(targets, probabilities), roc_auc(targets, probabilities)]
    np.testing.assert_allclose(ours.T, expected)


def test_intervals_hold_the_figures_and_grow_with_the_level():
    targets, probabilities = evaluation(clips=300)
    thresholds = np.full(5, 0.5)
    wide = compute_metrics(targets, probabilities, thresholds, list("abcde"), level=0.99)
    narrow = compute_metrics(targets, probabilities, thresholds, list("abcde"), level=0.5)
    for name in NAMES:
        assert wide["intervals"][name][0] < wide[name] < wide["intervals"][name][1]
        assert np.ptp(narrow["intervals"][name]) < np.ptp(wide["intervals"][name])


def test_the_seed_decides_the_intervals():
    data = *evaluation(), np.full(5, 0.5)
    first, again, other = (
        bootstrap_intervals(*data, seed=seed, resamples=50) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_the_bootstrap_holds_no_array_of_clips_by_resamples():
    targets, probabilities = evaluation(clips=2000, classes=3)
    tracemalloc.start()
    bootstrap_intervals(targets, probabilities, [0.5] * 3, seed=0, resamples=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 1000 * 4 / 2


def assert_is_json(result):
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_class_without_a_positive_counts_in_no_mean_and_is_none_in_the_table():
    targets, probabilities = evaluation()
    targets[:, 2] = 0
    others = [0, 1, 3, 4]
    thresholds = np.full(5, 0.5)
    result = compute_metrics(targets, probabilities, thresholds, list("abcde"), resamples=20)
    rest = compute_metrics(
        targets[:, others], probabilities[:, others], thresholds[:4], list("abde"), resamples=20
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
    targets, probabilities = evaluation()
    targets[:, 1] = 1
    result = compute_metrics(targets, probabilities, np.full(5, 0.5), list("abcde"), resamples=20)
    assert result["per_class"][1]["AP"] == 1
    assert result["per_class"][1]["AUC"] is None
    areas = [row["AUC"] for row in result["per_class"] if row["label"] != "b"]
    assert result["AUC"] == pytest.approx(np.mean(areas))
    assert_is_json(result)


def test_without_any_positive_every_figure_is_none():
    _, probabilities = evaluation()
    result = compute_metrics(
        0 * probabilities, probabilities, np.full(5, 0.5), list("abcde"), resamples=9
    )
    assert {result[name] for name in NAMES} == {None}
    assert result["intervals"] == dict.fromkeys(NAMES)
    assert_is_json(result)


def test_one_clip_has_figures():
    result = compute_metrics([[1, 0]], [[0.4, 0.6]], [0.5, 0.5], ["a", "b"], resamples=5)
    assert result["mAP"] == 1
    assert result["AUC"] is None
    assert result["lwlrap"] == 0.5
    assert result["micro_f1"] == 0
    assert result["intervals"]["lwlrap"] == [0.5, 0.5]
    assert_is_json(result)


def test_equal_scores_give_the_figures_of_chance():
    targets, _ = evaluation(clips=200)
    result = compute_metrics(targets, np.full(targets.shape, 0.5), np.full(5, 0.5), list("abcde"))
    share = targets.mean(0)
    assert result["AUC"] == 0.5
    assert result["d_prime"] == 0
    assert result["mAP"] == pytest.approx(share.mean())
    assert result["macro_precision"] == pytest.approx(share.mean())
    assert result["intervals"]["AUC"] == [0.5, 0.5]


def test_a_single_class_is_not_taken_for_two():
    targets, probabilities = evaluation(classes=1)
    result = compute_metrics(targets, probabilities, [0.5], ["a"], resamples=5)
    f1 = sklearn.metrics.f1_score(targets[:, 0], probabilities[:, 0] >= 0.5)
    assert result["micro_f1"] == result["macro_f1"] == result["per_class"][0]["f1"]
    assert result["macro_f1"] == pytest.approx(f1)
    assert result["lwlrap"] == 1


def test_truth_values_and_numbers_are_the_same_targets():
    targets, probabilities = evaluation()
    arguments = probabilities, np.full(5, 0.5), list("abcde")
    assert compute_metrics(targets, *arguments) == compute_metrics(targets.astype(bool), *arguments)


def test_without_resamples_there_are_no_intervals():
    assert compute_metrics([[1]], [[0.9]], [0.5], ["a"], resamples=0)["intervals"] == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": [[1, 0, 1]]}, r"got shapes \(1, 3\) and \(1, 2\)"),
        ({"targets": [[2, 0]]}, "targets of 0 and 1 only"),
        ({"probabilities": [[np.nan, 0.5]]}, "from 0 to 1, got others or NaN"),
        ({"probabilities": [[1.5, 0.5]]}, "from 0 to 1, got others or NaN"),
        ({"thresholds": [0.5]}, r"expected 2 thresholds, got an array of shape \(1,\)"),
        ({"labels": ["a"]}, "expected 2 labels, got 1"),
        ({"resamples": -1}, "at least 1 resample"),
        ({"level": 95}, "a level between 0 and 1, got 1000 and 95"),
    ],
)
def test_what_does_not_belong_together_is_refused(change, message):
    right = {"targets": [[1, 0]], "probabilities": [[0.5, 0.5]]}
    right |= {"thresholds": [0.5, 0.5], "labels": ["a", "b"]}
    with pytest.raises(ValueError, match=message):
        compute_metrics(**(right | change))
