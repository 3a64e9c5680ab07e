"""A recording as a page or a picture shows it."""

import dataclasses

import numpy as np

from aed_plugins.core import Event
from aed_plugins.metrics import LabelDuration
from aed_plugins.report.recording import RecordingReport


def duration_of(label, seconds=1.0, fraction=0.25, events=1, interval=(0.5, 1.5)):
    """Return the duration of a class."""
    return LabelDuration(label, seconds, fraction, events, interval, None, None)


def report(path, duration=4.0, labels=("dog", "rain"), **changed):
    """Describe a recording whose first class has one event from 1 to 2 s."""
    curves = np.zeros((len(labels), 40), np.uint8)
    curves[0, 10:20] = 240
    given = RecordingReport(
        name=path.name,
        path=path,
        duration=duration,
        labels=list(labels),
        curves=curves,
        column_length=duration / 40,
        events=[Event(labels[0], 1.0, 2.0, 0.93)],
        spectrogram=np.arange(16 * 50, dtype=np.uint8).reshape(16, 50),
        spectrogram_column_length=duration / 50,
        mel_frequencies=[(0, 60.0), (15, 7800.0)],
        durations=[duration_of(labels[0], fraction=1 / duration)],
        thresholds=dict.fromkeys(labels, 0.5),
    )
    return dataclasses.replace(given, **changed)
