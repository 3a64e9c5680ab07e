"""Recordings with a model's probabilities and annotated events, on which settings are tuned."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from aed_plugins.core import Event, FloatArray, Grid, IntArray
from aed_plugins.detection.event_detector import detect_events
from aed_plugins.detection.post_processing import PostProcessing
from aed_plugins.metrics import check_events

# Computes metrics of `(reference events, predicted events, duration)` of each recording.
Metric = Callable[..., dict[str, Any]]


class AnnotatedRecording(NamedTuple):
    """A model's probabilities of a recording, and its annotated events; a plain tuple will do.

    Attributes
    ----------
    probabilities : ndarray
        `(frame, class)`, in [0, 1].
    grid : Grid
        Where the frames are.
    duration : float
        Seconds.
    reference : sequence of Event
        As annotated.
    """

    probabilities: FloatArray
    grid: Grid
    duration: float
    reference: Sequence[Event]


def check_recordings(
    recordings: Iterable[tuple[FloatArray, Grid, float, Sequence[Event]]], labels: Sequence[str]
) -> list[AnnotatedRecording]:
    """Return the recordings if their probabilities and events fit the labels.

    Raises
    ------
    InputError
        If an annotated event is of another class or starts after its recording's end.
    ValueError
        If two labels are the same, or there is not a column of probabilities for each.
    """
    if len(set(labels)) < len(labels):
        raise ValueError(f"expected labels that differ, got {list(labels)}")
    checked = [AnnotatedRecording(*recording) for recording in recordings]
    for number, recording in enumerate(checked, start=1):
        shape = np.shape(recording.probabilities)
        if len(shape) != 2 or shape[1] != len(labels):
            raise ValueError(
                f"recording {number}: expected probabilities (frame, {len(labels)}), got an array"
                f" of shape {shape}"
            )
        check_events(f"recording {number}", recording.reference, recording.duration, labels)
    return checked


def select_classes(
    recordings: Sequence[AnnotatedRecording], labels: Sequence[str], columns: IntArray
) -> tuple[list[AnnotatedRecording], list[str]]:
    """Return the recordings' probabilities and events of some classes, and their labels."""
    selected = [labels[column] for column in columns]
    names = set(selected)
    part = [
        recording._replace(
            probabilities=recording.probabilities[:, columns],
            reference=[event for event in recording.reference if event.label in names],
        )
        for recording in recordings
    ]
    return part, selected


def evaluate_settings(
    recordings: Sequence[AnnotatedRecording],
    labels: Sequence[str],
    settings: PostProcessing,
    metric: Metric,
) -> dict[str, Any]:
    """Compute the metrics of the events that the settings give."""
    return metric([detect_in_recording(recording, labels, settings) for recording in recordings])


def detect_in_recording(
    recording: AnnotatedRecording, labels: Sequence[str], settings: PostProcessing
) -> tuple[Sequence[Event], list[Event], float]:
    """Return reference events, predicted events and duration of a recording."""
    probabilities, grid, duration, reference = recording
    return reference, detect_events(probabilities, labels, grid, settings, duration), duration
