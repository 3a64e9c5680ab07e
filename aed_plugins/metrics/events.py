"""How well estimated events agree with annotated ones: per segment, and per event.

Source: Mesaros, Heittola and Virtanen, Metrics for polyphonic sound event detection, Applied
Sciences 6(6), 2016; checked against their `sed_eval`. Times that differ by less than a microsecond
are taken as equal here, where `sed_eval` goes by the rounding of the division (0.3 / 0.1 < 3).

Needs neither torch nor SpeechBrain.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from aed_plugins.core import BoolArray, Event, FloatArray, InputError, IntArray

SEGMENT_LENGTH = 1.0
COLLAR = 0.2
OFFSET_FRACTION = 0.2

# Seconds: less than a sample of any recording, more than what rounding does to a time of day.
TIME_TOLERANCE = 1e-6
SHORTEST_SEGMENT = 1e-3


class EvaluatedRecording(NamedTuple):
    """What there is to hear in a recording, and what was found; a plain tuple will do.

    Attributes
    ----------
    reference, estimated : sequence of Event
        As annotated, and as found; in any order.
    duration : float
        Seconds.
    """

    reference: Sequence[Event]
    estimated: Sequence[Event]
    duration: float


class EventCounts(NamedTuple):
    """Segments or events, each `(class,)`.

    Attributes
    ----------
    hits, estimated, reference : ndarray
        How many are in both, were found, and are annotated.
    """

    hits: IntArray
    estimated: IntArray
    reference: IntArray


def segment_metrics(
    recordings: Iterable[tuple[Sequence[Event], Sequence[Event], float]],
    *,
    labels: Sequence[str] | None = None,
    segment_length: float = SEGMENT_LENGTH,
) -> dict[str, Any]:
    """Judge segment by segment whether a class is in it and was found in it.

    A recording is cut into segments from its start; what remains at its end is a segment too.
    An event is in every segment that it shares more than a border with: one from 1.0 to 2.0 is in
    one segment of 1 s, one from 0.9 to 2.1 in three. What lies after the recording's end is left
    out. Segments of all recordings are pooled.

    Parameters
    ----------
    recordings : iterable of JudgedRecording
        Reference events, estimated events, duration in seconds.
    labels : sequence of str, optional
        The classes to judge; estimated events of others are left out. By default all that occur.
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
        If a reference event is of a class that is not judged or starts after the end, or a
        recording lasts no time.
    ValueError
        If the segments are too short or two labels are the same.

    Notes
    -----
    `per_class` has a row per class: `label`, the number of segments that are `reference`,
    `estimated` and `hits`, and `precision` (hits / estimated), `recall` (hits / reference), `f1`
    (2 hits / (reference + estimated)) and `error_rate` (what was missed or is too much /
    reference). Without a reference the last three are None, and precision too if nothing was
    found. Where something is annotated and nothing found, precision is 0, as with `sed_eval`'s
    `empty_system_output_handling="zero_score"`.

    Examples
    --------
    The dog barks in segments 0 and 1 and is found in 1 and 2:

    >>> result = segment_metrics([([Event("dog", 0.5, 2.0)], [Event("dog", 1.2, 2.1)], 10.0)])
    >>> result["micro_f1"], result["micro_error_rate"], result["segments"]
    (0.5, 1.0, 10)
    """
    if not SHORTEST_SEGMENT <= segment_length < math.inf:
        expected = f"expected segments of at least {SHORTEST_SEGMENT} s"
        raise InputError(f"{expected}, got {segment_length}")
    judged, classes = _checked(recordings, labels)
    total = np.zeros((3, len(classes)), np.int64)
    errors = np.zeros(3, np.int64)
    segments = 0
    for recording in judged:
        count = _first_border_from(recording.duration, segment_length)
        segments += int(count)
        by_class, by_segment = _tally(recording, classes, segment_length, int(count))
        total += by_class
        errors += _errors(*by_segment)
    rows = _rows(classes, EventCounts(*total), with_error_rate=True)
    reference = int(total[2].sum())
    names = ("substitution_rate", "deletion_rate", "insertion_rate")
    rates = {name: _divided(int(n), reference) for name, n in zip(names, errors, strict=True)}
    return {
        **_averages(rows, EventCounts(*total)),
        "micro_error_rate": _divided(int(errors.sum()), reference),
        **rates,
        "macro_error_rate": _macro(rows, "error_rate"),
        "per_class": rows,
        "recordings": len(judged),
        "segments": segments,
        "segment_length": float(segment_length),
    }


def event_metrics(
    recordings: Iterable[tuple[Sequence[Event], Sequence[Event], float]],
    *,
    labels: Sequence[str] | None = None,
    collar: float = COLLAR,
    offsets: bool = True,
    offset_share: float = OFFSET_FRACTION,
) -> dict[str, Any]:
    """Judge event by event whether it was found, about where it is.

    A found event may stand for an annotated one of its class if their onsets differ by `collar` at
    most and, where offsets are judged, their offsets by `collar` or `offset_share` of the annotated
    event's length, whichever is more. Each stands for one at most; of all ways to pair them one
    with the most pairs is taken (Hopcroft and Karp's, as `sed_eval` does with
    `event_matching_type="optimal"`). Pairs of all recordings are pooled.

    Parameters
    ----------
    recordings : iterable of JudgedRecording
        Reference events, estimated events, duration in seconds.
    labels : sequence of str, optional
        The classes to judge; estimated events of others are left out. By default all that occur.
    collar : float
        Seconds.
    offsets : bool
        Whether offsets are judged, besides onsets.
    offset_share : float
        From 0 to 1. `sed_eval` has 0.5 where nothing is said, evaluations mostly 0.2.

    Returns
    -------
    dict
        `micro_precision`, `micro_recall`, `micro_f1` from the events of all classes; the same three
        for `macro`, means over the classes with a reference event; `per_class`, as in
        `segment_metrics`, of events and without `error_rate`; `recordings`, `collar`, `offsets`,
        `offset_share`. Fit for JSON.

    Raises
    ------
    InputError
        If a reference event is of a class that is not judged or starts after the end, or a
        recording lasts no time.
    ValueError
        If collar or share are out of range or two labels are the same.

    Examples
    --------
    The first bark is found 0.1 s late, the second is missed, and there was none at 8 s:

    >>> barks = [Event("dog", 1.0, 2.0), Event("dog", 4.0, 4.5)]
    >>> found = [Event("dog", 1.1, 1.9), Event("dog", 8.0, 9.0)]
    >>> event_metrics([(barks, found, 10.0)])["micro_f1"]
    0.5
    """
    if not (0 <= collar < math.inf and 0 <= offset_share <= 1):
        expected = "expected a collar of at least 0 s and a share from 0 to 1"
        raise InputError(f"{expected}, got {collar} and {offset_share}")
    judged, classes = _checked(recordings, labels)
    share = offset_share if offsets else None
    total = np.zeros((3, len(classes)), np.int64)
    for recording in judged:
        total += _paired(recording, classes, collar, share)
    rows = _rows(classes, EventCounts(*total), with_error_rate=False)
    return {
        **_averages(rows, EventCounts(*total)),
        "per_class": rows,
        "recordings": len(judged),
        "collar": float(collar),
        "offsets": bool(offsets),
        "offset_share": float(offset_share) if offsets else None,
    }


def _checked(
    recordings: Iterable[tuple[Sequence[Event], Sequence[Event], float]],
    labels: Sequence[str] | None,
) -> tuple[list[EvaluatedRecording], list[str]]:
    judged = [EvaluatedRecording(*recording) for recording in recordings]
    if labels is None:
        parts = [part for recording in judged for part in recording[:2]]
        labels = sorted({event.label for part in parts for event in part})
    if len(set(labels)) < len(labels):
        raise ValueError(f"expected labels that differ, got {list(labels)}")
    for number, recording in enumerate(judged, start=1):
        check_events(f"recording {number}", recording.reference, recording.duration, labels)
    return judged, list(labels)


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


def _by_label(events: Sequence[Event]) -> dict[str, FloatArray]:
    """Give onsets and offsets `(event, 2)` of each class."""
    times: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        times.setdefault(event.label, []).append((event.onset, event.offset))
    return {label: np.array(pairs, np.float64) for label, pairs in times.items()}


def _first_border_from(seconds: npt.ArrayLike, segment_length: float) -> FloatArray:
    """Give the number of the first border at or after a time; border 0 is the start."""
    return np.ceil((np.asarray(seconds) - TIME_TOLERANCE) / segment_length)


def _activity(times: FloatArray | None, segment_length: float, segments: int) -> BoolArray:
    """Tell in which segments a class is, `(segment,)`."""
    if times is None:
        return np.zeros(segments, bool)
    starts = np.floor((times[:, 0] + TIME_TOLERANCE) / segment_length)
    ends = _first_border_from(times[:, 1], segment_length)
    first, last = (np.clip(edge, 0, segments).astype(np.int64) for edge in (starts, ends))
    begun = np.bincount(first, minlength=segments + 1)
    ended = np.bincount(last, minlength=segments + 1)
    return np.cumsum(begun - ended)[:segments] > 0


def _tally(
    recording: EvaluatedRecording, labels: Sequence[str], segment_length: float, segments: int
) -> tuple[IntArray, IntArray]:
    """Count hits, estimated and reference: `(3, class)` over segments, `(3, segment)` over classes.

    One class at a time, as hours in short segments by hundreds of classes would not fit in memory.
    """
    reference, estimated = _by_label(recording.reference), _by_label(recording.estimated)
    by_class = np.zeros((3, len(labels)), np.int64)
    by_segment = np.zeros((3, segments), np.int64)
    for index, label in enumerate(labels):
        if label in reference or label in estimated:
            right = _activity(reference.get(label), segment_length, segments)
            given = _activity(estimated.get(label), segment_length, segments)
            parts = np.stack([right & given, given, right])
            by_class[:, index] = parts.sum(axis=1)
            by_segment += parts
    return by_class, by_segment


def _errors(hits: IntArray, estimated: IntArray, reference: IntArray) -> IntArray:
    """Count substitutions (a miss and a false find in one segment), deletions and insertions."""
    substitutions = np.minimum(reference, estimated) - hits
    deletions = np.maximum(reference - estimated, 0)
    insertions = np.maximum(estimated - reference, 0)
    return np.array([substitutions.sum(), deletions.sum(), insertions.sum()])


def _paired(
    recording: EvaluatedRecording, labels: Sequence[str], collar: float, share: float | None
) -> IntArray:
    """Count hits, estimated and reference events, `(3, class)`; `share` None is onsets only."""
    reference, estimated = _by_label(recording.reference), _by_label(recording.estimated)
    counts = np.zeros((3, len(labels)), np.int64)
    for index, label in enumerate(labels):
        right, given = reference.get(label), estimated.get(label)
        counts[1:, index] = 0 if given is None else len(given), 0 if right is None else len(right)
        if right is not None and given is not None:
            counts[0, index] = _pairs(right, given, collar, share)
    return counts


def _pairs(reference: FloatArray, estimated: FloatArray, collar: float, share: float | None) -> int:
    """Count the most pairs of events that may stand for each other."""
    estimated = estimated[np.argsort(estimated[:, 0], kind="stable")]
    reach = collar + TIME_TOLERANCE
    low = np.searchsorted(estimated[:, 0], reference[:, 0] - reach, side="left")
    high = np.searchsorted(estimated[:, 0], reference[:, 0] + reach, side="right")
    near = high - low
    rows = np.repeat(np.arange(len(reference)), near)
    columns = np.arange(len(rows)) + np.repeat(low - np.cumsum(near) + near, near)
    if share is not None:
        lengths = reference[:, 1] - reference[:, 0]
        allowed = np.maximum(collar, share * lengths) + TIME_TOLERANCE
        fits = np.abs(estimated[columns, 1] - reference[rows, 1]) <= allowed[rows]
        rows, columns = rows[fits], columns[fits]
    shape = (len(reference), len(estimated))
    graph = csr_matrix((np.ones(len(rows), bool), (rows, columns)), shape)
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())


def _divided(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _rates(hits: int, estimated: int, reference: int) -> dict[str, float | None]:
    # Nothing found where something is to be found is a precision of 0, not an undefined one:
    # else a class would be left out of the mean for being missed.
    precision = 0.0 if reference and not estimated else _divided(hits, estimated)
    f1 = 2 * hits / (reference + estimated) if reference else None
    return {"precision": precision, "recall": _divided(hits, reference), "f1": f1}


def _rows(
    labels: Sequence[str], counts: EventCounts, *, with_error_rate: bool
) -> list[dict[str, Any]]:
    rows = []
    for label, *numbers in zip(labels, *(part.tolist() for part in counts), strict=True):
        hits, estimated, reference = numbers
        row = {"label": label, "reference": reference, "estimated": estimated, "hits": hits}
        row |= _rates(hits, estimated, reference)
        if with_error_rate:
            row["error_rate"] = _divided(reference + estimated - 2 * hits, reference)
        rows.append(row)
    return rows


def _macro(rows: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [row[name] for row in rows if row["reference"]]
    return sum(values) / len(values) if values else None


def _averages(rows: Sequence[dict[str, Any]], counts: EventCounts) -> dict[str, float | None]:
    micro = _rates(*(int(part.sum()) for part in counts))
    return {
        **{f"micro_{name}": value for name, value in micro.items()},
        **{f"macro_{name}": _macro(rows, name) for name in micro},
    }
