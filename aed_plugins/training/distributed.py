"""Several processes: what one of them does for all."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch.distributed
from speechbrain.utils.distributed import is_distributed_initialized, main_process_only

from aed_plugins.core import InputError

Result = TypeVar("Result")


def number_of_processes() -> int:
    """Tell how many processes train together.

    Examples
    --------
    >>> number_of_processes()
    1
    """
    return torch.distributed.get_world_size() if is_distributed_initialized() else 1


class SharedError(InputError):
    """An error of the main process, raised on the others too; the main process tells of it."""


def run_on_main(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Run a function on the main process; give its result, or raise its error, on every process.

    SpeechBrain's `run_on_main` raises on the main process alone and leaves the others waiting.

    Parameters
    ----------
    function : callable
        What to run. Its result must be picklable when there are several processes.
    *arguments, **named
        What it is called with.

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
