"""Memory that runs out is one line, on any device; other errors stay as they are."""

import pytest
import torch

from aed_plugins.core import InputError
from aed_plugins.models import name_out_of_memory


def test_an_accelerator_s_error_names_the_device_and_half_the_batch():
    expected = r"^cuda:1: out of memory with a batch of 33; try --batch-size 16$"
    with (
        pytest.raises(InputError, match=expected),
        name_out_of_memory(torch.device("cuda:1"), 33, "--batch-size "),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")


def test_a_single_clip_has_no_smaller_batch():
    with (
        pytest.raises(InputError, match=r"a batch of 1; make room on it, or use another device"),
        name_out_of_memory("cpu", 1),
    ):
        torch.empty(1 << 60)


def test_another_error_stays():
    with (
        pytest.raises(RuntimeError, match=r"shapes cannot be multiplied"),
        name_out_of_memory("cpu", 4),
    ):
        torch.ones(2, 3) @ torch.ones(2, 3)
