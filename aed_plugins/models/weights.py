"""Weights as plain tensors: read without running what is in a file, and loaded by exact names.

Files are those of `torch.save`, and those in the safetensors format, which holds nothing that could
be run.
"""

import contextlib
import os
import pickle
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from aed_plugins.core import InputError, first_few, one_line

# What torch.load raises for damaged files, found by damaging some; truncated ones from before
# PyTorch 1.6 (the published VGGish among them) raise LookupError and struct.error.
DAMAGE = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
# The last bytes of a table as LevelDB writes them: of TensorFlow's checkpoints in the old format
# (V1), Google's `vggish_model.ckpt` among them, and of the indexes of those in the new one (V2).
TENSORFLOW_END = bytes.fromhex("57fb808b247547db")


def load_weights(
    module: nn.Module, state: Mapping[str, Tensor], source: str, expected: str
) -> None:
    """Load tensors whose names and shapes are exactly a module's.

    Parameters
    ----------
    module : nn.Module
        Changed in place, or not at all.
    state : mapping of str to Tensor
        What to load. A `num_batches_tracked` may be missing: older files do not count the batches
        that batch norm has seen.
    source, expected : str
        What an error calls the file, and what it should have held.

    Raises
    ------
    InputError
        If a tensor is missing, has another shape or has no place in the module.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> load_weights(layer, {"weight": torch.ones(1, 2), "bias": torch.ones(1)}, "a.pth", "a layer")
    >>> layer(torch.ones(1, 2)).item()
    3.0
    """
    own = module.state_dict()
    state = {
        **{name: own[name] for name in own if name.endswith("num_batches_tracked")},
        **state,
    }
    odd = [name for name in {**own, **state} if name not in own or name not in state]
    odd += [name for name in own if name in state and own[name].shape != state[name].shape]
    if odd:
        raise InputError(
            f"{source}: expected {expected}, but {len(odd)} of {len(own)} tensors do not fit:"
            f" {first_few(odd)}"
        )
    module.load_state_dict(state)


def read_state_dict(path: str | Path) -> Mapping[str, Tensor]:
    """Read a file of plain tensors written by `torch.save`, or a `.safetensors` file.

    Parameters
    ----------
    path : str or Path
        The file; objects other than tensors in it are refused, never run.

    Returns
    -------
    mapping of str to Tensor
        The tensors on the CPU.

    Raises
    ------
    InputError
        If there is no such file, it is damaged, a TensorFlow checkpoint or something else.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights")
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        raise InputError(
            f"{path}: expected weights saved with torch.save, got{_what_else(path, error)}"
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise InputError(f"{path}: expected a state dict of tensors, got {type(state).__name__}")
    return state


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
    with _named_errors(path):
        return safetensors.torch.load_file(path)


def read_tensor_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Read the shapes of the tensors in a safetensors file, and nothing else.

    Parameters
    ----------
    path : str or Path
        The file, whatever its name ends in.

    Raises
    ------
    InputError
        If it is no such file, or damaged.
    """
    with _named_errors(path), safetensors.safe_open(path, "pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def _what_else(path: Path, error: BaseException) -> str:
    """Describe the content of a file that torch.load refuses, as far as it is known."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(TENSORFLOW_END)))
        if file.read() != TENSORFLOW_END:
            return f": {one_line(error, first_line=True)}"
    return (
        " a TensorFlow checkpoint; convert it to a PyTorch state dict or, for VGGish, use"
        " torchvggish's vggish-10086976.pth, which holds the same weights"
    )


@contextlib.contextmanager
def _named_errors(path: str | Path) -> Iterator[None]:
    """Name the file in errors, where it is missing or damaged."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file of weights")
    try:
        yield
    except (safetensors.SafetensorError, OSError) as error:
        reason = one_line(error, first_line=True)
        raise InputError(
            f"{path}: expected a safetensors file, got: {reason}; fetch or write it again"
        ) from error
