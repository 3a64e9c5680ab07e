"""Events from probabilities, against a plain reference, however the frames are cut."""

import numpy as np
import scipy.ndimage
from hypothesis import given, strategies as st

from aed_plugins.core import Event, Grid
from aed_plugins.detection import EventDetector, PostProcessing, detect_events, sort_events

LABELS = ["dog", "siren"]
SECOND = Grid(1000, 1000)
levels = st.sampled_from([0.0, 0.2, 0.3, 0.5, 0.6, 0.8, 1.0])
columns = st.lists(st.tuples(levels, levels), min_size=1, max_size=40).map(np.array)
lengths = st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0, 5.0])
post_processing = st.builds(
    lambda on, down, short, gap, median: PostProcessing(on, on * down, short, gap, median),
    st.sampled_from([0.3, 0.5, 0.6]),
    st.sampled_from([1.0, 0.5]),
    lengths,
    lengths,
    lengths,
)
origins = st.sampled_from([0, -500])


def runs_of(column, how):
    """Return start and end of the runs of active frames, one frame at a time."""
    runs, active = [], False
    for frame, value in enumerate(column):
        active = value >= (how.offset if active else how.onset)
        if active and runs and runs[-1][1] == frame:
            runs[-1][1] = frame + 1
        elif active:
            runs.append([frame, frame + 1])
    return runs


def reference(probabilities, grid, how, duration):
    """One class at a time, with the whole recording at hand."""
    events = []
    for index, label in enumerate(LABELS):
        size = 2 * (round(how.median_filter / grid.frame_length) // 2) + 1
        column = scipy.ndimage.median_filter(probabilities[:, index], size, mode="nearest")
        runs, joined = runs_of(column, how), []
        for start, end in runs:
            if joined and (start - joined[-1][1]) * grid.frame_length <= how.min_duration_off:
                joined[-1][1] = end
            else:
                joined.append([start, end])
        for start, end in joined:
            onset, offset = grid.edge(start, duration), grid.edge(end, duration)
            if offset - onset >= how.min_duration_on and offset > onset:
                scores = np.concatenate([column[s:e] for s, e in runs if start <= s < end])
                events.append(Event(label, onset, offset, scores.max()))
    return sort_events(events)


@given(columns, post_processing, origins)
def test_events_are_those_of_a_plain_reference(probabilities, how, origin):
    grid = Grid(1000, 1000, origin)
    duration = len(probabilities) - 0.25
    found = detect_events(probabilities, LABELS, grid, how, duration)
    assert found == reference(probabilities, grid, how, duration)


@given(columns, post_processing, st.lists(st.integers(0, 40), max_size=6))
def test_events_do_not_depend_on_how_the_frames_are_cut(probabilities, how, cuts):
    detector = EventDetector(LABELS, SECOND, how)
    events = []
    for part in np.split(probabilities, sorted(min(cut, len(probabilities)) for cut in cuts)):
        events += detector.push(part)
    events += detector.finish(float(len(probabilities)))
    assert sort_events(events) == detect_events(
        probabilities, LABELS, SECOND, how, len(probabilities)
    )


def test_each_class_has_its_own_settings():
    how = PostProcessing(onset={"dog": 0.3}, min_duration_off={"siren": 1.0})
    frames = np.array([[0.4, 0.6], [0.2, 0.1], [0.4, 0.7]])
    assert detect_events(frames, LABELS, SECOND, how, 3.0) == [
        Event("dog", 0.0, 1.0, 0.4),
        Event("siren", 0.0, 3.0, 0.7),
        Event("dog", 2.0, 3.0, 0.4),
    ]


def test_an_event_is_returned_as_soon_as_it_is_over():
    detector = EventDetector(["dog"], SECOND, PostProcessing(min_duration_off=1.0))
    assert detector.push(np.array([[0.9], [0.1]])) == []
    assert detector.push(np.array([[0.1]])) == [Event("dog", 0.0, 1.0, 0.9)]


def test_a_probability_at_the_threshold_counts():
    how = PostProcessing(onset=0.5, offset=0.25)
    frames = np.array([[0.5], [0.25], [0.2499]])
    assert detect_events(frames, ["dog"], SECOND, how, 3.0) == [Event("dog", 0.0, 2.0, 0.5)]


def test_no_event_goes_beyond_the_recording():
    assert (
        detect_events(np.array([[0.9]]), ["dog"], SECOND, PostProcessing(), 0.25)[0].offset == 0.25
    )
