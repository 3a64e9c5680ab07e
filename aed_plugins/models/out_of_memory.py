"""Memory that runs out in a batch, in training or in inference: one line that names a way out."""

import contextlib
from collections.abc import Iterator

import torch

from aed_plugins.core import InputError

CPU_ALLOCATOR = "DefaultCPUAllocator"  # names itself in a RuntimeError


@contextlib.contextmanager
def name_out_of_memory(
    device: str | torch.device, batch_size: int, option: str = "a batch size of "
) -> Iterator[None]:
    """Turn the error of a batch that does not fit in memory into one line.

    Parameters
    ----------
    device : str or torch.device
        Where the block computes.
    batch_size : int
        How many clips or windows it computes together.
    option : str
        How a user gives a batch size; the number follows it.

    Raises
    ------
    InputError
        If memory ran out: it names the device and the batch size to try.

    Examples
    --------
    >>> with name_out_of_memory("cpu", batch_size=64, option="--batch_size="):
    ...     torch.empty(1 << 60)
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: cpu: out of memory with a batch of 64; try --batch_size=32
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and CPU_ALLOCATOR not in str(error):
            raise
        smaller = f"try {option}{batch_size // 2}"
        if batch_size < 2:
            smaller = "make room on it, or use another device or a smaller model"
        raise InputError(
            f"{device}: out of memory with a batch of {batch_size}; {smaller}"
        ) from error
