"""Durations and numbers of events of each class, in a recording or a folder of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aed_plugins.core import Event, FloatArray
from aed_plugins.metrics.bootstrap import (
    compute_percentile_interval,
    draw_bootstrap_weights,
    expand_tail,
)
from aed_plugins.metrics.event_counts import check_events, group_by_label

CONFIDENCE_LEVEL = 0.95
# Of one recording: measured on random on-off sounds, intervals from 10 blocks cover the truth in 90
# to 95 % of the cases, from 30 blocks in 80 to 94 %, as an event that is longer than a block makes
# neighboring blocks alike.
BLOCKS = 10
SHORTEST_BLOCK = 5.0
# Intervals from four recordings cover the truth in 86 %, from three in 75 %, from two in 50 %.
FEWEST_RECORDINGS = 5
# How many are computed at a time: memory depends on it, results do not.
BOOTSTRAP_SAMPLES_AT_ONCE = 100
# Values that differ by less, relatively, are the same but for rounding.
UNCHANGED = 1e-9

Interval = tuple[float, float]


class LabelDuration(NamedTuple):
    """How long and how often a class occurs.

    Attributes
    ----------
    label : str
        The class.
    seconds : float
        While at least one event of the class goes on.
    fraction : float
        Of the seconds of all recordings, in [0, 1].
    events : int
        How many there are.
    seconds_interval, fraction_interval, events_interval : tuple of (float, float), optional
        The 95 % confidence interval; None where there is none.
    """

    label: str
    seconds: float
    fraction: float
    events: int
    seconds_interval: Interval | None
    fraction_interval: Interval | None
    events_interval: Interval | None


def summarize_durations(
    recordings: Sequence[tuple[Sequence[Event], float]],
    labels: Sequence[str],
    *,
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> list[LabelDuration]:
    """Compute seconds, fraction and number of events of each class, with bootstrap intervals.

    The intervals are about what would be detected in other recordings of the same kind, as long
    as these together. They say nothing about the detector's mistakes.

    - Five recordings or more: recordings are drawn with replacement; the fraction is the drawn
      recordings' seconds of the class over their seconds, a ratio estimator.
    - One recording of 50 s or more: ten blocks of a tenth of its length are drawn, beginning
      anywhere and going on at its start where they reach its end (the circular block bootstrap of
      Politis and Romano, 1992); an event counts in the block of its onset. "Other recordings" are
      then other segments of whatever this one is a segment of.
    - Otherwise, and for a value that is the same in every bootstrap sample (of a class that never
      occurs, or all the time), the variation is unknown, and the interval is None.

    The percentiles are expanded by Student's distribution, see `expand_tail`.

    Parameters
    ----------
    recordings : sequence of (sequence of Event, float)
        Each recording's events and its duration in seconds.
    labels : sequence of str
        The classes, in the order of the result.
    bootstrap_samples : int
        With 0 there are no intervals.
    seed : int
        The same gives the same intervals.

    Returns
    -------
    list of LabelDuration
        One per label.

    Raises
    ------
    InputError
        If an event is of another class or starts after the recording's end, or a recording lasts no
        time.
    ValueError
        If there is no recording, two labels are the same, or `bootstrap_samples` is negative.

    Examples
    --------
    >>> barks = [Event("dog", 1.0, 3.0), Event("dog", 2.0, 4.0), Event("dog", 80.0, 82.0)]
    >>> dog, cat = summarize_durations([(barks, 100.0)], ["dog", "cat"])
    >>> dog.seconds, dog.fraction, dog.events
    (5.0, 0.05, 3)
    >>> [round(bound, 2) for bound in dog.fraction_interval]
    [0.0, 0.12]
    >>> cat.seconds, cat.fraction_interval
    (0.0, None)
    """
    if not recordings or bootstrap_samples < 0 or len(set(labels)) < len(labels):
        expected = "expected recordings, labels that differ and no negative number of"
        given = f"got {len(recordings)}, {list(labels)} and {bootstrap_samples}"
        raise ValueError(f"{expected} bootstrap samples, {given}")
    for number, (events, duration) in enumerate(recordings, start=1):
        check_events(f"recording {number}", events, duration, labels)
    total = float(sum(duration for _, duration in recordings))
    merged = [_merge(events, duration) for events, duration in recordings]
    drawn = _bootstrap(merged, labels, bootstrap_samples, np.random.default_rng(seed))
    units = BLOCKS if len(recordings) == 1 else len(recordings)
    rows = []
    for index, label in enumerate(labels):
        parts = [recording.classes[label] for recording in merged if label in recording.classes]
        seconds = float(sum(_seconds(part.spans) for part in parts))
        fraction_interval, per_second = (_interval(values[:, index], units) for values in drawn)
        rows.append(
            LabelDuration(
                label,
                seconds,
                fraction=seconds / total,
                events=sum(len(part.onsets) for part in parts),
                seconds_interval=_scale(fraction_interval, total),
                fraction_interval=fraction_interval,
                events_interval=_scale(per_second, total),
            )
        )
    return rows


class _Occurrences(NamedTuple):
    """Where a class occurs: disjoint spans `(span, 2)` and sorted onsets `(event,)`, in seconds."""

    spans: FloatArray
    onsets: FloatArray


class _MergedRecording(NamedTuple):
    classes: dict[str, _Occurrences]
    duration: float


def _merge(events: Sequence[Event], duration: float) -> _MergedRecording:
    """Merge the events of each class that overlap or touch."""
    classes = {}
    for label, times in group_by_label(events).items():
        onsets, offsets = times[np.lexsort((times[:, 1], times[:, 0]))].T
        reached = np.maximum.accumulate(offsets)
        first = np.append(True, onsets[1:] > reached[:-1])
        last = np.append(first[1:], True)
        spans = np.stack([onsets[first], reached[last]], axis=1)
        classes[label] = _Occurrences(np.minimum(spans, duration), onsets)
    return _MergedRecording(classes, duration)


def _seconds(spans: FloatArray) -> float:
    return float((spans[:, 1] - spans[:, 0]).sum())


def _bootstrap(
    recordings: Sequence[_MergedRecording],
    labels: Sequence[str],
    bootstrap_samples: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return fraction and events per second `(bootstrap sample, class)`, if there can be any."""
    if len(recordings) == 1 and recordings[0].duration >= BLOCKS * SHORTEST_BLOCK:
        return _bootstrap_blocks(recordings[0], labels, bootstrap_samples, rng)
    if len(recordings) >= FEWEST_RECORDINGS:
        return _bootstrap_recordings(recordings, labels, bootstrap_samples, rng)
    return np.empty((0, len(labels))), np.empty((0, len(labels)))


def _bootstrap_blocks(
    recording: _MergedRecording,
    labels: Sequence[str],
    bootstrap_samples: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    duration = recording.duration
    starts = rng.random((bootstrap_samples, BLOCKS)) * duration
    ends = starts + duration / BLOCKS
    over = ends > duration
    ends = np.where(over, ends - duration, ends)
    fractions, events = np.zeros((2, bootstrap_samples, len(labels)))
    for index, label in enumerate(labels):
        if label in recording.classes:
            spans, onsets = recording.classes[label]
            # Seconds of the class up to a time; linear between the spans' ends.
            borders = np.append(0.0, spans.ravel())
            lengths = np.append(0.0, np.diff(spans, axis=1).repeat(2) * np.tile([0, 1], len(spans)))
            seconds_until = np.cumsum(lengths)
            seconds = np.interp(ends, borders, seconds_until)
            seconds = seconds - np.interp(starts, borders, seconds_until)
            begun = np.searchsorted(onsets, ends) - np.searchsorted(onsets, starts)
            fractions[:, index] = (seconds + over * seconds_until[-1]).sum(axis=1) / duration
            events[:, index] = (begun + over * len(onsets)).sum(axis=1) / duration
    return fractions, events


def _bootstrap_recordings(
    recordings: Sequence[_MergedRecording],
    labels: Sequence[str],
    bootstrap_samples: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    column = {label: index for index, label in enumerate(labels)}
    seconds, events = np.zeros((2, len(recordings), len(labels)))
    for row, recording in enumerate(recordings):
        for label, (spans, onsets) in recording.classes.items():
            seconds[row, column[label]] = _seconds(spans)
            events[row, column[label]] = len(onsets)
    durations = np.array([recording.duration for recording in recordings])
    fractions, rates = np.zeros((2, bootstrap_samples, len(labels)))
    for first in range(0, bootstrap_samples, BOOTSTRAP_SAMPLES_AT_ONCE):
        rows = slice(first, min(first + BOOTSTRAP_SAMPLES_AT_ONCE, bootstrap_samples))
        counts = draw_bootstrap_weights(rng, len(recordings), rows.stop - first)
        weights = counts.T.astype(np.float64)
        drawn = (weights @ durations)[:, None]
        fractions[rows], rates[rows] = weights @ seconds / drawn, weights @ events / drawn
    return fractions, rates


def _interval(values: FloatArray, units: int) -> Interval | None:
    """Compute the expanded percentile interval of the bootstrap samples' values."""
    if not len(values) or np.ptp(values) <= UNCHANGED * np.max(values):
        return None
    # By way of a level, whose rounding is part of the results.
    level = 1 - 2 * expand_tail((1 - CONFIDENCE_LEVEL) / 2, units)
    return compute_percentile_interval(values, (1 - level) / 2)


def _scale(interval: Interval | None, factor: float) -> Interval | None:
    return None if interval is None else (interval[0] * factor, interval[1] * factor)
