import pytest

from aed_plugins.core import InputError
from aed_plugins.detection import PostProcessing


def test_a_mapping_for_the_offset_leaves_the_others_at_their_onset():
    how = PostProcessing(onset={"dog": 0.8, "siren": 0.4}, offset={"dog": 0.3})
    assert how.values("offset", ["dog", "siren", "cat"]).tolist() == [0.3, 0.4, 0.5]
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
