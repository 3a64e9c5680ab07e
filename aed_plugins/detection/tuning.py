"""Tuning of the post-processing: the settings whose events agree best with annotated ones."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from aed_plugins.core import Event, FloatArray, Grid, InputError
from aed_plugins.detection.annotated_recordings import (
    Metric,
    check_recordings,
    detect_in_recording,
    evaluate_settings,
    select_classes,
)
from aed_plugins.detection.coordinate_search import DEFAULT, search_values, to_settings, to_values
from aed_plugins.detection.post_processing import PostProcessing
from aed_plugins.metrics import compute_event_metrics, compute_segment_metrics

OBJECTIVES: Mapping[str, Metric] = MappingProxyType(
    {"segment": compute_segment_metrics, "event": compute_event_metrics}
)


class Tuning(NamedTuple):
    """The result of tuning.

    Attributes
    ----------
    settings : PostProcessing
        Of all classes: those that were tuned have what was found, the others what they had.
    objective : str
        `segment` or `event`.
    reference_events : dict of str to int
        On how many annotated events each tuned class was tuned; the others are not named.
    before, after : dict
        What `compute_segment_metrics` or `compute_event_metrics` return for the tuned classes on
        these recordings, with the settings before and after. `after` is optimistically biased, see
        `tune_post_processing`.
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
    **options: Any,
) -> Tuning:
    """Find each class's settings with the highest F1 on annotated recordings.

    Classes are tuned apart, each from its settings in `start`: first both thresholds take the best
    combination of `CANDIDATES`, then one setting after the other its best candidate, the others
    being kept; three rounds, or until nothing changes. Of equally good values it is those nearest
    to `start`. F1 never falls, but another combination may be better still. Classes that no event
    is annotated of keep their settings.

    On few events the settings fit their accidents, and `after` promises more than other recordings
    will give. As a rule of thumb trust no class with fewer than ten events (`reference_events`),
    and report what `leave_one_recording_out` returns, or metrics of recordings kept apart.

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
    **options : Any
        Of `compute_segment_metrics` (`segment_length`) or `compute_event_metrics` (`collar`,
        `offsets`, `offset_fraction`).

    Returns
    -------
    Tuning
        Settings, and the metrics before and after.

    Raises
    ------
    InputError
        If the objective is unknown, no event is annotated, or an annotated event is of another
        class or starts after its recording's end.
    ValueError
        If the probabilities do not fit the labels.

    Examples
    --------
    The bark's probability is never above 0.4, and has a dip:

    >>> probabilities = np.array([[0.1], [0.4], [0.2], [0.4], [0.1], [0.1]])
    >>> recording = (probabilities, Grid(8000, 8000), 6.0, [Event("dog", 1.0, 4.0)])
    >>> tuning = tune_post_processing([recording], ["dog"])
    >>> tuning.before["micro_f1"], tuning.after["micro_f1"], tuning.reference_events
    (0.0, 1.0, {'dog': 1})
    >>> tuning.settings.to_dict()["onset"]
    {'dog': 0.2}
    """
    checked = check_recordings(recordings, labels)
    compute = _metric(objective)
    references = [event.label for recording in checked for event in recording.reference]
    counts = {label: references.count(label) for label in labels if label in set(references)}
    if not counts:
        raise InputError(
            f"expected annotated events of at least one of {len(labels)} classes, got none;"
            " annotate some to tune on"
        )
    annotated = np.flatnonzero([label in counts for label in labels])
    part, names = select_classes(checked, labels, annotated)
    metric = partial(compute, labels=names, **options)
    values = search_values(part, names, start, metric)
    all_values = to_values(start, labels)
    for name, column in all_values.items():
        column[annotated] = values[name]
    settings = to_settings(all_values, labels)
    before, after = (evaluate_settings(part, names, each, metric) for each in (start, settings))
    return Tuning(settings, objective, counts, before, after)


def leave_one_recording_out(
    recordings: Iterable[tuple[FloatArray, Grid, float, Sequence[Event]]],
    labels: Sequence[str],
    *,
    objective: str = "segment",
    start: PostProcessing = DEFAULT,
    **options: Any,
) -> dict[str, Any]:
    """Evaluate tuning on recordings that the settings were not tuned on.

    Each recording is evaluated with the settings that were tuned on all the others; their events
    are pooled. It takes as long as tuning times the number of recordings.

    Parameters
    ----------
    recordings, labels, objective, start, **options
        As in `tune_post_processing`; at least two recordings, annotated events in at least two.

    Returns
    -------
    dict
        What `compute_segment_metrics` or `compute_event_metrics` return for the annotated classes;
        to be compared with `Tuning.before`.

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
    checked = check_recordings(recordings, labels)
    if sum(bool(recording.reference) for recording in checked) < 2:
        raise InputError(
            "expected at least two recordings with annotated events, to tune on one and evaluate"
            " on the other; annotate another"
        )
    annotated = {event.label for recording in checked for event in recording.reference}
    evaluated = []
    for number, recording in enumerate(checked):
        others = checked[:number] + checked[number + 1 :]
        tuning = tune_post_processing(others, labels, objective=objective, start=start, **options)
        evaluated.append(detect_in_recording(recording, labels, tuning.settings))
    return _metric(objective)(
        evaluated, labels=[label for label in labels if label in annotated], **options
    )


def _metric(objective: str) -> Metric:
    if objective not in OBJECTIVES:
        raise InputError(f"expected an objective of {', '.join(OBJECTIVES)}, got {objective!r}")
    return OBJECTIVES[objective]
