"""Files of weights, read without running what is in them."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from aed_plugins.errors import InputError


def read_state_dict(path: str | Path) -> Mapping[str, Tensor]:
    """Read a file of plain tensors written by `torch.save`.

    Parameters
    ----------
    path : str or Path
        The file; objects other than tensors in it are refused, never run.

    Raises
    ------
    InputError
        If there is no such file or it holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path}: expected weights saved with torch.save, got: {reason}"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise InputError(f"{path}: expected a state dict of tensors, got {type(state).__name__}")
    return state
