"""Events from probabilities, against a plain reference, however the cells are cut."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, strategies as st

from aed_plugins.core import Event, Grid, InputError
from aed_plugins.detection import EventDetector, PostProcessing, sort_events
from aed_plugins.detection.event_detector import detect

LABELS = ["dog", "siren"]
SECOND = Grid(1000, 1000)
levels = st.sampled_from([0.0, 0.2, 0.3, 0.5, 0.6, 0.8, 1.0])
columns = st.lists(st.tuples(levels, levels), min_size=1, max_size=40).map(np.array)
lengths = st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0, 5.0])
settings = st.builds(
    lambda on, down, short, gap, median: PostProcessing(on, on * down, short, gap, median),
    st.sampled_from([0.3, 0.5, 0.6]),
    st.sampled_from([1.0, 0.5]),
    lengths,
    lengths,
    lengths,
)
origins = st.sampled_from([0, -500])


def runs_of(column, how):
    """Give start and end of the runs of active cells, one cell at a time."""
    runs, active = [], False
    for cell, value in enumerate(column):
        active = value >= (how.offset if active else how.onset)
        if active and runs and runs[-1][1] == cell:
            runs[-1][1] = cell + 1
        elif active:
            runs.append([cell, cell + 1])
    return runs


def reference(probabilities, grid, how, duration):
    """One class at a time, with the whole recording at hand."""
    events = []
    for place, label in enumerate(LABELS):
        size = 2 * (round(how.median_filter / grid.cell_length) // 2) + 1
        column = scipy.ndimage.median_filter(probabilities[:, place], size, mode="nearest")
        runs, joined = runs_of(column, how), []
        for start, end in runs:
            if joined and (start - joined[-1][1]) * grid.cell_length <= how.min_duration_off:
                joined[-1][1] = end
            else:
                joined.append([start, end])
        for start, end in joined:
            onset, offset = grid.edge(start, duration), grid.edge(end, duration)
            if offset - onset >= how.min_duration_on and offset > onset:
                heard = np.concatenate([column[s:e] for s, e in runs if start <= s < end])
                events.append(Event(label, onset, offset, heard.max()))
    return sort_events(events)


@given(columns, settings, origins)
def test_events_are_those_of_a_plain_reference(probabilities, how, origin):
    grid = Grid(1000, 1000, origin)
    duration = len(probabilities) - 0.25
    found = detect(probabilities, LABELS, grid, how, duration)
    assert found == reference(probabilities, grid, how, duration)


@given(columns, settings, st.lists(st.integers(0, 40), max_size=6))
def test_events_do_not_depend_on_how_the_cells_are_cut(probabilities, how, cuts):
    detector = EventDetector(LABELS, SECOND, how)
    events = []
    for part in np.split(probabilities, sorted(min(cut, len(probabilities)) for cut in cuts)):
        events += detector.push(part)
    events += detector.finish(float(len(probabilities)))
    assert sort_events(events) == detect(probabilities, LABELS, SECOND, how, len(probabilities))


def test_each_class_has_its_own_settings():
    how = PostProcessing(onset={"dog": 0.3}, min_duration_off={"siren": 1.0})
    cells = np.array([[0.4, 0.6], [0.2, 0.1], [0.4, 0.7]])
    assert detect(cells, LABELS, SECOND, how, 3.0) == [
        Event("dog", 0.0, 1.0, 0.4),
        Event("siren", 0.0, 3.0, 0.7),
        Event("dog", 2.0, 3.0, 0.4),
    ]


def test_an_event_is_told_as_soon_as_it_is_over():
    detector = EventDetector(["dog"], SECOND, PostProcessing(min_duration_off=1.0))
    assert detector.push(np.array([[0.9], [0.1]])) == []
    assert detector.push(np.array([[0.1]])) == [Event("dog", 0.0, 1.0, 0.9)]


def test_a_probability_at_the_threshold_counts():
    how = PostProcessing(onset=0.5, offset=0.25)
    cells = np.array([[0.5], [0.25], [0.2499]])
    assert detect(cells, ["dog"], SECOND, how, 3.0) == [Event("dog", 0.0, 2.0, 0.5)]


def test_no_event_goes_beyond_the_recording():
    assert detect(np.array([[0.9]]), ["dog"], SECOND, PostProcessing(), 0.25)[0].offset == 0.25


def test_a_mapping_for_the_offset_leaves_the_others_at_their_onset():
    how = PostProcessing(onset={"dog": 0.8, "siren": 0.4}, offset={"dog": 0.3})
    assert how.values("offset", [*LABELS, "cat"]).tolist() == [0.3, 0.4, 0.5]
    assert PostProcessing.from_dict(how.to_dict()) == how


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"onset": 1.5}, "expected onset to be in [0, 1] for all classes, got 1.5"),
        ({"onset": {"dog": -1}}, "expected onset to be 0 or more for dog, got -1"),
        ({"min_duration_on": "long"}, "got 'long'"),
        ({"median_filter": float("nan")}, "got nan"),
        ({"onset": 0.2, "offset": 0.3}, "not above the onset's 0.2, got 0.3 for all classes"),
        ({"onset": {"dog": 0.2}, "offset": 0.4}, "not above the onset's 0.2, got 0.4 for dog"),
        ({"threshold": 0.5}, "got 'threshold'"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, message):
    with pytest.raises(InputError) as refused:
        PostProcessing.from_dict(given)
    assert message in str(refused.value)
