import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from speechbrain.utils.checkpoints import Checkpointer

from aed_plugins.core import InputError
from aed_plugins.metrics import tune_thresholds
from aed_plugins.models import Thresholds

METRICS = ["f1", "youden", "accuracy"]
# Few values, so that many are equal; 0, 0.5 and 1 are the ends and the start.
CLIPS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8, 1.0]) | st.floats(0, 1)),
    min_size=1,
    max_size=25,
)


def value(metric, target, predicted):
    """The metric by its definition."""
    hits, false = (target & predicted).sum(), (~target & predicted).sum()
    missed, refused = (target & ~predicted).sum(), (~target & ~predicted).sum()
    if metric == "f1":
        return hits / (hits + (false + missed) / 2)
    if metric == "accuracy":
        return (hits + refused) / len(target)
    return hits / (hits + missed) + refused / (refused + false) - 1


def candidates(scores):
    """Thresholds that part the scores in every possible way."""
    edges = sorted({0.0, 1.0, *scores})
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    return np.array([0.0, *edges, *middles, np.nextafter(1, 2)])


@settings(deadline=None)  # the first example warms up
@given(CLIPS, st.sampled_from(METRICS))
def test_no_other_threshold_is_better(clips, metric):
    target, scores = (np.array(column) for column in zip(*clips, strict=True))
    found = tune_thresholds(target[:, None], scores[:, None], metric)[0]
    if not target.any() or (metric == "youden" and target.all()):
        assert found == 0.5
        return
    best = max(value(metric, target, scores >= cut) for cut in candidates(scores))
    assert value(metric, target, scores >= found) == pytest.approx(best, abs=1e-12)


@settings(deadline=None)  # the first example warms up
@given(CLIPS, st.sampled_from(METRICS))
def test_of_equally_good_cuts_the_one_nearest_to_a_half_is_taken(clips, metric):
    target, scores = (np.array(column) for column in zip(*clips, strict=True))
    if not target.any() or target.all():
        return
    found = tune_thresholds(target[:, None], scores[:, None], metric)[0]
    best = value(metric, target, scores >= found)
    edges = np.unique([0.0, 1.0, *scores])
    for middle in (edges[1:] + edges[:-1]) / 2:
        if value(metric, target, scores >= middle) > best - 1e-12:
            assert abs(found - 0.5) <= abs(middle - 0.5) + 1e-12


def test_the_threshold_lies_midway_between_the_neighbouring_scores():
    target, scores = [[0], [0], [1], [1]], [[0.1], [0.2], [0.4], [0.9]]
    for metric in METRICS:
        assert tune_thresholds(target, scores, metric) == pytest.approx([0.3])


def test_a_threshold_between_neighbouring_floats_still_parts_them():
    low = 0.7
    scores = np.array([[low], [np.nextafter(low, 1)]])
    found = tune_thresholds([[0], [1]], scores, "f1")
    assert (scores >= found).tolist() == [[False], [True]]


def test_predicting_none_is_reached_even_when_a_score_is_one():
    target, scores = np.array([[0], [0], [0], [1]]), np.array([[1.0], [1.0], [1.0], [0.2]])
    found = tune_thresholds(target, scores, "accuracy")
    assert not (scores >= found).any()
    assert 1 < found[0] < 1.0001


def test_predicting_all_is_reached_even_when_a_score_is_zero():
    scores = np.array([[0.0], [1.0]])
    assert (scores >= tune_thresholds([[1], [1]], scores, "f1")).all()


def test_equal_scores_are_taken_all_or_none():
    assert tune_thresholds([[1], [0], [1]], [[0.6]] * 3, "f1") == pytest.approx([0.3])
    assert tune_thresholds([[1], [0], [0]], [[0.6]] * 3, "accuracy") == pytest.approx([0.8])


def test_one_clip_has_a_threshold():
    assert tune_thresholds([[1, 0]], [[0.4, 0.4]], "f1") == pytest.approx([0.2, 0.5])


def test_classes_are_tuned_apart():
    rng = np.random.default_rng(0)
    scores = rng.random((50, 3))
    targets = scores + rng.normal(0, 0.2, scores.shape) > [0.3, 0.5, 0.8]
    together = tune_thresholds(targets, scores, "f1")
    apart = [tune_thresholds(targets[:, [c]], scores[:, [c]], "f1")[0] for c in range(3)]
    assert together.tolist() == apart
    assert np.all(np.diff(together) > 0)


def test_an_unknown_metric_is_refused_with_the_choices():
    with pytest.raises(InputError, match="a metric of f1, youden, accuracy, got 'f2'"):
        tune_thresholds([[1]], [[0.5]], "f2")


def tuned(labels=("siren", "drill")):
    thresholds = Thresholds(labels)
    targets = np.eye(len(labels), dtype=np.int8)
    thresholds.tune(targets, 0.3 + 0.6 * targets, "youden")
    return thresholds


def test_thresholds_are_a_half_until_they_are_tuned():
    thresholds = Thresholds(["siren", "drill"])
    assert thresholds.metric is None
    assert thresholds.values.tolist() == [0.5, 0.5]
    assert tuned().values == pytest.approx([0.6, 0.6])


def test_a_checkpoint_brings_metric_and_thresholds_back(tmp_path):
    saved, loaded = (
        tuned(["Dog bark", "Baby cry, infant cry"]),
        Thresholds(["Dog bark", "Baby cry, infant cry"]),
    )
    saved.values[:] = [0.1 + 0.2, np.nextafter(1, 2)]
    Checkpointer(tmp_path, {"thresholds": saved}).save_checkpoint()
    Checkpointer(tmp_path, {"thresholds": loaded}).recover_if_possible()
    assert loaded.metric == "youden"
    assert loaded.values.tolist() == saved.values.tolist()


def test_untouched_thresholds_are_untouched_when_loaded(tmp_path):
    Thresholds(["a"]).save(tmp_path / "thresholds.json")
    content = json.loads((tmp_path / "thresholds.json").read_text(encoding="utf-8"))
    assert content == {"metric": None, "thresholds": {"a": 0.5}}
    loaded = tuned(["a", "b"])
    loaded.labels = ["a"]
    loaded.load(tmp_path / "thresholds.json")
    assert loaded.metric is None
    assert loaded.values.tolist() == [0.5]


@pytest.mark.parametrize(
    ("labels", "difference"),
    [
        (["siren", "dog"], "label 2 is 'dog' here and 'drill' there"),
        (["drill", "siren"], "label 1 is 'drill' here and 'siren' there"),
        (["siren"], "expected 1 labels, got 2; label 2 is missing here and 'drill' there"),
        (["siren", "drill", "dog"], "expected 3 labels, got 2; label 3 is 'dog' here and missing"),
    ],
)
def test_a_checkpoint_for_other_labels_is_refused(labels, difference, tmp_path):
    file = tmp_path / "thresholds.json"
    tuned().save(file)
    with pytest.raises(InputError, match=f"{file}: a checkpoint for other labels: {difference}"):
        Thresholds(labels).load(file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{}",
        '{"metric": "f1", "thresholds": [0.5]}',
        '{"metric": "f1", "thresholds": {"a": "0.5"}}',
        '{"metric": "f1", "thresholds": {"a": NaN}}',
        '{"metric": 1, "thresholds": {"a": 0.5}}',
    ],
)
def test_a_file_of_another_kind_is_refused_in_one_line(text, tmp_path):
    file = tmp_path / "thresholds.json"
    file.write_text(text, encoding="utf-8")
    thresholds = Thresholds(["a"])
    with pytest.raises(InputError, match=f"{file}: expected JSON") as caught:
        thresholds.load(file)
    assert "\n" not in str(caught.value)
    assert thresholds.values.tolist() == [0.5]


def test_a_file_of_bytes_is_refused(tmp_path):
    (tmp_path / "thresholds.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="expected JSON"):
        Thresholds(["a"]).load(tmp_path / "thresholds.json")


def test_labels_that_are_not_told_apart_are_refused():
    with pytest.raises(ValueError, match="labels that differ"):
        Thresholds(["a", "a"])


def test_thresholds_of_another_number_of_classes_are_refused():
    with pytest.raises(ValueError, match="expected 2 classes, got 1"):
        Thresholds(["a", "b"]).tune([[1]], [[0.5]], "f1")
