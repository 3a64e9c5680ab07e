"""Event-based metrics: which annotated events are predicted, within a collar.

Source: see `event_counts`.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from aed_plugins.core import Event, FloatArray, InputError, IntArray
from aed_plugins.metrics.event_counts import (
    TIME_TOLERANCE,
    EvaluatedRecording,
    EventCounts,
    check_evaluated,
    compute_averages,
    compute_class_rows,
    group_by_label,
)

COLLAR = 0.2
OFFSET_FRACTION = 0.2


def compute_event_metrics(
    recordings: Iterable[tuple[Sequence[Event], Sequence[Event], float]],
    *,
    labels: Sequence[str] | None = None,
    collar: float = COLLAR,
    offsets: bool = True,
    offset_fraction: float = OFFSET_FRACTION,
) -> dict[str, Any]:
    """Compute event-based precision, recall and F1 of predicted events.

    A predicted event may match an annotated one of its class if their onsets differ by `collar` at
    most and, where offsets are evaluated, their offsets by `collar` or `offset_fraction` of the
    annotated event's length, whichever is more. Each event has one match at most; of all ways to
    match them one with the most pairs is taken (Hopcroft and Karp's, as `sed_eval` does with
    `event_matching_type="optimal"`). Pairs of all recordings are pooled.

    Parameters
    ----------
    recordings : iterable of EvaluatedRecording
        Reference events, predicted events, duration in seconds.
    labels : sequence of str, optional
        The classes to evaluate; predicted events of others are left out. By default all that occur.
    collar : float
        Seconds.
    offsets : bool
        Whether offsets are evaluated, besides onsets.
    offset_fraction : float
        From 0 to 1. The default of `sed_eval` is 0.5, evaluations mostly have 0.2.

    Returns
    -------
    dict
        `micro_precision`, `micro_recall`, `micro_f1` from the events of all classes; the same three
        for `macro`, means over the classes with a reference event; `per_class`, as in
        `compute_segment_metrics`, of events and without `error_rate`; `recordings`, `collar`,
        `offsets`, `offset_fraction`. Fit for JSON.

    Raises
    ------
    InputError
        If a reference event is of a class that is not evaluated or starts after the end, or a
        recording lasts no time.
    ValueError
        If collar or fraction are out of range or two labels are the same.

    Examples
    --------
    The first bark is predicted 0.1 s late, the second is missed, and there was none at 8 s:

    >>> barks = [Event("dog", 1.0, 2.0), Event("dog", 4.0, 4.5)]
    >>> predicted = [Event("dog", 1.1, 1.9), Event("dog", 8.0, 9.0)]
    >>> compute_event_metrics([(barks, predicted, 10.0)])["micro_f1"]
    0.5
    """
    if not (0 <= collar < math.inf and 0 <= offset_fraction <= 1):
        expected = "expected a collar of at least 0 s and a fraction from 0 to 1"
        raise InputError(f"{expected}, got {collar} and {offset_fraction}")
    evaluated, classes = check_evaluated(recordings, labels)
    fraction = offset_fraction if offsets else None
    total = np.zeros((3, len(classes)), np.int64)
    for recording in evaluated:
        total += _count(recording, classes, collar, fraction)
    rows = compute_class_rows(classes, EventCounts(*total), with_error_rate=False)
    return {
        **compute_averages(rows, EventCounts(*total)),
        "per_class": rows,
        "recordings": len(evaluated),
        "collar": float(collar),
        "offsets": bool(offsets),
        "offset_fraction": float(offset_fraction) if offsets else None,
    }


def _count(
    recording: EvaluatedRecording, labels: Sequence[str], collar: float, fraction: float | None
) -> IntArray:
    """Count hits, predicted and reference events `(3, class)`; `fraction` None is onsets only."""
    reference, predicted = group_by_label(recording.reference), group_by_label(recording.predicted)
    counts = np.zeros((3, len(labels)), np.int64)
    for index, label in enumerate(labels):
        annotated, detected = reference.get(label), predicted.get(label)
        counts[1, index] = 0 if detected is None else len(detected)
        counts[2, index] = 0 if annotated is None else len(annotated)
        if annotated is not None and detected is not None:
            counts[0, index] = _count_matches(annotated, detected, collar, fraction)
    return counts


def _count_matches(
    reference: FloatArray, predicted: FloatArray, collar: float, fraction: float | None
) -> int:
    """Count the most pairs of events that may match each other."""
    predicted = predicted[np.argsort(predicted[:, 0], kind="stable")]
    reach = collar + TIME_TOLERANCE
    low = np.searchsorted(predicted[:, 0], reference[:, 0] - reach, side="left")
    high = np.searchsorted(predicted[:, 0], reference[:, 0] + reach, side="right")
    near = high - low
    rows = np.repeat(np.arange(len(reference)), near)
    columns = np.arange(len(rows)) + np.repeat(low - np.cumsum(near) + near, near)
    if fraction is not None:
        lengths = reference[:, 1] - reference[:, 0]
        allowed = np.maximum(collar, fraction * lengths) + TIME_TOLERANCE
        fits = np.abs(predicted[columns, 1] - reference[rows, 1]) <= allowed[rows]
        rows, columns = rows[fits], columns[fits]
    shape = (len(reference), len(predicted))
    graph = csr_matrix((np.ones(len(rows), bool), (rows, columns)), shape)
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())
