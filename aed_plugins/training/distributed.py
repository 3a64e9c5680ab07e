"""Several processes: what one of them does for all, and what they exchange."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed
from speechbrain.utils.distributed import (
    ddp_all_reduce,
    is_distributed_initialized,
    main_process_only,
)
from torch import nn

from aed_plugins.core import InputError

Result = TypeVar("Result")
Item = TypeVar("Item")


def number_of_processes() -> int:
    """Return how many processes train together.

    Examples
    --------
    >>> number_of_processes()
    1
    """
    return torch.distributed.get_world_size() if is_distributed_initialized() else 1


def process_rank() -> int:
    """Return the number of this process, from 0.

    Examples
    --------
    >>> process_rank()
    0
    """
    return torch.distributed.get_rank() if is_distributed_initialized() else 0


def gather(items: list[Item]) -> list[Item]:
    """Return the items of all processes, in the order of their ranks, on every process.

    Parameters
    ----------
    items : list
        Those of this process; they must be picklable.

    Examples
    --------
    >>> gather([1, 2])
    [1, 2]
    """
    if not is_distributed_initialized():
        return items
    parts: list[list[Item]] = [[] for _ in range(number_of_processes())]
    torch.distributed.all_gather_object(parts, items)
    return [item for part in parts for item in part]


def mean_over_processes(value: float, device: str | torch.device) -> float:
    """Return the mean of a number over all processes, on every process.

    Parameters
    ----------
    value : float
        That of this process.
    device : str or torch.device
        Where the processes exchange tensors.

    Examples
    --------
    >>> mean_over_processes(1.5, "cpu")
    1.5
    """
    total = ddp_all_reduce(torch.tensor(value, device=device), torch.distributed.ReduceOp.SUM)
    return float(total) / number_of_processes()


def broadcast_buffers(module: nn.Module) -> None:
    """Give every process the main process's buffers, such as the statistics of batch norm.

    Parameters
    ----------
    module : nn.Module
        Whose buffers they are.
    """
    if is_distributed_initialized():
        for buffer in module.buffers():
            torch.distributed.broadcast(buffer, src=0)


class SharedError(InputError):
    """An error of the main process, raised on the others too; the main process reports it."""


def run_on_main(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Run a function on the main process; return its result, or raise its error, on every process.

    SpeechBrain's `run_on_main` raises on the main process alone and leaves the others waiting.

    Parameters
    ----------
    function : callable
        What to run. Its result must be picklable when there are several processes.
    *arguments, **named
        Its arguments.

    Raises
    ------
    InputError, OSError
        What the function raised; on the other processes as a `SharedError`. Other errors are
        defects and stay on the main process.

    Examples
    --------
    >>> run_on_main(max, 3, 4)
    4
    """
    own: list[Exception] = []

    def attempt() -> tuple[Result | None, str | None]:
        try:
            return function(*arguments, **named), None
        except (InputError, OSError) as error:
            own.append(error)
            return None, str(error)

    result, message = main_process_only(attempt)()
    if message is not None:
        raise own[0] if own else SharedError(message)
    return result
