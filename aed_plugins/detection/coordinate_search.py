"""Coordinate-wise search of the settings of the post-processing with the highest F1."""

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from aed_plugins.core import FloatArray
from aed_plugins.detection.annotated_recordings import (
    AnnotatedRecording,
    Metric,
    evaluate_settings,
    select_classes,
)
from aed_plugins.detection.post_processing import PostProcessing

# An offset is a fraction of its onset, so that it never lies above it.
CANDIDATES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "onset": (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
        "offset": (0.3, 0.6, 1.0),
        "median_filter": (0.0, 0.5, 1.0, 2.0),
        "min_duration_off": (0.0, 0.5, 1.0, 2.0),
        "min_duration_on": (0.0, 0.25, 0.5, 1.0),
    }
)
# What is tried together in the first round. Where a class needs a high onset and a low offset,
# neither threshold alone gets there from one that is too low for both.
FIRST_STEPS = (("onset", "offset"), ("median_filter",), ("min_duration_off",), ("min_duration_on",))
# A later setting may change which value of an earlier one is best.
LATER_STEPS = tuple((name,) for name in CANDIDATES)
ROUNDS = 3
DEFAULT = PostProcessing()

# The values of each setting, each `(class,)`; `offset` as a fraction of `onset`.
Values = dict[str, FloatArray]


def search_values(
    recordings: Sequence[AnnotatedRecording],
    labels: Sequence[str],
    start: PostProcessing,
    metric: Metric,
) -> Values:
    """Search the values of each class with the highest F1, each class apart from the others.

    A candidate is tried on all classes at once: first both thresholds take the best combination of
    `CANDIDATES`, then one setting after the other its best candidate, the others being kept; three
    rounds, or until nothing changes. Of equally good values it is those nearest to `start`.

    Parameters
    ----------
    recordings : sequence of AnnotatedRecording
        Each class has a reference event in at least one.
    labels : sequence of str
        The classes, in the order of the probabilities' columns.
    start : PostProcessing
        Where the search starts.
    metric : callable
        Computes the metrics; its rows `per_class` have `label` and `f1`.
    """
    first = to_values(start, labels)
    values = {name: column.copy() for name, column in first.items()}
    moving = np.arange(len(labels))  # the classes that the last round changed
    for steps in (FIRST_STEPS, *[LATER_STEPS] * (ROUNDS - 1)):
        part, names = select_classes(recordings, labels, moving)
        current = {name: column[moving] for name, column in values.items()}
        before = dict(current)
        f1 = _class_f1(part, names, current, metric)
        nearest = {name: column[moving] for name, column in first.items()}
        for step in steps:
            f1 = _take_best(part, names, current, f1, step, nearest, metric)
        changed = np.any([current[name] != before[name] for name in current], axis=0)
        for name, column in values.items():
            column[moving] = current[name]
        moving = moving[changed]
        if not len(moving):
            break
    return values


def _take_best(
    recordings: Sequence[AnnotatedRecording],
    labels: Sequence[str],
    current: Values,
    highest: FloatArray,
    step: Sequence[str],
    start: Values,
    metric: Metric,
) -> FloatArray:
    """Put the best values of the step's settings into `current`; return the F1 of each class.

    Of equally good ones it is those nearest to `start`.
    """
    best = {name: current[name] for name in step}
    nearest = _distance(best, start)
    for values in itertools.product(*(CANDIDATES[name] for name in step)):
        tried: Values = {n: np.full(len(labels), v) for n, v in zip(step, values, strict=True)}
        f1 = _class_f1(recordings, labels, {**current, **tried}, metric)
        distance = _distance(tried, start)
        better = (f1 > highest) | ((f1 == highest) & (distance < nearest))
        highest, nearest = np.where(better, f1, highest), np.where(better, distance, nearest)
        best = {name: np.where(better, tried[name], best[name]) for name in step}
    current |= best
    return highest


def _distance(values: Values, start: Values) -> FloatArray:
    return np.sum([np.abs(column - start[name]) for name, column in values.items()], axis=0)


def _class_f1(
    recordings: Sequence[AnnotatedRecording], labels: Sequence[str], values: Values, metric: Metric
) -> FloatArray:
    # Only the classes of this call, which are annotated, so that every F1 is defined.
    metrics = evaluate_settings(recordings, labels, to_settings(values, labels), metric)
    by_label = {row["label"]: row["f1"] for row in metrics["per_class"]}
    return np.array([by_label[label] for label in labels], np.float64)


def to_values(settings: PostProcessing, labels: Sequence[str]) -> Values:
    """Return the values of the settings for each class, `offset` as a fraction of `onset`."""
    values: Values = {name: settings.values(name, labels) for name in CANDIDATES}
    onsets = values["onset"]
    # Where the onset is 0, so is the offset, and any fraction of it.
    values["offset"] = np.where(onsets > 0, values["offset"] / np.where(onsets > 0, onsets, 1), 1.0)
    return values


def to_settings(values: Values, labels: Sequence[str]) -> PostProcessing:
    """Return settings that name the classes with other values than the defaults."""
    onsets = values["onset"]
    # Rounded, as what was divided and multiplied again may be off; but never above the onset.
    offsets = np.minimum(np.round(values["offset"] * onsets, 12), onsets)
    columns = {**values, "offset": np.where(values["offset"] == 1, onsets, offsets)}
    defaults = {name: getattr(DEFAULT, name) for name in values}
    named = {
        name: {
            label: float(value)
            for label, value, onset in zip(labels, column, onsets, strict=True)
            if value != (onset if name == "offset" else defaults[name])
        }
        for name, column in columns.items()
    }
    return PostProcessing(**{name: mapping for name, mapping in named.items() if mapping})
