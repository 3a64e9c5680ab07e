"""What segment-based and event-based metrics have in common."""

import json

import pytest

from aed_plugins.core import Event, InputError
from aed_plugins.metrics import compute_event_metrics, compute_segment_metrics

BOTH = pytest.mark.parametrize("metric", [compute_segment_metrics, compute_event_metrics])


def test_recordings_are_pooled_and_never_paired_with_each_other():
    first, second = Event("dog", 1.0, 2.0), Event("dog", 1.0, 5.0)
    result = compute_event_metrics([([first], [], 9.0), ([], [first], 9.0)])
    assert result["micro_f1"] == 0
    pooled = compute_segment_metrics([([first], [first], 9.0), ([second], [], 9.0)])
    assert pooled["micro_recall"] == pytest.approx(1 / 5)
    assert pooled["segments"] == 18


@BOTH
def test_what_is_not_defined_is_none_and_what_was_missed_is_zero(metric):
    recording = ([Event("dog", 1.0, 2.0)], [Event("siren", 1.0, 2.0)], 5.0)
    result = metric([recording], labels=["cat", "dog", "siren"])
    cat, dog, siren = result["per_class"]
    assert [cat[name] for name in ("precision", "recall", "f1")] == [None] * 3
    assert [dog[name] for name in ("precision", "recall", "f1")] == [0, 0, 0]
    assert [siren[name] for name in ("precision", "recall", "f1")] == [0, None, None]
    json.dumps(result, allow_nan=False)


@BOTH
def test_without_any_event_every_metric_is_none(metric):
    for recordings in ([], [([], [], 5.0)]):
        result = metric(recordings)
        named = {k: v for k, v in result.items() if k.startswith(("micro", "macro"))}
        assert set(named.values()) == {None}
        assert result["per_class"] == []
        json.dumps(result, allow_nan=False)


def test_predictions_of_classes_that_are_not_evaluated_are_left_out():
    recording = ([Event("dog", 1.0, 2.0)], [Event("dog", 1.0, 2.0), Event("cat", 1.0, 9.0)], 9.0)
    assert compute_segment_metrics([recording])["micro_f1"] < 1
    assert compute_segment_metrics([recording], labels=["dog"])["micro_f1"] == 1
    assert compute_segment_metrics([recording], labels=["dog"])["micro_error_rate"] == 0
    assert compute_event_metrics([recording], labels=["dog"])["micro_f1"] == 1


@BOTH
def test_annotations_that_cannot_be_right_are_refused_in_one_line(metric):
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
            metric([([good], [good], 5.0), recording], labels=["dog"])
        assert "\n" not in str(caught.value)


@BOTH
def test_two_equal_labels_are_refused(metric):
    with pytest.raises(ValueError, match="labels that differ"):
        metric([], labels=["a", "a"])
