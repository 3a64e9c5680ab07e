import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import Event, Grid, InputError
from aed_plugins.detection import (
    PostProcessing,
    detect_events,
    leave_one_recording_out,
    tune_post_processing,
)
from aed_plugins.detection.coordinate_search import CANDIDATES
from aed_plugins.metrics import compute_event_metrics, compute_segment_metrics

LABELS = ["cat", "dog", "siren"]
GRID = Grid(sample_rate=16000, frame_samples=4800)
NAMES = tuple(CANDIDATES)
FEW = settings(max_examples=4, deadline=None)


def make_recording(seed, *, frames=200, annotated=("cat", "dog"), grid=GRID):
    """Probabilities that lean towards the annotation, each class at a level of its own."""
    rng = np.random.default_rng(seed)
    duration = frames * grid.frame_length
    logits = rng.normal([-2, -3, -1], 1.0, (frames, 3))
    events = []
    for index, label in enumerate(LABELS):
        for onset in rng.uniform(0, duration - 6, 4):
            event = Event(label, onset, onset + rng.uniform(0.5, 5))
            first, last = (int(t / grid.frame_length) for t in (event.onset, event.offset))
            logits[first : last + 1, index] += 2.5
            if label in annotated:
                events.append(event)
    return 1 / (1 + np.exp(-logits)), grid, duration, events


def evaluated(
    recordings, post_processing, metric=compute_segment_metrics, labels=("cat", "dog"), **options
):
    """The metrics, without any of the tuning's own code."""
    found = [
        (reference, detect_events(probabilities, LABELS, grid, post_processing, duration), duration)
        for probabilities, grid, duration, reference in recordings
    ]
    return metric(found, labels=labels, **options)


def values_of(post_processing, labels=LABELS):
    return {name: post_processing.values(name, labels).tolist() for name in NAMES}


@pytest.mark.parametrize(
    ("objective", "metric"),
    [("segment", compute_segment_metrics), ("event", compute_event_metrics)],
)
def test_the_metrics_are_those_of_the_settings_before_and_after(objective, metric):
    recordings = [make_recording(0), make_recording(1, frames=90)]
    tuning = tune_post_processing(recordings, LABELS, objective=objective)
    assert tuning.before == evaluated(recordings, PostProcessing(), metric)
    assert tuning.after == evaluated(recordings, tuning.settings, metric)
    assert tuning.after["macro_f1"] > tuning.before["macro_f1"] + 0.05
    assert tuning.objective == objective
    assert tuning.reference_events == {"cat": 8, "dog": 8}


@FEW
@given(
    st.integers(0, 10_000),
    st.sampled_from(["segment", "event"]),
    st.sampled_from([0.05, 0.5, 0.9]),
)
def test_no_class_becomes_worse(seed, objective, onset):
    start = PostProcessing(onset=onset, offset=onset / 3, median_filter=0.7)
    tuning = tune_post_processing([make_recording(seed)], LABELS, objective=objective, start=start)
    for before, after in zip(*(f["per_class"] for f in (tuning.before, tuning.after)), strict=True):
        assert after["f1"] >= before["f1"]


@pytest.mark.parametrize(
    ("objective", "metric"),
    [("segment", compute_segment_metrics), ("event", compute_event_metrics)],
)
def test_no_single_change_is_better(objective, metric):
    recordings = [make_recording(3)]
    tuning = tune_post_processing(recordings, LABELS, objective=objective)
    found = {name: tuning.settings.values(name, ["dog"])[0] for name in NAMES}
    best = tuning.after["per_class"][1]["f1"]
    assert best > tuning.before["per_class"][1]["f1"]
    fraction = found["offset"] / found["onset"]
    for name, candidates in CANDIDATES.items():
        for candidate in candidates:
            changed = {**found, "offset": fraction, name: candidate}
            changed["offset"] *= changed["onset"]
            other = PostProcessing(**{k: {"dog": v} for k, v in changed.items()})
            assert evaluated(recordings, other, metric)["per_class"][1]["f1"] <= best


def one_class(probabilities, *times, frame=1.0):
    grid = Grid(1000, round(1000 * frame))
    events = [Event("dog", onset, offset) for onset, offset in times]
    return np.array(probabilities)[:, None], grid, len(probabilities) * frame, events


RUN = [0.9] * 5


@pytest.mark.parametrize(
    ("setting", "recording"),
    [
        ("onset", one_class([0.1, 0.3, 0.3, 0.1], (1, 3))),
        # The event has a high onset and a low end; low alone is also elsewhere.
        ("offset", one_class([0.3, 0.0, 0.3, 0.0, 0.3, 0.0, 0.7, 0.3, 0.3, 0.3, 0.0], (6, 10))),
        # Single frames are outliers, in an event or out of it.
        (
            "median_filter",
            one_class([*[0, 0, 0, 0.9, 0, 0] * 3, *[0.9, 0.9, 0, 0.9] * 3], (18, 30)),
        ),
        # Dips as deep as the silence, so that only their length tells.
        ("min_duration_off", one_class([0, 0.9, 0, 0, 0.9, 0, 0, 0.9, 0, 0, 0, 0], (1, 8))),
        # False ones nearly as long as the event, so that a median leaves both or neither.
        (
            "min_duration_on",
            one_class([*[0] * 9, *RUN, *[0] * 9, *RUN[:4], *[0] * 9], (0.9, 1.4), frame=0.1),
        ),
    ],
)
def test_what_helps_is_found(setting, recording):
    length = recording[1].frame_length
    tuning = tune_post_processing([recording], ["dog"], segment_length=length)
    found, default = (values_of(s, ["dog"]) for s in (tuning.settings, PostProcessing()))
    assert setting in {name for name in NAMES if found[name] != default[name]}
    assert tuning.before["micro_f1"] < 1
    assert tuning.after["micro_f1"] == 1


def test_of_equally_good_settings_those_of_the_start_are_kept():
    recording = one_class([0.1, 0.9, 0.9, 0.1], (1, 3))
    for start in (PostProcessing(), PostProcessing(0.613, 0.457, 0.3, 0.1, 0.2)):
        tuning = tune_post_processing([recording], ["dog"], start=start)
        assert values_of(tuning.settings, ["dog"]) == values_of(start, ["dog"])
        assert tuning.after == tuning.before
    # From 0.1 on all do as well.
    low = one_class([0.09, 0.46, 0.46, 0.09], (1, 3))
    assert tune_post_processing([low], ["dog"]).settings == PostProcessing(onset={"dog": 0.4})


def test_nothing_can_help_where_the_class_cannot_be_separated():
    recording = one_class([0.2, 0.2, 0.2, 0.2], (1, 3))
    tuning = tune_post_processing([recording], ["dog"])
    assert tuning.after["micro_f1"] == pytest.approx(2 / 3)
    assert tuning.settings == PostProcessing(onset={"dog": 0.2})


def test_classes_without_annotated_events_keep_their_settings():
    start = PostProcessing(
        onset={"siren": 1 / 3, "dog": 0.4}, offset={"siren": 0.1}, median_filter=0.9
    )
    tuning = tune_post_processing([make_recording(0)], LABELS, start=start)
    assert values_of(tuning.settings, ["siren"]) == values_of(start, ["siren"])
    assert values_of(tuning.settings, ["dog"]) != values_of(start, ["dog"])
    assert "siren" not in tuning.reference_events
    assert [row["label"] for row in tuning.after["per_class"]] == ["cat", "dog"]


def test_classes_are_tuned_apart():
    together = tune_post_processing([make_recording(0, annotated=LABELS)], LABELS).settings
    for label in LABELS:
        alone = tune_post_processing([make_recording(0, annotated=[label])], LABELS).settings
        assert values_of(alone, [label]) == values_of(together, [label])
        assert values_of(alone, [label]) != values_of(PostProcessing(), [label])


def test_the_objective_and_its_options_make_a_difference():
    # Segments of 1 s are right as long as each has a detection; the event is from 0.9 to 3.
    recording = one_class([0, 0, 0.6, 0.9, 0.0, 0.9, 0.2, 0.0], (1.0, 3.0), frame=0.5)
    by_segment = tune_post_processing([recording], ["dog"])
    by_event = tune_post_processing([recording], ["dog"], objective="event")
    assert by_segment.settings == PostProcessing()
    assert by_segment.after["micro_f1"] == by_event.after["micro_f1"] == 1
    assert by_event.settings == PostProcessing(min_duration_off={"dog": 0.5})
    fine = tune_post_processing([recording], ["dog"], segment_length=0.5)
    assert fine.before["micro_f1"] < fine.after["micro_f1"] == 1
    assert fine.after["segment_length"] == 0.5
    onsets = tune_post_processing([recording], ["dog"], objective="event", offsets=False)
    assert onsets.before["micro_f1"] == pytest.approx(2 / 3)
    with pytest.raises(TypeError, match="collar"):
        tune_post_processing([recording], ["dog"], collar=0.1)


def test_recordings_may_have_grids_of_their_own():
    recordings = [make_recording(0), make_recording(1, grid=Grid(8000, 8000, -4000), frames=60)]
    tuning = tune_post_processing(recordings, LABELS)
    assert tuning.after == evaluated(recordings, tuning.settings)


def test_the_result_is_the_same_every_time_and_goes_through_json():
    first, second = (tune_post_processing([make_recording(5)], LABELS) for _ in range(2))
    assert first == second
    content = json.loads(json.dumps(first.settings.to_dict(), allow_nan=False))
    assert PostProcessing.from_dict(content) == first.settings
    json.dumps([first.before, first.after], allow_nan=False)


def test_the_evaluated_recording_was_not_tuned_on():
    recordings = [make_recording(seed, frames=60, annotated=["dog"]) for seed in range(3)]
    parts = []
    for left_out in range(3):
        others = [r for number, r in enumerate(recordings) if number != left_out]
        post_processing = tune_post_processing(others, LABELS, segment_length=0.5).settings
        probabilities, grid, duration, reference = recordings[left_out]
        found = detect_events(probabilities, LABELS, grid, post_processing, duration)
        parts.append((reference, found, duration))
    unseen = leave_one_recording_out(recordings, LABELS, segment_length=0.5)
    assert unseen == compute_segment_metrics(parts, labels=["dog"], segment_length=0.5)
    seen = tune_post_processing(recordings, LABELS, segment_length=0.5)
    assert unseen["micro_f1"] < seen.after["micro_f1"]


def test_what_cannot_be_tuned_on_is_refused_in_one_line():
    good = make_recording(0)
    for recordings, options, message in (
        ([good], {"objective": "f1"}, "an objective of segment, event, got 'f1'"),
        ([], {}, "annotated events of at least one of 3 classes, got none"),
        ([make_recording(0, annotated=())], {}, "annotated events of at least one of 3 classes"),
        ([good, (*good[:3], [Event("dgo", 1, 2)])], {}, "recording 2: .*3 classes, got 'dgo'"),
        ([(*good[:3], [Event("dog", 99, 100)])], {}, r"recording 1: expected events within its 60"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            tune_post_processing(recordings, LABELS, **options)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"recording 1: expected probabilities \(frame, 2\), got"):
        tune_post_processing([good], LABELS[:2])
    with pytest.raises(ValueError, match="labels that differ"):
        tune_post_processing([good], ["dog", "dog", "cat"])
    with pytest.raises(InputError, match="at least two recordings with annotated events"):
        leave_one_recording_out([good, make_recording(1, annotated=())], LABELS)
