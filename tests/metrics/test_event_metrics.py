import pytest

from aed_plugins.core import Event
from aed_plugins.metrics import compute_event_metrics


def test_the_most_pairs_are_found_where_the_nearest_would_leave_one_alone():
    # The second annotated event can only stand with the prediction that is nearest to the first.
    reference = [Event("dog", 1.0, 2.0), Event("dog", 1.3, 2.0)]
    predicted = [Event("dog", 0.85, 2.0), Event("dog", 1.12, 2.0)]
    assert compute_event_metrics([(reference, predicted, 5.0)])["micro_f1"] == 1


@pytest.mark.parametrize("reverse", [False, True])
def test_the_order_of_events_does_not_matter(reverse):
    reference = [Event("dog", t, t + 0.5) for t in (1.0, 1.15, 3.0)]
    predicted = [Event("dog", t, t + 0.5) for t in (1.1, 1.25, 3.1)]
    order = -1 if reverse else 1
    assert compute_event_metrics([(reference[::order], predicted, 5.0)])["micro_f1"] == 1


def found(onset=1.0, offset=3.0, **options):
    return compute_event_metrics(
        [([Event("dog", 1.0, 3.0)], [Event("dog", onset, offset)], 9.0)], **options
    )


def test_an_onset_may_be_off_by_the_collar_and_an_offset_by_a_fraction_of_the_length():
    assert found(onset=1.2)["micro_f1"] == 1  # 1.2 - 1.0 is 0.19999999999999996
    assert found(onset=0.8)["micro_f1"] == 1
    assert found(onset=1.21)["micro_f1"] == 0
    assert found(offset=3.4)["micro_f1"] == 1
    assert found(offset=3.41)["micro_f1"] == 0
    assert found(offset=3.41, offset_fraction=0.5)["micro_f1"] == 1
    assert found(offset=8.0, offsets=False)["micro_f1"] == 1
    assert found(onset=1.21, offset=8.0, offsets=False)["micro_f1"] == 0


@pytest.mark.parametrize("second", range(10))
def test_the_collar_is_met_wherever_the_event_is(second):
    # 2.2 - 2.0 is 0.20000000000000018.
    recording = ([Event("dog", second, second)], [Event("dog", second + 0.2, second + 0.2)], 20.0)
    assert compute_event_metrics([recording])["micro_f1"] == 1


def test_a_class_is_paired_with_itself_only():
    recording = ([Event("dog", 1.0, 2.0)], [Event("cat", 1.0, 2.0)], 5.0)
    assert compute_event_metrics([recording])["micro_f1"] == 0


def test_options_out_of_range_are_refused():
    for options in ({"collar": -0.1}, {"offset_fraction": 1.1}, {"collar": float("nan")}):
        with pytest.raises(ValueError, match="a collar of at least 0 s and a fraction from 0 to 1"):
            compute_event_metrics([], **options)
