"""Which post-processing makes a model's events agree best with annotated ones.

Needs neither torch nor SpeechBrain.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from aed_plugins.core import Event, FloatArray, Grid, InputError, IntArray
from aed_plugins.detection.event_detector import detect
from aed_plugins.detection.post_processing import PostProcessing
from aed_plugins.metrics import check_events, event_metrics, segment_metrics

FIGURES: Mapping[str, Callable[..., dict[str, Any]]] = MappingProxyType(
    {"segment": segment_metrics, "event": event_metrics}
)

# An offset is tried as a share of its onset, so that it never lies above it.
CANDIDATES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "onset": (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
        "offset": (0.3, 0.6, 1.0),
        "median_filter": (0.0, 0.5, 1.0, 2.0),
        "min_duration_off": (0.0, 0.5, 1.0, 2.0),
        "min_duration_on": (0.0, 0.25, 0.5, 1.0),
    }
)
# What is tried together at first. Where a class needs to begin high and go on low, neither
# threshold alone gets there from one that is too low for both.
FIRST_STEPS = (("onset", "offset"), ("median_filter",), ("min_duration_off",), ("min_duration_on",))
# A later setting may change which value of an earlier one is best.
LATER_STEPS = tuple((name,) for name in CANDIDATES)
ROUNDS = 3
DEFAULT = PostProcessing()

# Each setting's values, each `(class,)`; `offset` as a share of `onset`.
_Values = dict[str, FloatArray]
_Judge = Callable[..., dict[str, Any]]


class AnnotatedRecording(NamedTuple):
    """What a model says of a recording, and what there is to hear; a plain tuple will do.

    Attributes
    ----------
    probabilities : ndarray
        `(cell, class)`, in [0, 1].
    grid : Grid
        Where the cells are.
    duration : float
        Seconds.
    reference : sequence of Event
        As annotated.
    """

    probabilities: FloatArray
    grid: Grid
    duration: float
    reference: Sequence[Event]


class Tuning(NamedTuple):
    """What tuning found.

    Attributes
    ----------
    settings : PostProcessing
        Of all classes: those that were tuned have what was found, the others what they had.
    objective : str
        `segment` or `event`.
    reference_events : dict of str to int
        On how many annotated events each tuned class was tuned; the others are not named.
    before, after : dict
        What `segment_metrics` or `event_metrics` give for the tuned classes on these recordings,
        with the settings before and after. `after` flatters, see `tune_post_processing`.
    """

    settings: PostProcessing
    objective: str
    reference_events: dict[str, int]
    before: dict[str, Any]
    after: dict[str, Any]


def tune_post_processing(
    recordings: Iterable[tuple[FloatArray, Grid, float, Sequence[Event]]],
    labels: Sequence[str],
    *,
    objective: str = "segment",
    start: PostProcessing = DEFAULT,
    **judging: Any,
) -> Tuning:
    """Find each class's settings with the highest F1 on annotated recordings.

    Classes are tuned apart, each from its settings in `start`: first both thresholds take the best
    combination of `CANDIDATES`, then one setting after the other its best candidate, the others
    being kept; three rounds, or until nothing changes. Of equally good values it is those nearest
    to `start`. F1 never falls, but another combination may be better still. Classes that no event
    is annotated of keep their settings.

    On few events the settings fit their accidents, and `after` promises more than other recordings
    will give. As a rule of thumb trust no class with fewer than ten events (`reference_events`),
    and report what `leave_one_recording_out` gives, or figures on recordings kept apart.

    Parameters
    ----------
    recordings : iterable of AnnotatedRecording
        Probabilities, their grid, the duration in seconds and the annotated events.
    labels : sequence of str
        The classes, in the order of the probabilities' columns.
    objective : str
        `segment` or `event`: the kind of F1.
    start : PostProcessing
        Where the search starts.
    **judging : Any
        Options of `segment_metrics` (`segment_length`) or `event_metrics` (`collar`, `offsets`,
        `offset_share`).

    Returns
    -------
    Tuning
        Settings, and the figures before and after.

    Raises
    ------
    InputError
        If the objective is unknown, no event is annotated, or an annotated event is of another
        class or starts after its recording's end.
    ValueError
        If the probabilities do not fit the labels.

    Examples
    --------
    The bark is no more certain than 0.4, and has a dip:

    >>> probabilities = np.array([[0.1], [0.4], [0.2], [0.4], [0.1], [0.1]])
    >>> recording = (probabilities, Grid(8000, 8000), 6.0, [Event("dog", 1.0, 4.0)])
    >>> tuning = tune_post_processing([recording], ["dog"])
    >>> tuning.before["micro_f1"], tuning.after["micro_f1"], tuning.reference_events
    (0.0, 1.0, {'dog': 1})
    >>> tuning.settings.to_dict()["onset"]
    {'dog': 0.2}
    """
    given = _checked(recordings, labels)
    figures = _figures(objective)
    references = [event.label for recording in given for event in recording.reference]
    counts = {label: references.count(label) for label in labels if label in set(references)}
    if not counts:
        raise InputError(
            f"expected annotated events of at least one of {len(labels)} classes, got none;"
            " annotate some to tune on"
        )
    chosen = np.flatnonzero([label in counts for label in labels])
    tuned, _ = _of_classes(given, labels, chosen)
    judge = partial(figures, labels=list(counts), **judging)
    values = _search(tuned, list(counts), start, judge)
    everything = _values(start, labels)
    for name, column in everything.items():
        column[chosen] = values[name]
    settings = _settings(everything, labels)
    before, after = (_judged(tuned, list(counts), each, judge) for each in (start, settings))
    return Tuning(settings, objective, counts, before, after)


def leave_one_recording_out(
    recordings: Iterable[tuple[FloatArray, Grid, float, Sequence[Event]]],
    labels: Sequence[str],
    *,
    objective: str = "segment",
    start: PostProcessing = DEFAULT,
    **judging: Any,
) -> dict[str, Any]:
    """Tell what tuning is worth on recordings that it has not seen.

    Each recording is judged with the settings that were tuned on all the others; their events are
    pooled. It takes as long as tuning times the number of recordings.

    Parameters
    ----------
    recordings, labels, objective, start, **judging
        As in `tune_post_processing`; at least two recordings, annotated events in at least two.

    Returns
    -------
    dict
        What `segment_metrics` or `event_metrics` give for the annotated classes; to be compared
        with `Tuning.before`.

    Raises
    ------
    InputError
        If fewer than two recordings have annotated events, or as in `tune_post_processing`.

    Examples
    --------
    The second recording's bark is fainter than the first's:

    >>> grid, bark = Grid(8000, 8000), [Event("dog", 1.0, 2.0)]
    >>> loud = (np.array([[0.1], [0.4], [0.2]]), grid, 3.0, bark)
    >>> faint = (np.array([[0.1], [0.3], [0.1]]), grid, 3.0, bark)
    >>> tune_post_processing([loud, faint], ["dog"]).after["micro_f1"]
    1.0
    >>> round(leave_one_recording_out([loud, faint], ["dog"])["micro_f1"], 3)
    0.667
    """
    given = _checked(recordings, labels)
    if sum(bool(recording.reference) for recording in given) < 2:
        raise InputError(
            "expected at least two recordings with annotated events, to tune on one and judge on"
            " the other; annotate another"
        )
    annotated = {event.label for recording in given for event in recording.reference}
    judged = []
    for number, recording in enumerate(given):
        others = given[:number] + given[number + 1 :]
        tuning = tune_post_processing(others, labels, objective=objective, start=start, **judging)
        judged.append(_detected(recording, labels, tuning.settings))
    return _figures(objective)(
        judged, labels=[label for label in labels if label in annotated], **judging
    )


def _figures(objective: str) -> _Judge:
    if objective not in FIGURES:
        raise InputError(f"expected an objective of {', '.join(FIGURES)}, got {objective!r}")
    return FIGURES[objective]


def _checked(
    recordings: Iterable[tuple[FloatArray, Grid, float, Sequence[Event]]], labels: Sequence[str]
) -> list[AnnotatedRecording]:
    if len(set(labels)) < len(labels):
        raise ValueError(f"expected labels that differ, got {list(labels)}")
    given = [AnnotatedRecording(*recording) for recording in recordings]
    for number, recording in enumerate(given, start=1):
        shape = np.shape(recording.probabilities)
        if len(shape) != 2 or shape[1] != len(labels):
            raise ValueError(
                f"recording {number}: expected probabilities (cell, {len(labels)}), got an array"
                f" of shape {shape}"
            )
        check_events(f"recording {number}", recording.reference, recording.duration, labels)
    return given


def _of_classes(
    recordings: Sequence[AnnotatedRecording], labels: Sequence[str], chosen: IntArray
) -> tuple[list[AnnotatedRecording], list[str]]:
    """Give what the recordings have of some classes, and these classes' labels."""
    names = [labels[index] for index in chosen]
    kept = set(names)
    part = [
        recording._replace(
            probabilities=recording.probabilities[:, chosen],
            reference=[event for event in recording.reference if event.label in kept],
        )
        for recording in recordings
    ]
    return part, names


def _search(
    recordings: Sequence[AnnotatedRecording],
    labels: Sequence[str],
    start: PostProcessing,
    judge: _Judge,
) -> _Values:
    """Tune all classes at once, each for itself: a candidate is tried on all in one go."""
    first = _values(start, labels)
    values = {name: column.copy() for name, column in first.items()}
    moving = np.arange(len(labels))  # the classes that the last round changed
    for steps in (FIRST_STEPS, *[LATER_STEPS] * (ROUNDS - 1)):
        part, names = _of_classes(recordings, labels, moving)
        current = {name: column[moving] for name, column in values.items()}
        before = dict(current)
        f1 = _f1(part, names, current, judge)
        nearest = {name: column[moving] for name, column in first.items()}
        for step in steps:
            f1 = _take_best(part, names, current, f1, step, nearest, judge)
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
    current: _Values,
    highest: FloatArray,
    step: Sequence[str],
    start: _Values,
    judge: _Judge,
) -> FloatArray:
    """Put the best values of the step's settings into `current`; give the F1 of each class.

    Of equally good ones it is those nearest to `start`.
    """
    best = {name: current[name] for name in step}
    nearest = _distance(best, start)
    for values in itertools.product(*(CANDIDATES[name] for name in step)):
        tried = {n: np.full(len(labels), v) for n, v in zip(step, values, strict=True)}
        f1, distance = _f1(recordings, labels, {**current, **tried}, judge), _distance(tried, start)
        better = (f1 > highest) | ((f1 == highest) & (distance < nearest))
        highest, nearest = np.where(better, f1, highest), np.where(better, distance, nearest)
        best = {name: np.where(better, tried[name], best[name]) for name in step}
    current |= best
    return highest


def _distance(values: _Values, start: _Values) -> FloatArray:
    return np.sum([np.abs(column - start[name]) for name, column in values.items()], axis=0)


def _f1(
    recordings: Sequence[AnnotatedRecording], labels: Sequence[str], values: _Values, judge: _Judge
) -> FloatArray:
    # Only the classes of this call, which are annotated, so that every F1 is defined.
    rows = _judged(recordings, labels, _settings(values, labels), judge)["per_class"]
    by_label = {row["label"]: row["f1"] for row in rows}
    return np.array([by_label[label] for label in labels], np.float64)


def _judged(
    recordings: Sequence[AnnotatedRecording],
    labels: Sequence[str],
    settings: PostProcessing,
    judge: _Judge,
) -> dict[str, Any]:
    return judge([_detected(recording, labels, settings) for recording in recordings])


def _detected(
    recording: AnnotatedRecording, labels: Sequence[str], settings: PostProcessing
) -> tuple[Sequence[Event], list[Event], float]:
    probabilities, grid, duration, reference = recording
    return reference, detect(probabilities, labels, grid, settings, duration), duration


def _values(settings: PostProcessing, labels: Sequence[str]) -> _Values:
    values = {name: settings.values(name, labels) for name in CANDIDATES}
    onsets = values["onset"]
    # Where the onset is 0, so is the offset, and any share of it.
    values["offset"] = np.where(onsets > 0, values["offset"] / np.where(onsets > 0, onsets, 1), 1.0)
    return values


def _settings(values: _Values, labels: Sequence[str]) -> PostProcessing:
    """Name the classes that differ from the defaults; the rest is left to them."""
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
