"""From probabilities over time to events, in one pass over a recording of any length.

Source: hysteresis, the filling of gaps and the removal of short events are pyannote.audio's
`Binarize` (Bredin, "pyannote.audio: neural building blocks for speaker diarization", ICASSP 2020),
whose names are kept; SpeechBrain's VAD has the same under the names `activation_th`,
`deactivation_th`, `close_th` and `len_th`. The median filter before them is usual in DCASE's
baselines. Deviation: here everything is done as the cells come, and a class may have settings of
its own.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from aed_plugins.core import Event, FloatArray, Grid
from aed_plugins.detection.hysteresis import hysteresis
from aed_plugins.detection.median_filter import MedianFilter
from aed_plugins.detection.post_processing import PostProcessing

ROUNDING = 1e-9  # seconds: what sums of decimal fractions may be off by


@dataclass
class _Found:
    """An event in the making: its cells and the highest probability in them."""

    start: int
    end: int
    score: float


class EventDetector:
    """Finds events in the probabilities of the cells of a recording, as they come.

    However the cells are cut into pushes, the events are the same. What is kept is the cells that
    the median filter still needs and the events that are not over.

    Parameters
    ----------
    labels : sequence of str
        The classes, in the order of the columns.
    grid : Grid
        Where the cells are.
    settings : PostProcessing
        Thresholds and lengths.

    Examples
    --------
    >>> grid = Grid(sample_rate=16000, cell_samples=16000)
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
        settled = {
            field.name: settings.values(field.name, self.labels) for field in fields(settings)
        }
        self.onset, self.offset = settled["onset"], settled["offset"]
        self.shortest, self.gap = settled["min_duration_on"], settled["min_duration_off"]
        # An odd number of cells, which has a cell in its middle.
        halves = np.round(settled["median_filter"] / grid.cell_length).astype(int) // 2
        self.cells = 0  # that went through the filter
        self._filter = MedianFilter(halves)
        self._active = np.zeros(len(self.labels), bool)
        self._open: dict[int, _Found] = {}  # heard right now
        self._closed: dict[int, _Found] = {}  # over, unless a gap is closed

    def push(self, probabilities: FloatArray) -> list[Event]:
        """Take the next cells; give the events that are over.

        Parameters
        ----------
        probabilities : ndarray
            `(cell, class)`, in [0, 1].

        Returns
        -------
        list of Event
            In the order in which they became certain.
        """
        return list(self._events(self._filter.push(np.asarray(probabilities)), math.inf))

    def finish(self, duration: float) -> list[Event]:
        """Give the events that are left at the end of the recording.

        Parameters
        ----------
        duration : float
            Seconds of the recording; no event goes beyond it.
        """
        events = list(self._events(self._filter.finish(), duration))
        for place, found in sorted(self._open.items()):
            found.end = self.cells
            events += self._close(place, found, duration)
        for place, found in sorted(self._closed.items()):
            events += self._event(place, found, duration)
        self._open, self._closed = {}, {}
        self._active[:] = False
        return events

    def _events(self, probabilities: FloatArray, duration: float) -> Iterator[Event]:
        if not len(probabilities):
            return
        active = hysteresis(probabilities, self.onset, self.offset, self._active)
        before = np.concatenate([self._active[None], active[:-1]])
        classes, cells = np.nonzero((active != before).T)
        turns: dict[int, list[int]] = {place: [] for place in self._open}
        for place, cell in zip(classes.tolist(), cells.tolist(), strict=True):
            turns.setdefault(place, []).append(cell)
        for place in sorted(turns):
            yield from self._follow(place, turns[place], probabilities[:, place], duration)
        self._active = active[-1]
        self.cells += len(probabilities)
        for place, found in sorted(self._closed.items()):
            silence = (self.cells - found.end) * self.grid.cell_length
            if place not in self._open and silence > self.gap[place] + ROUNDING:
                del self._closed[place]
                yield from self._event(place, found, duration)

    def _follow(
        self, place: int, turns: Sequence[int], column: FloatArray, duration: float
    ) -> Iterator[Event]:
        """Follow one class through the cells of a push, from turn to turn."""
        start = 0
        for turn in [*turns, len(column)]:
            found = self._open.get(place)
            if found is not None:
                found.end = self.cells + turn
                found.score = max(found.score, float(column[start:turn].max(initial=0.0)))
                if turn < len(column):
                    yield from self._close(place, found, duration)
            elif turn < len(column):
                self._open[place] = _Found(self.cells + turn, self.cells + turn, 0.0)
            start = turn

    def _close(self, place: int, found: _Found, duration: float) -> Iterator[Event]:
        """Put an event by which is over, joined with the one before if the gap is small."""
        del self._open[place]
        last = self._closed.pop(place, None)
        if last is not None:
            silence = (found.start - last.end) * self.grid.cell_length
            if silence <= self.gap[place] + ROUNDING:
                found = _Found(last.start, found.end, max(last.score, found.score))
            else:
                yield from self._event(place, last, duration)
        self._closed[place] = found

    def _event(self, place: int, found: _Found, duration: float) -> Iterator[Event]:
        onset, offset = (self.grid.edge(cell, duration) for cell in (found.start, found.end))
        if offset > onset and offset - onset >= self.shortest[place] - ROUNDING:
            yield Event(self.labels[place], onset, offset, round(found.score, 6))


def detect(
    probabilities: FloatArray,
    labels: Sequence[str],
    grid: Grid,
    settings: PostProcessing,
    duration: float,
) -> list[Event]:
    """Find the events of a whole recording.

    Parameters
    ----------
    probabilities : ndarray
        `(cell, class)`, in [0, 1].
    labels : sequence of str
        The classes.
    grid : Grid
        Where the cells are.
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
    >>> detect(np.array([[0.9], [0.2]]), ["dog"], Grid(8000, 8000), PostProcessing(), 2.0)
    [Event(label='dog', onset=0.0, offset=1.0, score=0.9)]
    """
    detector = EventDetector(labels, grid, settings)
    return sort_events([*detector.push(probabilities), *detector.finish(duration)])


def sort_events(events: Sequence[Event]) -> list[Event]:
    """Sort events by onset, offset and label."""
    return sorted(events, key=lambda event: (event.onset, event.offset, event.label))
