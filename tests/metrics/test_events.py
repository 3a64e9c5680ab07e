import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from aed_plugins.core import Event, InputError
from aed_plugins.metrics import event_metrics, segment_metrics

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
    """Move estimates next to the annotation, else next to none would be paired."""
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
        assert row["estimated"] == their["count"]["Nsys"]
        assert_rates(row, their["f_measure"], row["reference"] + row["estimated"])
    if any(row["reference"] for row in ours["per_class"]):
        averaged = results["class_wise_average"]["f_measure"]
        assert ours["macro_f1"] == pytest.approx(averaged["f_measure"])
        assert ours["macro_recall"] == pytest.approx(averaged["recall"])
    return results


@FEW
@given(RECORDINGS, st.sampled_from([1.0, 0.25, 2.0]))
def test_segment_figures_equal_sed_eval(recordings, segment_length):
    theirs = SegmentBasedMetrics(LABELS, time_resolution=segment_length)
    for reference, estimated, duration in recordings:
        theirs.evaluate(listed(reference), listed(estimated), duration)
    ours = segment_metrics(recordings, labels=LABELS, segment_length=segment_length)
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
def test_event_figures_equal_sed_eval(recordings, offsets, collar, share):
    recordings = [(r, [*e, *close(r)], d) for r, e, d in recordings]
    theirs = EventBasedMetrics(
        LABELS, evaluate_offset=offsets, t_collar=collar, percentage_of_length=share
    )
    for reference, estimated, _ in recordings:
        theirs.evaluate(listed(reference), listed(estimated))
    ours = event_metrics(
        recordings, labels=LABELS, collar=collar, offsets=offsets, offset_share=share
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
    ours = event_metrics([(*sides, 12.0)])
    assert ours["per_class"][0]["hits"] == theirs.class_wise["dog"]["Ntp"]
    # Some find no partner, so that it matters who is paired with whom.
    assert 0.5 * count < ours["per_class"][0]["hits"] < count


def test_the_most_pairs_are_found_where_the_nearest_would_leave_one_alone():
    # The second annotated event can only stand with the estimate that is nearest to the first.
    reference = [Event("dog", 1.0, 2.0), Event("dog", 1.3, 2.0)]
    estimated = [Event("dog", 0.85, 2.0), Event("dog", 1.12, 2.0)]
    assert event_metrics([(reference, estimated, 5.0)])["micro_f1"] == 1


@pytest.mark.parametrize("reverse", [False, True])
def test_the_order_of_events_does_not_matter(reverse):
    reference = [Event("dog", t, t + 0.5) for t in (1.0, 1.15, 3.0)]
    estimated = [Event("dog", t, t + 0.5) for t in (1.1, 1.25, 3.1)]
    order = -1 if reverse else 1
    assert event_metrics([(reference[::order], estimated, 5.0)])["micro_f1"] == 1


def segments(*events, duration=10.0, **options):
    [row] = segment_metrics([(events, (), duration)], **options)["per_class"]
    return row["reference"]


def test_an_event_that_ends_on_a_border_is_not_in_the_next_segment():
    assert segments(Event("dog", 1.0, 2.0)) == 1
    assert segments(Event("dog", 1.0, 2.01)) == 2
    assert segments(Event("dog", 0.99, 2.0)) == 2


@pytest.mark.parametrize(
    # 0.3 / 0.1 is a little less than 3, 0.7 / 0.1 less than 7, 4.35 / 0.05 less than 87.
    ("onset", "offset", "length", "count"),
    [(0.3, 0.6, 0.1, 3), (0.7, 1.1, 0.1, 4), (4.35, 4.4, 0.05, 1)],
)
def test_a_border_is_where_it_is_whatever_the_division_rounds_to(onset, offset, length, count):
    assert segments(Event("dog", onset, offset), segment_length=length) == count


def test_an_event_without_length_is_in_its_segment_unless_it_is_on_a_border():
    assert segments(Event("dog", 2.5, 2.5)) == 1
    assert segments(Event("dog", 2.0, 2.0)) == 0


def test_what_remains_at_the_end_is_a_segment():
    recording = ([Event("dog", 2.1, 9.0)], [], 2.25)
    result = segment_metrics([recording])
    assert result["segments"] == 3
    assert result["per_class"][0]["reference"] == 1
    assert segment_metrics([([], [], 3 * 0.1)], segment_length=0.1)["segments"] == 3


def test_what_lies_behind_the_end_does_not_count():
    result = segment_metrics([([Event("dog", 1.0, 3.0)], [Event("dog", 1.0, 9.0)], 3.0)])
    assert result["micro_f1"] == 1
    late = segment_metrics([([], [Event("dog", 7.0, 9.0)], 3.0)])
    assert late["per_class"][0]["estimated"] == 0


def test_overlapping_events_of_a_class_are_in_a_segment_once():
    assert segments(Event("dog", 1.0, 4.0), Event("dog", 2.0, 3.0), Event("dog", 3.5, 5.0)) == 4


def found(onset=1.0, offset=3.0, **options):
    return event_metrics(
        [([Event("dog", 1.0, 3.0)], [Event("dog", onset, offset)], 9.0)], **options
    )


def test_an_onset_may_be_off_by_the_collar_and_an_offset_by_a_share_of_the_length():
    assert found(onset=1.2)["micro_f1"] == 1  # 1.2 - 1.0 is 0.19999999999999996
    assert found(onset=0.8)["micro_f1"] == 1
    assert found(onset=1.21)["micro_f1"] == 0
    assert found(offset=3.4)["micro_f1"] == 1
    assert found(offset=3.41)["micro_f1"] == 0
    assert found(offset=3.41, offset_share=0.5)["micro_f1"] == 1
    assert found(offset=8.0, offsets=False)["micro_f1"] == 1
    assert found(onset=1.21, offset=8.0, offsets=False)["micro_f1"] == 0


@pytest.mark.parametrize("second", range(10))
def test_the_collar_is_met_wherever_the_event_is(second):
    # 2.2 - 2.0 is 0.20000000000000018.
    recording = ([Event("dog", second, second)], [Event("dog", second + 0.2, second + 0.2)], 20.0)
    assert event_metrics([recording])["micro_f1"] == 1


def test_a_class_is_paired_with_itself_only():
    figures = event_metrics([([Event("dog", 1.0, 2.0)], [Event("cat", 1.0, 2.0)], 5.0)])
    assert figures["micro_f1"] == 0


def test_recordings_are_pooled_and_never_paired_with_each_other():
    first, second = Event("dog", 1.0, 2.0), Event("dog", 1.0, 5.0)
    result = event_metrics([([first], [], 9.0), ([], [first], 9.0)])
    assert result["micro_f1"] == 0
    pooled = segment_metrics([([first], [first], 9.0), ([second], [], 9.0)])
    assert pooled["micro_recall"] == pytest.approx(1 / 5)
    assert pooled["segments"] == 18


def test_macro_is_the_mean_over_the_classes_that_are_annotated():
    reference = [Event("dog", 0.0, 4.0), Event("cat", 0.0, 1.0)]
    estimated = [Event("dog", 0.0, 4.0), Event("siren", 0.0, 5.0)]
    result = segment_metrics([(reference, estimated, 5.0)])
    assert result["macro_f1"] == result["macro_precision"] == result["macro_recall"] == 0.5
    assert result["macro_error_rate"] == 0.5
    assert result["micro_precision"] == pytest.approx(4 / 9)


@pytest.mark.parametrize("figures", [segment_metrics, event_metrics])
def test_what_is_not_defined_is_none_and_what_was_missed_is_zero(figures):
    recording = ([Event("dog", 1.0, 2.0)], [Event("siren", 1.0, 2.0)], 5.0)
    result = figures([recording], labels=["cat", "dog", "siren"])
    cat, dog, siren = result["per_class"]
    assert [cat[name] for name in ("precision", "recall", "f1")] == [None] * 3
    assert [dog[name] for name in ("precision", "recall", "f1")] == [0, 0, 0]
    assert [siren[name] for name in ("precision", "recall", "f1")] == [0, None, None]
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize("figures", [segment_metrics, event_metrics])
def test_without_any_event_every_figure_is_none(figures):
    for recordings in ([], [([], [], 5.0)]):
        result = figures(recordings)
        named = {k: v for k, v in result.items() if k.startswith(("micro", "macro"))}
        assert set(named.values()) == {None}
        assert result["per_class"] == []
        json.dumps(result, allow_nan=False)


def test_estimates_of_classes_that_are_not_judged_are_left_out():
    recording = ([Event("dog", 1.0, 2.0)], [Event("dog", 1.0, 2.0), Event("cat", 1.0, 9.0)], 9.0)
    assert segment_metrics([recording])["micro_f1"] < 1
    assert segment_metrics([recording], labels=["dog"])["micro_f1"] == 1
    assert segment_metrics([recording], labels=["dog"])["micro_error_rate"] == 0
    assert event_metrics([recording], labels=["dog"])["micro_f1"] == 1


@pytest.mark.parametrize("figures", [segment_metrics, event_metrics])
def test_annotations_that_cannot_be_right_are_refused_in_one_line(figures):
    good, late = Event("dog", 1.0, 2.0), Event("dog", 12.5, 13.0)
    for recording, message in (
        (
            ([late], [], 10.0),
            r"recording 2: expected events within its 10.0 s, got 'dog'",
        ),
        (([Event("dgo", 1, 2)], [], 10.0), "recording 2: .* of 1 classes, got 'dgo'"),
        (([], [], 0.0), "recording 2: expected a duration of more than 0 s, got 0.0"),
        (([], [], float("nan")), "recording 2: expected a duration of more than 0 s, got nan"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            figures([([good], [good], 5.0), recording], labels=["dog"])
        assert "\n" not in str(caught.value)


def test_options_out_of_range_are_refused():
    for length in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"segments of at least 0\.001 s"):
            segment_metrics([], segment_length=length)
    for options in ({"collar": -0.1}, {"offset_share": 1.1}, {"collar": float("nan")}):
        with pytest.raises(ValueError, match="a collar of at least 0 s and a share from 0 to 1"):
            event_metrics([], **options)
    with pytest.raises(ValueError, match="labels that differ"):
        event_metrics([], labels=["a", "a"])
