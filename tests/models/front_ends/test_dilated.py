import pytest
import torch

from aed_plugins.models import DilatedFrontEnd


def test_the_control_has_the_same_parameters():
    plain, dilated = (
        DilatedFrontEnd(dilations=each).state_dict() for each in ([1] * 4, [1, 2, 3, 4])
    )
    assert [tensor.shape for tensor in plain.values()] == [t.shape for t in dilated.values()]
    assert list(plain) == list(dilated)


def test_combining_by_sum_adds_the_branches():
    front_end = DilatedFrontEnd(channels=2, dilations=[1, 3], combine="sum").eval()
    maps = torch.rand(1, 1, 9, 7)
    first, second = (convolution(maps) for convolution in front_end.convolutions)
    expected = torch.relu(front_end.norm(first + second))
    torch.testing.assert_close(front_end(maps), expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dilations": []}, "list of integers from 1"),
        ({"dilations": [0, 1]}, "list of integers from 1"),
        ({"combine": "mean"}, "'concatenate' or 'sum'"),
    ],
)
def test_impossible_front_ends_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        DilatedFrontEnd(**settings)
