"""Counting that the segment-based and the event-based metrics of detected events share.

Source: Mesaros, Heittola and Virtanen, Metrics for polyphonic sound event detection, Applied
Sciences 6(6), 2016; checked against their `sed_eval`. Times that differ by less than a microsecond
are taken as equal here, where `sed_eval` goes by the rounding of the division (0.3 / 0.1 < 3).
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from aed_plugins.core import Event, FloatArray, InputError, IntArray

# Seconds: less than a sample of any recording, more than what rounding does to a time of day.
TIME_TOLERANCE = 1e-6


class EvaluatedRecording(NamedTuple):
    """The events of a recording, annotated and predicted; a plain tuple will do.

    Attributes
    ----------
    reference, predicted : sequence of Event
        As annotated, and as a model predicts them; in any order.
    duration : float
        Seconds.
    """

    reference: Sequence[Event]
    predicted: Sequence[Event]
    duration: float


class EventCounts(NamedTuple):
    """Numbers of segments or events, each `(class,)`.

    Attributes
    ----------
    hits, predicted, reference : ndarray
        How many are in both, are predicted, and are annotated.
    """

    hits: IntArray
    predicted: IntArray
    reference: IntArray


def check_evaluated(
    recordings: Iterable[tuple[Sequence[Event], Sequence[Event], float]],
    labels: Sequence[str] | None,
) -> tuple[list[EvaluatedRecording], list[str]]:
    """Return recordings and classes, by default all that occur, if they belong together.

    Raises
    ------
    InputError
        As `check_events`, for the reference events.
    ValueError
        If two labels are the same.
    """
    checked = [EvaluatedRecording(*recording) for recording in recordings]
    if labels is None:
        parts = [part for recording in checked for part in recording[:2]]
        labels = sorted({event.label for part in parts for event in part})
    if len(set(labels)) < len(labels):
        raise ValueError(f"expected labels that differ, got {list(labels)}")
    for number, recording in enumerate(checked, start=1):
        check_events(f"recording {number}", recording.reference, recording.duration, labels)
    return checked, list(labels)


def check_events(
    name: str, events: Sequence[Event], duration: float, labels: Sequence[str]
) -> None:
    """Refuse events that cannot belong to a recording.

    Parameters
    ----------
    name : str
        What the recording is called in the message.
    events : sequence of Event
        Such as its annotation.
    duration : float
        Its seconds.
    labels : sequence of str
        The classes that the events may be of.

    Raises
    ------
    InputError
        If the recording lasts no time, or an event is of another class or starts after the end.

    Examples
    --------
    >>> check_events("a.wav", [Event("dog", 12.0, 13.0)], 10.0, ["dog"])
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: a.wav: expected events within its 10.0 s, got 'dog' at \
12.0 s; \
check that they are this recording's
    """
    if not 0 < duration < math.inf:
        raise InputError(f"{name}: expected a duration of more than 0 s, got {duration}")
    known = set(labels)
    for event in events:
        if event.label not in known:
            raise InputError(
                f"{name}: expected events of {len(known)} classes, got"
                f" {event.label!r}; correct the label or name that class too"
            )
        if event.onset > duration + TIME_TOLERANCE:
            raise InputError(
                f"{name}: expected events within its {duration} s, got {event.label!r} at"
                f" {event.onset} s; check that they are this recording's"
            )


def group_by_label(events: Sequence[Event]) -> dict[str, FloatArray]:
    """Return onsets and offsets `(event, 2)` of each class."""
    times: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        times.setdefault(event.label, []).append((event.onset, event.offset))
    return {label: np.array(pairs, np.float64) for label, pairs in times.items()}


def divide_or_none(part: int, whole: int) -> float | None:
    """Divide; None where the whole is 0."""
    return part / whole if whole else None


def compute_class_rows(
    labels: Sequence[str], counts: EventCounts, *, with_error_rate: bool
) -> list[dict[str, Any]]:
    """Compute a row per class: its counts, precision, recall and F1, and the error rate if asked.

    Parameters
    ----------
    labels : sequence of str
        The classes.
    counts : EventCounts
        Of each class.
    with_error_rate : bool
        Whether to add what was missed or is too much, per reference.
    """
    rows = []
    for label, *numbers in zip(labels, *(part.tolist() for part in counts), strict=True):
        hits, predicted, reference = numbers
        row = {"label": label, "reference": reference, "predicted": predicted, "hits": hits}
        row |= _rates(hits, predicted, reference)
        if with_error_rate:
            row["error_rate"] = divide_or_none(reference + predicted - 2 * hits, reference)
        rows.append(row)
    return rows


def compute_averages(
    rows: Sequence[dict[str, Any]], counts: EventCounts
) -> dict[str, float | None]:
    """Compute precision, recall and F1, `micro` from all counts and `macro` over the classes."""
    micro = _rates(*(int(part.sum()) for part in counts))
    return {
        **{f"micro_{name}": value for name, value in micro.items()},
        **{f"macro_{name}": average_rows(rows, name) for name in micro},
    }


def average_rows(rows: Sequence[dict[str, Any]], name: str) -> float | None:
    """Return the mean of a metric over the classes with a reference event; None without any."""
    values = [row[name] for row in rows if row["reference"]]
    return sum(values) / len(values) if values else None


def _rates(hits: int, predicted: int, reference: int) -> dict[str, float | None]:
    # Nothing predicted where something is annotated is a precision of 0, not an undefined one:
    # else a class would be left out of the mean for being missed.
    precision = 0.0 if reference and not predicted else divide_or_none(hits, predicted)
    f1 = 2 * hits / (reference + predicted) if reference else None
    return {"precision": precision, "recall": divide_or_none(hits, reference), "f1": f1}
