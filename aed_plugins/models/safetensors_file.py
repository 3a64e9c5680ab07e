"""Files of tensors in the safetensors format, which holds nothing that could run."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from aed_plugins.core import InputError, one_line


def tensor_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Read from a safetensors file how large its tensors are, and nothing else.

    Parameters
    ----------
    path : str or Path
        The file, whatever its name ends in.

    Raises
    ------
    InputError
        If it is no such file, or damaged.
    """
    with _clear(path), safetensors.safe_open(path, "pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file, on the CPU.

    Parameters
    ----------
    path : str or Path
        The file, whatever its name ends in.

    Raises
    ------
    InputError
        If it is no such file, or damaged.
    """
    with _clear(path):
        return safetensors.torch.load_file(path)


@contextlib.contextmanager
def _clear(path: str | Path) -> Iterator[None]:
    """Name the file where it is missing or damaged."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file of weights")
    try:
        yield
    except (safetensors.SafetensorError, OSError) as error:
        reason = one_line(error, first_line=True)
        raise InputError(
            f"{path}: expected a safetensors file, got: {reason}; fetch or write it again"
        ) from error
