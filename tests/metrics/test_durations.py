import json

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings, strategies as st

from aed_plugins.core import Event, InputError
from aed_plugins.metrics import summarize_durations

FEW = settings(max_examples=50, deadline=None)


def events_of(*times, label="dog"):
    return [Event(label, onset, offset) for onset, offset in times]


def switching(rng, duration, on, off, label="dog"):
    """A class that is active and inactive for exponential times: `on / (on + off)` of all time."""
    time, active, found = 0.0, rng.random() < on / (on + off), []
    while time < duration:
        length = rng.exponential(on if active else off)
        if active:
            found.append(Event(label, time, min(time + length, duration)))
        time, active = time + length, not active
    return found


def one(recordings, **options):
    [row] = summarize_durations(recordings, ["dog"], **options)
    return row


@FEW
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), max_size=12))
def test_seconds_are_those_of_the_union_within_the_recording(times):
    active = np.zeros(50, bool)
    for onset, length in times:
        active[onset : onset + length] = True
    row = one([(events_of(*((a, a + n) for a, n in times)), 50.0)], bootstrap_samples=0)
    assert row.seconds == active.sum()
    assert row.fraction == active.mean()
    assert row.events == len(times)


def test_recordings_count_by_their_length():
    row = one([(events_of((0, 10)), 10.0), (events_of((0, 10), (50, 60)), 90.0)])
    assert row[1:4] == (30.0, 0.3, 3)


def test_classes_come_in_the_given_order_and_apart():
    recording = [*events_of((0, 4)), *events_of((2, 5), (6, 7), label="cat")]
    rows = summarize_durations([(recording, 10.0)], ["siren", "dog", "cat"])
    assert [row[:4] for row in rows] == [
        ("siren", 0.0, 0.0, 0),
        ("dog", 4.0, 0.4, 1),
        ("cat", 4.0, 0.4, 2),
    ]


def assert_covers(intervals, truth, low, high):
    inside = [low_end <= truth <= high_end for low_end, high_end in intervals]
    assert low <= np.mean(inside) <= high


@pytest.mark.parametrize("count", [5, 20])
def test_intervals_over_recordings_cover_the_truth_about_as_often_as_promised(count):
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(200):
        recordings = []
        for duration in rng.uniform(30, 300, count):
            fraction = rng.beta(2, 6)  # recordings differ more than their segments do
            recordings.append((events_of((0, fraction * duration)), duration))
        rows.append((one(recordings, bootstrap_samples=200), sum(d for _, d in recordings)))
    assert_covers([row.fraction_interval for row, _ in rows], 0.25, 0.85, 0.98)
    for row, total in rows:
        assert row.seconds_interval == pytest.approx([total * s for s in row.fraction_interval])


@pytest.mark.parametrize(("on", "off", "duration"), [(5, 15, 600), (3, 10, 120), (60, 60, 5400)])
def test_intervals_within_a_recording_cover_the_truth_about_as_often_as_promised(on, off, duration):
    rng = np.random.default_rng(0)
    rows = [
        one([(switching(rng, duration, on, off), float(duration))], bootstrap_samples=200)
        for _ in range(200)
    ]
    assert_covers([row.fraction_interval for row in rows], on / (on + off), 0.88, 0.98)
    # Onsets come every on + off seconds, and one more if the recording starts within an event.
    expected = duration / (on + off) + on / (on + off)
    assert_covers([row.events_interval for row in rows], expected, 0.86, 0.99)


def test_an_event_longer_than_a_block_makes_neighboring_blocks_alike():
    """Drawing independent seconds, as if they were independent, would cover half of it."""
    rng = np.random.default_rng(1)
    recording = switching(rng, 600.0, 20, 40)
    low, high = one([(recording, 600.0)]).fraction_interval
    independent = 2 * 1.96 * np.sqrt(1 / 3 * 2 / 3 / 600)
    assert high - low > 2 * independent


def test_the_interval_over_recordings_is_that_of_scipy():
    rng = np.random.default_rng(0)
    durations = rng.uniform(30, 300, 12)
    seconds = durations * rng.beta(2, 6, 12)
    row = one(
        [(events_of((0, s)), d) for s, d in zip(seconds, durations, strict=True)],
        bootstrap_samples=4000,
    )
    widened = np.sqrt(12 / 11) * scipy.stats.t.ppf(0.975, 11)
    expected = scipy.stats.bootstrap(
        (seconds, durations),
        lambda s, d, axis: s.sum(axis) / d.sum(axis),
        confidence_level=2 * scipy.stats.norm.cdf(widened) - 1,
        method="percentile",
        paired=True,
        n_resamples=4000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert row.fraction_interval == pytest.approx(list(expected), abs=0.01)
    assert row.fraction_interval[1] - row.fraction_interval[0] > 0.05


def test_more_recordings_make_the_interval_narrower():
    rng = np.random.default_rng(0)
    widths = []
    for count in (6, 24, 96):
        recordings = [(events_of((0, t)), 10.0) for t in rng.uniform(0, 10, count)]
        low, high = one(recordings).fraction_interval
        widths.append(high - low)
    assert widths[0] > 1.5 * widths[1] > 2.2 * widths[2]


@FEW
@given(st.integers(0, 10_000), st.integers(1, 8), st.floats(50, 500))
def test_values_lie_within_what_is_possible(seed, count, duration):
    rng = np.random.default_rng(seed)
    recordings = [(switching(rng, duration, 30, 5), duration) for _ in range(count)]
    row = one(recordings, bootstrap_samples=50)
    assert row.seconds <= count * duration * (1 + 1e-9)
    if row.fraction_interval is not None:
        low, high = row.fraction_interval
        assert 0 <= low <= high <= 1 + 1e-9
        assert row.seconds_interval == pytest.approx(
            [low * count * duration, high * count * duration]
        )
    if row.events_interval is not None:
        assert 0 <= row.events_interval[0] <= row.events_interval[1]


def test_blocks_go_on_at_the_start_where_they_reach_the_end():
    """The blocks are circular, so that each part of the recording weighs the same."""
    first, last, middle = ((0, 10),), ((90, 100),), ((45, 55),)
    intervals = [
        one([(events_of(*t), 100.0)], bootstrap_samples=4000) for t in (first, last, middle)
    ]
    for row in intervals[1:]:
        assert row.fraction_interval == pytest.approx(intervals[0].fraction_interval, abs=0.02)


@pytest.mark.parametrize(
    "recordings",
    [
        [(events_of((1, 3)), 49.9)],
        [(events_of((1, 3)), 1000.0)] * 2,
        [(events_of((1, 2 + k)), 1000.0) for k in range(4)],
    ],
)
def test_too_little_to_bootstrap_has_no_interval(recordings):
    row = one(recordings)
    assert row.seconds > 0
    assert row[4:] == (None, None, None)


def test_just_enough_to_bootstrap_has_intervals():
    assert None not in one([(events_of((1, 3)), 50.0)])
    assert None not in one([(events_of(*[(1, 2 + k)] * (k + 1)), 9.0) for k in range(5)])


@pytest.mark.parametrize("count", [1, 6])
def test_what_no_bootstrap_sample_changes_has_no_interval(count):
    silent = one([([], 100.0)] * count)
    assert silent == ("dog", 0.0, 0.0, 0, None, None, None)
    always = one([(events_of((0, 100)), 100.0)] * count)
    assert always.fraction == 1.0
    assert always.fraction_interval is None
    # Each is active for a third of its length: the fraction is certain but for rounding.
    thirds = one([(events_of((0, d / 3)), d) for d in (1.0, 3.3, 7.7, 10.1, 11.0)])
    assert thirds.fraction_interval is None


def test_the_seed_makes_the_interval():
    recordings = [(events_of((0, k)), 50.0) for k in range(1, 9)]
    assert one(recordings) == one(recordings)
    assert one(recordings).fraction_interval != one(recordings, seed=1).fraction_interval
    assert one(recordings, bootstrap_samples=0)[4:] == (None, None, None)


def test_a_class_is_given_the_same_interval_whatever_other_classes_there_are():
    dogs, cats = events_of((1, 9), (30, 31)), events_of((40, 55), label="cat")
    alone = one([(dogs, 60.0)])
    assert summarize_durations([([*cats, *dogs], 60.0)], ["cat", "dog"])[1] == alone


def test_how_many_bootstrap_samples_are_drawn_at_a_time_changes_nothing(monkeypatch):
    recordings = [(events_of((0, k)), 50.0) for k in range(1, 9)]
    expected = one(recordings, bootstrap_samples=250)
    monkeypatch.setattr("aed_plugins.metrics.durations.BOOTSTRAP_SAMPLES_AT_ONCE", 7)
    assert one(recordings, bootstrap_samples=250) == expected


def test_rows_are_fit_for_json():
    rows = summarize_durations([(events_of((1, 3)), 60.0)], ["dog", "cat"])
    content = json.loads(json.dumps([row._asdict() for row in rows], allow_nan=False))
    assert content[0]["fraction"] == pytest.approx(2 / 60)
    assert len(content[0]["events_interval"]) == 2
    assert content[1]["seconds_interval"] is None


def test_what_cannot_be_right_is_refused():
    with pytest.raises(InputError, match="recording 2: expected events of 1 classes"):
        summarize_durations([([], 5.0), (events_of((1, 2)), 5.0)], ["cat"])
    with pytest.raises(InputError, match=r"recording 1: expected events within its 5\.0 s"):
        one([(events_of((6, 7)), 5.0)])
    with pytest.raises(InputError, match="recording 1: expected a duration of more than 0 s"):
        one([([], 0.0)])
    for recordings, labels, samples in (([], ["a"], 1), ([([], 1.0)], ["a", "a"], 1)):
        with pytest.raises(ValueError, match="expected recordings, labels that differ"):
            summarize_durations(recordings, labels, bootstrap_samples=samples)
    with pytest.raises(ValueError, match="no negative number of bootstrap samples"):
        one([([], 1.0)], bootstrap_samples=-1)
