import pytest
from speechbrain.utils.distributed import infer_device

from aed_plugins.core import InputError
from aed_plugins.models import check_device


@pytest.mark.parametrize("device", ["foo", "cuda:99", "meta", "", "cpu:x"])
def test_a_device_that_is_not_there_is_one_line(device):
    with pytest.raises(InputError, match=f"^device: {device} cannot be used here: ") as caught:
        check_device(device)
    assert "\n" not in str(caught.value)


def test_a_device_is_found_by_itself():
    assert check_device("auto") == check_device(None)
    assert check_device(None).split(":")[0] == infer_device().split(":")[0]
