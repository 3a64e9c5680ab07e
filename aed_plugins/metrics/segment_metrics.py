"""Segment-based metrics: in which segments of a recording a class is annotated and predicted.

Source: see `event_counts`.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aed_plugins.core import BoolArray, Event, FloatArray, InputError, IntArray
from aed_plugins.metrics.event_counts import (
    TIME_TOLERANCE,
    EvaluatedRecording,
    EventCounts,
    average_rows,
    check_evaluated,
    compute_averages,
    compute_class_rows,
    divide_or_none,
    group_by_label,
)

SEGMENT_LENGTH = 1.0
SHORTEST_SEGMENT = 1e-3


def compute_segment_metrics(
    recordings: Iterable[tuple[Sequence[Event], Sequence[Event], float]],
    *,
    labels: Sequence[str] | None = None,
    segment_length: float = SEGMENT_LENGTH,
) -> dict[str, Any]:
    """Compute segment-based precision, recall, F1 and error rates of predicted events.

    A recording is cut into segments from its start; what remains at its end is a segment too.
    An event is in every segment with which it has more than a border in common: one from 1.0 to 2.0
    is in one segment of 1 s, one from 0.9 to 2.1 in three. What lies after the recording's end is
    left out. Segments of all recordings are pooled.

    Parameters
    ----------
    recordings : iterable of EvaluatedRecording
        Reference events, predicted events, duration in seconds.
    labels : sequence of str, optional
        The classes to evaluate; predicted events of others are left out. By default all that occur.
    segment_length : float
        Seconds, at least 0.001.

    Returns
    -------
    dict
        `micro_precision`, `micro_recall`, `micro_f1` from the segments of all classes;
        `micro_error_rate`, the sum of `substitution_rate`, `deletion_rate` and `insertion_rate`;
        the same four for `macro`, means over the classes with a reference event; `per_class`,
        see `Notes`; `recordings`, `segments` and `segment_length`. Fit for JSON.

    Raises
    ------
    InputError
        If a reference event is of a class that is not evaluated or starts after the end, or a
        recording lasts no time.
    ValueError
        If the segments are too short or two labels are the same.

    Notes
    -----
    `per_class` has a row per class: `label`, the number of segments that are `reference`,
    `predicted` and `hits`, and `precision` (hits / predicted), `recall` (hits / reference), `f1`
    (2 hits / (reference + predicted)) and `error_rate` (what was missed or is too much /
    reference). Without a reference the last three are None, and precision too if nothing was
    predicted. Where something is annotated and nothing predicted, precision is 0, as with
    `sed_eval`'s `empty_system_output_handling="zero_score"`.

    Examples
    --------
    The dog barks in segments 0 and 1, and is predicted in 1 and 2:

    >>> recording = ([Event("dog", 0.5, 2.0)], [Event("dog", 1.2, 2.1)], 10.0)
    >>> result = compute_segment_metrics([recording])
    >>> result["micro_f1"], result["micro_error_rate"], result["segments"]
    (0.5, 1.0, 10)
    """
    if not SHORTEST_SEGMENT <= segment_length < math.inf:
        expected = f"expected segments of at least {SHORTEST_SEGMENT} s"
        raise InputError(f"{expected}, got {segment_length}")
    evaluated, classes = check_evaluated(recordings, labels)
    total = np.zeros((3, len(classes)), np.int64)
    errors = np.zeros(3, np.int64)
    segments = 0
    for recording in evaluated:
        count = _first_border_from(recording.duration, segment_length)
        segments += int(count)
        by_class, by_segment = _count(recording, classes, segment_length, int(count))
        total += by_class
        errors += _count_errors(*by_segment)
    rows = compute_class_rows(classes, EventCounts(*total), with_error_rate=True)
    reference = int(total[2].sum())
    names = ("substitution_rate", "deletion_rate", "insertion_rate")
    rates = {name: divide_or_none(int(n), reference) for name, n in zip(names, errors, strict=True)}
    return {
        **compute_averages(rows, EventCounts(*total)),
        "micro_error_rate": divide_or_none(int(errors.sum()), reference),
        **rates,
        "macro_error_rate": average_rows(rows, "error_rate"),
        "per_class": rows,
        "recordings": len(evaluated),
        "segments": segments,
        "segment_length": float(segment_length),
    }


def _first_border_from(seconds: npt.ArrayLike, segment_length: float) -> FloatArray:
    """Return the number of the first border at or after a time; border 0 is the start."""
    return np.ceil((np.asarray(seconds) - TIME_TOLERANCE) / segment_length)


def _activity(times: FloatArray | None, segment_length: float, segments: int) -> BoolArray:
    """Return in which segments a class is, `(segment,)`."""
    if times is None:
        return np.zeros(segments, bool)
    starts = np.floor((times[:, 0] + TIME_TOLERANCE) / segment_length)
    ends = _first_border_from(times[:, 1], segment_length)
    first, last = (np.clip(edge, 0, segments).astype(np.int64) for edge in (starts, ends))
    begun = np.bincount(first, minlength=segments + 1)
    ended = np.bincount(last, minlength=segments + 1)
    return np.cumsum(begun - ended)[:segments] > 0


def _count(
    recording: EvaluatedRecording, labels: Sequence[str], segment_length: float, segments: int
) -> tuple[IntArray, IntArray]:
    """Count hits, predicted and reference: `(3, class)` over segments, `(3, segment)` over classes.

    One class at a time, as hours in short segments by hundreds of classes would not fit in memory.
    """
    reference, predicted = group_by_label(recording.reference), group_by_label(recording.predicted)
    by_class = np.zeros((3, len(labels)), np.int64)
    by_segment = np.zeros((3, segments), np.int64)
    for index, label in enumerate(labels):
        if label in reference or label in predicted:
            annotated = _activity(reference.get(label), segment_length, segments)
            detected = _activity(predicted.get(label), segment_length, segments)
            parts = np.stack([annotated & detected, detected, annotated])
            by_class[:, index] = parts.sum(axis=1)
            by_segment += parts
    return by_class, by_segment


def _count_errors(hits: IntArray, predicted: IntArray, reference: IntArray) -> IntArray:
    """Count substitutions (a miss and a false alarm in a segment), deletions and insertions."""
    substitutions = np.minimum(reference, predicted) - hits
    deletions = np.maximum(reference - predicted, 0)
    insertions = np.maximum(predicted - reference, 0)
    return np.array([substitutions.sum(), deletions.sum(), insertions.sum()])
