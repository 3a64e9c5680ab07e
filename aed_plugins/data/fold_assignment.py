"""Folds for clips that have none: the clips of one recording together, the classes even."""

from collections import Counter
from collections.abc import Mapping, Sequence

Labels = Mapping[str, Sequence[str]]  # clip id to labels
Recordings = Mapping[str, str]  # clip id to what it was cut from


def assign_folds(labels: Labels, recordings: Recordings, folds: int) -> dict[str, int]:
    """Deal clips into folds.

    Recordings are dealt one by one, first those that hold the largest part of a class, each to the
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

    dealt: dict[str, int] = {}
    has: list[Counter[str]] = [Counter() for _ in range(folds)]
    for recording in sorted(held, key=largest_first):
        parts = dict(sorted(held[recording].items()))  # float sums depend on the order
        costs = [
            (sum(n * fold[label] / totals[label] for label, n in parts.items()), fold.total(), i)
            for i, fold in enumerate(has)
        ]
        chosen = min(costs)[-1]
        has[chosen].update(parts)
        dealt[recording] = chosen + 1
    return {clip: dealt[recordings[clip]] for clip in labels}


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
