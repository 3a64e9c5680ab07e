import numpy as np
import pytest
from hypothesis import given, strategies as st

from aed_plugins.core import InputError
from aed_plugins.data import FoldSplit, assign_folds, count_recordings, make_fold_splits

OFFICIAL = list(range(1, 11))


def test_validation_is_on_the_fold_before_the_test_fold():
    assert make_fold_splits(OFFICIAL, [10]) == [FoldSplit(10, [9], [1, 2, 3, 4, 5, 6, 7, 8])]
    assert make_fold_splits(OFFICIAL, 1)[0].valid == [10]


def test_all_is_the_official_protocol():
    splits = make_fold_splits(OFFICIAL, "all", valid_folds=[])
    assert [split.test for split in splits] == OFFICIAL
    assert all(split.valid == [] and len(split.train) == 9 for split in splits)


@given(st.sets(st.integers(1, 10), min_size=3), st.data())
def test_no_fold_serves_two_purposes(available, data):
    available = sorted(available)
    test = data.draw(st.lists(st.sampled_from(available), min_size=1, unique=True))
    for split in make_fold_splits(available, test):
        used = [split.test, *split.valid, *split.train]
        assert sorted(used) == available


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_folds": [11]}, "--test_folds: there is no clip of fold 11; folds there: 1, 2, 3"),
        ({"test_folds": [1], "valid_folds": [7]}, "--valid_folds: there is no clip of fold 7"),
        ({"test_folds": []}, "--test_folds is empty"),
        ({"test_folds": [1, 1]}, "named twice"),
        ({"test_folds": "some"}, "expected a list of folds"),
        ({"test_folds": [True]}, "expected a list of folds"),
        ({"test_folds": None}, "expected a list of folds"),
        ({"test_folds": 1.5}, "expected a list of folds"),
        ({"test_folds": [1], "valid_folds": [1, 2]}, "fold 1 is both a test and a validation fold"),
        ({"test_folds": "all", "valid_folds": [2]}, "fold 2 is both a test and a validation fold"),
        ({"test_folds": [1], "train_folds": [1, 2]}, "fold 1 is both a test and a training fold"),
        ({"test_folds": [1], "train_folds": [3]}, "fold 3 is both a validation and a training"),
        ({"test_folds": [1], "valid_folds": [2, 3]}, "no fold is left to train on"),
    ],
)
def test_folds_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        make_fold_splits([1, 2, 3], **options)


def test_two_folds_alone_need_to_do_without_validation():
    with pytest.raises(InputError, match=r"--valid_folds=\[\]"):
        make_fold_splits([1, 2], [1])
    assert make_fold_splits([1, 2], [1], valid_folds=[]) == [FoldSplit(1, [], [2])]


def test_assigned_folds_depend_on_no_order_and_are_even():
    rng = np.random.default_rng(0)
    labels = {f"clip{i}": [f"class{i % 7}"] for i in range(200)}
    recordings = {clip: f"recording{rng.integers(90)}" for clip in labels}
    assigned = assign_folds(labels, recordings, 5)
    backwards = dict(reversed(labels.items()))
    assert assign_folds(backwards, recordings, 5) == assigned
    sizes = np.bincount(list(assigned.values()))[1:]
    assert sizes.max() - sizes.min() <= 6
    for number in range(7):
        inside = [assigned[clip] for clip, names in labels.items() if names == [f"class{number}"]]
        assert np.bincount(inside, minlength=6)[1:].max() <= 9  # of 28 or 29 in five folds


def test_recordings_are_counted_for_each_label():
    labels = {"a": ["dog", "cat"], "b": ["dog"], "c": []}
    assert count_recordings(labels, {"a": "r", "b": "s", "c": "s"}) == {"cat": 1, "dog": 2}
