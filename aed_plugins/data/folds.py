"""Folds: assigned to clips that have none, and split into training, validation and test."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aed_plugins.core import InputError

Fold = int | str
Labels = Mapping[str, Sequence[str]]  # clip id to labels
Recordings = Mapping[str, str]  # clip id to what it was cut from


@dataclass(frozen=True)
class FoldSplit:
    """The folds of one run; no fold is in two of the three.

    Attributes
    ----------
    test : int or str
        The fold that is tested; a number, or a name such as `eval`.
    valid : list of int or str
        The folds whose scores choose the checkpoint; none to take the last one.
    train : list of int or str
        The folds that are trained on.
    """

    test: Fold
    valid: Sequence[Fold]
    train: Sequence[Fold]

    @property
    def name(self) -> str:
        """What the run's folder is called."""
        return f"fold{self.test}" if isinstance(self.test, int) else self.test


def make_fold_splits(
    available: Sequence[Fold],
    test_folds: Sequence[Fold] | Fold,
    valid_folds: Sequence[Fold] | Fold | None = None,
    train_folds: Sequence[Fold] | Fold | None = None,
) -> list[FoldSplit]:
    """Make the split of every test fold.

    Parameters
    ----------
    available : sequence of int or str
        The folds that have clips, in their order.
    test_folds : sequence of int or str, one of them, or "all"
        The folds to test, one run each.
    valid_folds : sequence of int or str, or one of them, optional
        The validation folds of every run; by default the fold before the test fold (before the
        first, the last). Empty for none.
    train_folds : sequence of int or str, or one of them, optional
        The training folds of every run; by default all others.

    Raises
    ------
    InputError
        If a fold is not there, is named twice, serves two purposes, or none is left to train on.

    Examples
    --------
    >>> make_fold_splits([1, 2, 3], test_folds=[1])
    [FoldSplit(test=1, valid=[3], train=[2])]
    >>> make_fold_splits([1, 2, 3], test_folds="all", valid_folds=[])[2]
    FoldSplit(test=3, valid=[], train=[1, 2])
    """
    available = list(available)
    tests = available if test_folds == "all" else _folds("test_folds", test_folds, available)
    if not tests:
        raise InputError("--test_folds is empty: expected a list of folds such as [10], or all")
    splits = []
    for test in tests:
        if valid_folds is None:
            valid = [available[available.index(test) - 1]]
        else:
            valid = _folds("valid_folds", valid_folds, available)
        if train_folds is None:
            train = [fold for fold in available if fold != test and fold not in valid]
        else:
            train = _folds("train_folds", train_folds, available)
        _check_apart(test, valid, train)
        splits.append(FoldSplit(test, valid, train))
    return splits


def _folds(option: str, folds: Any, available: Sequence[Fold]) -> list[Fold]:
    folds = [folds] if type(folds) is int or folds in available else folds
    several = isinstance(folds, Sequence) and not isinstance(folds, str)
    if not several or not all(type(fold) in {int, str} for fold in folds):
        raise InputError(f"--{option}: expected a list of folds such as [1,2], got {folds}")
    chosen: list[Fold] = list(folds)
    missing = [fold for fold in chosen if fold not in available]
    if missing:
        there = ", ".join(map(str, available))
        raise InputError(f"--{option}: there is no clip of fold {missing[0]}; folds there: {there}")
    if len(set(chosen)) < len(chosen):
        raise InputError(f"--{option}: a fold is named twice in {chosen}")
    return chosen


def _check_apart(test: Fold, valid: Sequence[Fold], train: Sequence[Fold]) -> None:
    if test in valid or test in train:
        role = "validation" if test in valid else "training"
        raise InputError(
            f"fold {test} is both a test and a {role} fold: its score would be worthless;"
            f" take it out of --{'valid' if test in valid else 'train'}_folds or --test_folds"
        )
    both = [fold for fold in valid if fold in train]
    if both:
        raise InputError(f"fold {both[0]} is both a validation and a training fold")
    if not train:
        raise InputError(
            f"no fold is left to train on when fold {test} is tested and {list(valid)} validate:"
            " add clips of other folds, or give --valid_folds=[]"
        )


def assign_folds(labels: Labels, recordings: Recordings, folds: int) -> dict[str, int]:
    """Assign clips to folds.

    Recordings are assigned one by one, first those with the largest part of a class, each to the
    fold that has the least of its classes; among equals to the smallest fold, then the first. So
    the folds depend on nothing but the clips' names, labels and recordings.

    Parameters
    ----------
    labels : mapping of str to sequence of str
        The labels of each clip; none is a class of its own.
    recordings : mapping of str to str
        What each clip was cut from: no recording is in two folds.
    folds : int
        How many folds.

    Returns
    -------
    dict of str to int
        The fold of each clip, from 1.

    Examples
    --------
    >>> labels = {"a1": ["dog"], "a2": ["dog"], "b": ["dog"], "c": ["cat"], "d": ["cat"]}
    >>> recordings = {"a1": "a", "a2": "a", "b": "b", "c": "c", "d": "d"}
    >>> assign_folds(labels, recordings, 2)
    {'a1': 1, 'a2': 1, 'b': 2, 'c': 2, 'd': 1}
    """
    totals = Counter(label for names in labels.values() for label in names or [""])
    held: dict[str, Counter[str]] = {}
    for clip, names in labels.items():
        held.setdefault(recordings[clip], Counter()).update(names or [""])

    def largest_first(recording: str) -> tuple[float, str]:
        return (-max(n / totals[label] for label, n in held[recording].items()), recording)

    assigned: dict[str, int] = {}
    has: list[Counter[str]] = [Counter() for _ in range(folds)]
    for recording in sorted(held, key=largest_first):
        parts = dict(sorted(held[recording].items()))  # float sums depend on the order
        costs = [
            (sum(n * fold[label] / totals[label] for label, n in parts.items()), fold.total(), i)
            for i, fold in enumerate(has)
        ]
        chosen = min(costs)[-1]
        has[chosen].update(parts)
        assigned[recording] = chosen + 1
    return {clip: assigned[recordings[clip]] for clip in labels}


def count_recordings(labels: Labels, recordings: Recordings) -> dict[str, int]:
    """Count the recordings of each class: with fewer than folds, a fold goes without the class.

    Parameters
    ----------
    labels, recordings
        As for `assign_folds`.

    Examples
    --------
    >>> count_recordings({"a1": ["dog"], "a2": ["dog"]}, {"a1": "a", "a2": "a"})
    {'dog': 1}
    """
    found: dict[str, set[str]] = {}
    for clip, names in labels.items():
        for name in names:
            found.setdefault(name, set()).add(recordings[clip])
    return {name: len(found[name]) for name in sorted(found)}
