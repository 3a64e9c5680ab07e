"""Segment-based and event-based metrics against sed_eval."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import Event
from aed_plugins.metrics import compute_event_metrics, compute_segment_metrics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports pkg_resources
    from sed_eval.sound_event import EventBasedMetrics, SegmentBasedMetrics

LABELS = ["cat", "dog", "siren"]
# sed_eval takes a millisecond per recording.
FEW = settings(max_examples=60, deadline=None)
# 64ths of a second are exact, so that both sides divide and subtract without rounding.
TICKS = 64


def event(label, start, length):
    return Event(label, start / TICKS, (start + length) / TICKS)


EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from(LABELS),
        # Whole seconds are borders of segments, and few values make many near each other.
        st.sampled_from([0, 64, 128, 130, 140]) | st.integers(0, 600),
        st.sampled_from([0, 1, 64, 640]) | st.integers(0, 200),
    ),
    max_size=12,
)
# Shorter than some events, and mostly no whole number of segments.
DURATIONS = st.integers(601, 900).map(lambda ticks: ticks / TICKS)
RECORDINGS = st.lists(st.tuples(EVENTS, EVENTS, DURATIONS), min_size=1, max_size=3)


def listed(events):
    return [
        {"event_label": e.label, "onset": e.onset, "offset": e.offset, "file": "a"} for e in events
    ]


def close(events):
    """Move predictions next to the annotation, else next to none would be paired."""
    return [Event(e.label, e.onset + 3 / TICKS, e.offset + 9 / TICKS) for e in events]


def assert_rates(ours, theirs, counted):
    """None is for NaN, and for sed_eval's precision of 0 where nothing is annotated or found."""
    for name, their in (("precision", "precision"), ("recall", "recall"), ("f1", "f_measure")):
        undefined = np.isnan(theirs[their]) or not counted
        assert ours[name] == (None if undefined else pytest.approx(theirs[their])), name


def assert_equals_sed_eval(ours, theirs):
    """Compare class by class, and micro; macro where nothing is undefined for sed_eval."""
    theirs.empty_system_output_handling = "zero_score"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing
        results = theirs.results()
    overall = results["overall"]["f_measure"]
    micro = {name: ours[f"micro_{name}"] for name in ("precision", "recall", "f1")}
    assert_rates(micro, overall, theirs.overall["Nref"] + theirs.overall["Nsys"])
    for row in ours["per_class"]:
        their = results["class_wise"][row["label"]]
        assert row["reference"] == their["count"]["Nref"]
        assert row["predicted"] == their["count"]["Nsys"]
        assert_rates(row, their["f_measure"], row["reference"] + row["predicted"])
    if any(row["reference"] for row in ours["per_class"]):
        averaged = results["class_wise_average"]["f_measure"]
        assert ours["macro_f1"] == pytest.approx(averaged["f_measure"])
        assert ours["macro_recall"] == pytest.approx(averaged["recall"])
    return results


@FEW
@given(RECORDINGS, st.sampled_from([1.0, 0.25, 2.0]))
def test_segment_metrics_equal_sed_eval(recordings, segment_length):
    theirs = SegmentBasedMetrics(LABELS, time_resolution=segment_length)
    for reference, predicted, duration in recordings:
        theirs.evaluate(listed(reference), listed(predicted), duration)
    ours = compute_segment_metrics(recordings, labels=LABELS, segment_length=segment_length)
    results = assert_equals_sed_eval(ours, theirs)
    if not theirs.overall["Nref"]:
        assert ours["micro_error_rate"] is None
        return
    errors = results["overall"]["error_rate"]
    assert ours["micro_error_rate"] == pytest.approx(errors["error_rate"])
    for name in ("substitution_rate", "deletion_rate", "insertion_rate"):
        assert ours[name] == pytest.approx(errors[name])
    for row in ours["per_class"]:
        their = results["class_wise"][row["label"]]["error_rate"]["error_rate"]
        assert row["error_rate"] == (pytest.approx(their) if row["reference"] else None)


@FEW
@given(
    RECORDINGS,
    st.booleans(),
    st.sampled_from([0.2, 0.0625, 1.0]),
    st.sampled_from([0.2, 0.5, 0.0]),
)
def test_event_metrics_equal_sed_eval(recordings, offsets, collar, fraction):
    recordings = [(r, [*e, *close(r)], d) for r, e, d in recordings]
    theirs = EventBasedMetrics(
        LABELS, evaluate_offset=offsets, t_collar=collar, percentage_of_length=fraction
    )
    for reference, predicted, _ in recordings:
        theirs.evaluate(listed(reference), listed(predicted))
    ours = compute_event_metrics(
        recordings, labels=LABELS, collar=collar, offsets=offsets, offset_fraction=fraction
    )
    assert_equals_sed_eval(ours, theirs)


def test_many_events_close_together_are_paired_as_sed_eval_does():
    rng = np.random.default_rng(0)
    count = 200
    sides = [
        [Event("dog", on, on + length) for on, length in rng.random((count, 2)) * [10, 1]]
        for _ in range(2)
    ]
    theirs = EventBasedMetrics(["dog"], percentage_of_length=0.2)
    theirs.evaluate(*map(listed, sides))
    ours = compute_event_metrics([(*sides, 12.0)])
    assert ours["per_class"][0]["hits"] == theirs.class_wise["dog"]["Ntp"]
    # Some find no partner, so that it matters who is paired with whom.
    assert 0.5 * count < ours["per_class"][0]["hits"] < count
