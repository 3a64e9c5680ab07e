"""How long and how often each class is heard, in a recording or a folder of them.

Needs neither torch nor SpeechBrain.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, stdtrit

from aed_plugins.core import Event, FloatArray
from aed_plugins.metrics.bootstrap import bootstrap_weights, percentile_interval
from aed_plugins.metrics.events import check_events

LEVEL = 0.95
# Of one recording: measured on random on-off sounds, 10 blocks cover 90 to 95 %, 30 of them 80 to
# 94 %, as an event that is longer than a block makes neighbours alike.
BLOCKS = 10
SHORTEST_BLOCK = 5.0
# Resampling four recordings covers 86 %, three 75 %, two 50 %.
FEWEST_RECORDINGS = 5
# How much is worked on at a time: memory depends on it, results do not.
RESAMPLES_AT_ONCE = 100
# A figure's resamples that differ by less are the same but for rounding.
UNCHANGED = 1e-9

Interval = tuple[float, float]


class LabelDuration(NamedTuple):
    """How much is heard of a class.

    Attributes
    ----------
    label : str
        The class.
    seconds : float
        While at least one event of the class goes on.
    share : float
        Of the seconds of all recordings, in [0, 1].
    events : int
        How many there are.
    seconds_interval, share_interval, events_interval : tuple of (float, float), optional
        What the figure lies between with 95 % confidence; None where that cannot be said.
    """

    label: str
    seconds: float
    share: float
    events: int
    seconds_interval: Interval | None
    share_interval: Interval | None
    events_interval: Interval | None


def summarize_durations(
    recordings: Sequence[tuple[Sequence[Event], float]],
    labels: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> list[LabelDuration]:
    """Give seconds, share and number of events of each class, with bootstrap intervals.

    The intervals are about how much would be heard in other recordings of the same kind, as long
    as these together. They say nothing of the detector's mistakes.

    - Five recordings or more: recordings are drawn with replacement; the share is the drawn
      recordings' seconds of the class over their seconds, a ratio estimator.
    - One recording of 50 s or more: ten stretches of a tenth of its length are drawn, beginning
      anywhere and going on at its start where they reach its end (the circular block bootstrap of
      Politis and Romano, 1992); an event counts in the stretch of its onset. "Other recordings" are
      then other stretches of whatever this one is a stretch of.
    - Otherwise, and for a figure that no resample changes (a class that is never heard, or all the
      time), there is nothing to tell the variation from, and the interval is None.

    The percentiles are spread by Student's distribution, Hesterberg's "expanded percentile
    interval" (What Teachers Should Know About the Bootstrap, The American Statistician 69(4),
    2015), as plain ones are too narrow for few recordings.

    Parameters
    ----------
    recordings : sequence of (sequence of Event, float)
        Each recording's events and its duration in seconds.
    labels : sequence of str
        The classes, in the order of the result.
    resamples : int
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
        If there is no recording, two labels are the same, or `resamples` is negative.

    Examples
    --------
    >>> barks = [Event("dog", 1.0, 3.0), Event("dog", 2.0, 4.0), Event("dog", 80.0, 82.0)]
    >>> dog, cat = summarize_durations([(barks, 100.0)], ["dog", "cat"])
    >>> dog.seconds, dog.share, dog.events
    (5.0, 0.05, 3)
    >>> [round(share, 2) for share in dog.share_interval]
    [0.0, 0.12]
    >>> cat.seconds, cat.share_interval
    (0.0, None)
    """
    if not recordings or resamples < 0 or len(set(labels)) < len(labels):
        expected = "expected recordings, labels that differ and no negative number of resamples"
        raise ValueError(f"{expected}, got {len(recordings)}, {list(labels)} and {resamples}")
    for number, (events, duration) in enumerate(recordings, start=1):
        check_events(f"recording {number}", events, duration, labels)
    total = float(sum(duration for _, duration in recordings))
    heard = [_heard(events, duration) for events, duration in recordings]
    resampled = _resampled(heard, labels, resamples, np.random.default_rng(seed))
    units = BLOCKS if len(recordings) == 1 else len(recordings)
    rows = []
    for index, label in enumerate(labels):
        parts = [recording.classes[label] for recording in heard if label in recording.classes]
        seconds = float(sum(_seconds(part.spans) for part in parts))
        count = sum(len(part.onsets) for part in parts)
        shares, per_second = (_interval(values[:, index], units) for values in resampled)
        rows.append(
            LabelDuration(
                label,
                seconds,
                seconds / total,
                count,
                _times(shares, total),
                shares,
                _times(per_second, total),
            )
        )
    return rows


class _Class(NamedTuple):
    """Where a class is heard in a recording: spans `(span, 2)` apart, sorted onsets `(event,)`."""

    spans: FloatArray
    onsets: FloatArray


class _Heard(NamedTuple):
    classes: dict[str, _Class]
    duration: float


def _heard(events: Sequence[Event], duration: float) -> _Heard:
    times: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        times.setdefault(event.label, []).append((event.onset, event.offset))
    classes = {}
    for label, pairs in times.items():
        onsets, offsets = np.array(sorted(pairs), np.float64).T
        reached = np.maximum.accumulate(offsets)
        first = np.append(True, onsets[1:] > reached[:-1])
        last = np.append(first[1:], True)
        spans = np.stack([onsets[first], reached[last]], axis=1)
        classes[label] = _Class(np.minimum(spans, duration), onsets)
    return _Heard(classes, duration)


def _seconds(spans: FloatArray) -> float:
    return float((spans[:, 1] - spans[:, 0]).sum())


def _resampled(
    heard: Sequence[_Heard], labels: Sequence[str], resamples: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Give share and events per second of each resample, `(resample, class)`, if any."""
    if len(heard) == 1 and heard[0].duration >= BLOCKS * SHORTEST_BLOCK:
        return _of_stretches(heard[0], labels, resamples, rng)
    if len(heard) >= FEWEST_RECORDINGS:
        return _of_recordings(heard, labels, resamples, rng)
    return np.empty((0, len(labels))), np.empty((0, len(labels)))


def _of_stretches(
    heard: _Heard, labels: Sequence[str], resamples: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    duration = heard.duration
    starts = rng.random((resamples, BLOCKS)) * duration
    ends = starts + duration / BLOCKS
    over = ends > duration
    ends = np.where(over, ends - duration, ends)
    shares, events = np.zeros((2, resamples, len(labels)))
    for index, label in enumerate(labels):
        if label in heard.classes:
            spans, onsets = heard.classes[label]
            # Seconds heard up to a moment; straight between the spans' ends.
            borders = np.append(0.0, spans.ravel())
            lengths = np.append(0.0, np.diff(spans, axis=1).repeat(2) * np.tile([0, 1], len(spans)))
            heard_by = np.cumsum(lengths)
            seconds = np.interp(ends, borders, heard_by) - np.interp(starts, borders, heard_by)
            begun = np.searchsorted(onsets, ends) - np.searchsorted(onsets, starts)
            shares[:, index] = (seconds + over * heard_by[-1]).sum(axis=1) / duration
            events[:, index] = (begun + over * len(onsets)).sum(axis=1) / duration
    return shares, events


def _of_recordings(
    heard: Sequence[_Heard], labels: Sequence[str], resamples: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    place = {label: index for index, label in enumerate(labels)}
    seconds, events = np.zeros((2, len(heard), len(labels)))
    for row, recording in enumerate(heard):
        for label, (spans, onsets) in recording.classes.items():
            seconds[row, place[label]] = _seconds(spans)
            events[row, place[label]] = len(onsets)
    durations = np.array([recording.duration for recording in heard])
    shares, rates = np.zeros((2, resamples, len(labels)))
    for first in range(0, resamples, RESAMPLES_AT_ONCE):
        rows = slice(first, min(first + RESAMPLES_AT_ONCE, resamples))
        weights = bootstrap_weights(rng, len(heard), rows.stop - first).T.astype(np.float64)
        drawn = (weights @ durations)[:, None]
        shares[rows], rates[rows] = weights @ seconds / drawn, weights @ events / drawn
    return shares, rates


def _interval(values: FloatArray, units: int) -> Interval | None:
    """Give the expanded percentile interval of a figure's resamples."""
    if not len(values) or np.ptp(values) <= UNCHANGED * np.max(values):
        return None
    widened = np.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 + LEVEL) / 2)
    return percentile_interval(values, level=1 - 2 * float(ndtr(-widened)))


def _times(interval: Interval | None, factor: float) -> Interval | None:
    return None if interval is None else (interval[0] * factor, interval[1] * factor)
