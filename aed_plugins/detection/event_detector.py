"""From probabilities over time to events, in one pass over a recording of any length.

Source: hysteresis, the filling of gaps and the removal of short events are pyannote.audio's
`Binarize` (Bredin, "pyannote.audio: neural building blocks for speaker diarization", ICASSP 2020),
whose names are kept; SpeechBrain's VAD has the same under the names `activation_th`,
`deactivation_th`, `close_th` and `len_th`. The median filter before them is usual in DCASE's
baselines. Deviation: here everything is done as the frames come, and a class may have settings of
its own.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from aed_plugins.core import Event, FloatArray, Grid
from aed_plugins.detection.hysteresis import apply_hysteresis
from aed_plugins.detection.median_filter import MedianFilter
from aed_plugins.detection.post_processing import PostProcessing

TIME_TOLERANCE = 1e-9  # seconds: what sums of decimal fractions may be off by


@dataclass
class _Candidate:
    """An event that later frames may still change: its frames and their highest probability."""

    start: int
    end: int
    score: float


class EventDetector:
    """Detects events in the probabilities of the frames of a recording, as they come.

    However the frames are cut into pushes, the events are the same. Only the frames that the median
    filter still needs and the events that are not over are kept.

    Parameters
    ----------
    labels : sequence of str
        The classes, in the order of the columns.
    grid : Grid
        Where the frames are.
    settings : PostProcessing
        Thresholds and lengths.

    Examples
    --------
    >>> grid = Grid(sample_rate=16000, frame_samples=16000)
    >>> settings = PostProcessing(onset=0.6, offset=0.3, min_duration_off=1.0)
    >>> detector = EventDetector(["dog"], grid, settings)
    >>> detector.push(np.array([[0.4], [0.7], [0.4], [0.2], [0.8]]))
    []
    >>> detector.push(np.array([[0.1], [0.0], [0.0]]))
    [Event(label='dog', onset=1.0, offset=5.0, score=0.8)]
    >>> detector.finish(duration=8.0)
    []
    """

    def __init__(self, labels: Sequence[str], grid: Grid, settings: PostProcessing) -> None:
        self.labels = list(labels)
        self.grid = grid
        values = {
            field.name: settings.values(field.name, self.labels) for field in fields(settings)
        }
        self.onset, self.offset = values["onset"], values["offset"]
        self.min_duration_on = values["min_duration_on"]
        self.min_duration_off = values["min_duration_off"]
        # An odd number of frames, which has a frame in its middle.
        half_widths = np.round(values["median_filter"] / grid.frame_length).astype(int) // 2
        self.frames = 0  # that went through the filter
        self._filter = MedianFilter(half_widths)
        self._active = np.zeros(len(self.labels), bool)
        # By the class's number: going on; and over, unless a gap is closed.
        self._open: dict[int, _Candidate] = {}
        self._closed: dict[int, _Candidate] = {}

    def push(self, probabilities: FloatArray) -> list[Event]:
        """Take the next frames; return the events that are over.

        Parameters
        ----------
        probabilities : ndarray
            `(frame, class)`, in [0, 1].

        Returns
        -------
        list of Event
            In the order in which they became certain.
        """
        return list(self._events(self._filter.push(np.asarray(probabilities)), math.inf))

    def finish(self, duration: float) -> list[Event]:
        """Return the events that are left at the end of the recording.

        Parameters
        ----------
        duration : float
            Seconds of the recording; no event goes beyond it.
        """
        events = list(self._events(self._filter.finish(), duration))
        for column, candidate in sorted(self._open.items()):
            candidate.end = self.frames
            events += self._close(column, candidate, duration)
        for column, candidate in sorted(self._closed.items()):
            events += self._event(column, candidate, duration)
        self._open, self._closed = {}, {}
        self._active[:] = False
        return events

    def _events(self, probabilities: FloatArray, duration: float) -> Iterator[Event]:
        if not len(probabilities):
            return
        active = apply_hysteresis(probabilities, self.onset, self.offset, self._active)
        before = np.concatenate([self._active[None], active[:-1]])
        classes, frames = np.nonzero((active != before).T)
        changes: dict[int, list[int]] = {column: [] for column in self._open}
        for column, frame in zip(classes.tolist(), frames.tolist(), strict=True):
            changes.setdefault(column, []).append(frame)
        for column in sorted(changes):
            yield from self._follow(column, changes[column], probabilities[:, column], duration)
        self._active = active[-1]
        self.frames += len(probabilities)
        for column, candidate in sorted(self._closed.items()):
            gap = (self.frames - candidate.end) * self.grid.frame_length
            if column not in self._open and gap > self.min_duration_off[column] + TIME_TOLERANCE:
                del self._closed[column]
                yield from self._event(column, candidate, duration)

    def _follow(
        self, column: int, changes: Sequence[int], probabilities: FloatArray, duration: float
    ) -> Iterator[Event]:
        """Follow one class through the frames of a push, from change to change of its state."""
        start = 0
        for change in [*changes, len(probabilities)]:
            candidate = self._open.get(column)
            if candidate is not None:
                candidate.end = self.frames + change
                highest = float(probabilities[start:change].max(initial=0.0))
                candidate.score = max(candidate.score, highest)
                if change < len(probabilities):
                    yield from self._close(column, candidate, duration)
            elif change < len(probabilities):
                self._open[column] = _Candidate(self.frames + change, self.frames + change, 0.0)
            start = change

    def _close(self, column: int, candidate: _Candidate, duration: float) -> Iterator[Event]:
        """Hold an event that is over, joined with the one before if the gap is short."""
        del self._open[column]
        last = self._closed.pop(column, None)
        if last is not None:
            gap = (candidate.start - last.end) * self.grid.frame_length
            if gap <= self.min_duration_off[column] + TIME_TOLERANCE:
                score = max(last.score, candidate.score)
                candidate = _Candidate(last.start, candidate.end, score)
            else:
                yield from self._event(column, last, duration)
        self._closed[column] = candidate

    def _event(self, column: int, candidate: _Candidate, duration: float) -> Iterator[Event]:
        edges = (candidate.start, candidate.end)
        onset, offset = (self.grid.edge(frame, duration) for frame in edges)
        if offset > onset and offset - onset >= self.min_duration_on[column] - TIME_TOLERANCE:
            yield Event(self.labels[column], onset, offset, round(candidate.score, 6))


def detect_events(
    probabilities: FloatArray,
    labels: Sequence[str],
    grid: Grid,
    settings: PostProcessing,
    duration: float,
) -> list[Event]:
    """Detect the events of a whole recording.

    Parameters
    ----------
    probabilities : ndarray
        `(frame, class)`, in [0, 1].
    labels : sequence of str
        The classes.
    grid : Grid
        Where the frames are.
    settings : PostProcessing
        Thresholds and lengths.
    duration : float
        Seconds of the recording.

    Returns
    -------
    list of Event
        By onset, then by label.

    Examples
    --------
    >>> detect_events(np.array([[0.9], [0.2]]), ["dog"], Grid(8000, 8000), PostProcessing(), 2.0)
    [Event(label='dog', onset=0.0, offset=1.0, score=0.9)]
    """
    detector = EventDetector(labels, grid, settings)
    return sort_events([*detector.push(probabilities), *detector.finish(duration)])


def sort_events(events: Sequence[Event]) -> list[Event]:
    """Sort events by onset, offset and label."""
    return sorted(events, key=lambda event: (event.onset, event.offset, event.label))
