import pytest

from aed_plugins.core import Event
from aed_plugins.metrics import compute_segment_metrics


def segments(*events, duration=10.0, **options):
    [row] = compute_segment_metrics([(events, (), duration)], **options)["per_class"]
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
    result = compute_segment_metrics([recording])
    assert result["segments"] == 3
    assert result["per_class"][0]["reference"] == 1
    assert compute_segment_metrics([([], [], 3 * 0.1)], segment_length=0.1)["segments"] == 3


def test_what_lies_after_the_end_does_not_count():
    result = compute_segment_metrics([([Event("dog", 1.0, 3.0)], [Event("dog", 1.0, 9.0)], 3.0)])
    assert result["micro_f1"] == 1
    late = compute_segment_metrics([([], [Event("dog", 7.0, 9.0)], 3.0)])
    assert late["per_class"][0]["predicted"] == 0


def test_overlapping_events_of_a_class_are_in_a_segment_once():
    assert segments(Event("dog", 1.0, 4.0), Event("dog", 2.0, 3.0), Event("dog", 3.5, 5.0)) == 4


def test_macro_is_the_mean_over_the_classes_that_are_annotated():
    reference = [Event("dog", 0.0, 4.0), Event("cat", 0.0, 1.0)]
    predicted = [Event("dog", 0.0, 4.0), Event("siren", 0.0, 5.0)]
    result = compute_segment_metrics([(reference, predicted, 5.0)])
    assert result["macro_f1"] == result["macro_precision"] == result["macro_recall"] == 0.5
    assert result["macro_error_rate"] == 0.5
    assert result["micro_precision"] == pytest.approx(4 / 9)


def test_segments_out_of_range_are_refused():
    for length in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"segments of at least 0\.001 s"):
            compute_segment_metrics([], segment_length=length)
