"""The device that a model computes on."""

import torch
from speechbrain.utils.distributed import infer_device

from aed_plugins.core import InputError, one_line


def check_device(device: str | None) -> str:
    """Return the name of a device that is there.

    Parameters
    ----------
    device : str, optional
        Such as `cpu`, `cuda` or `cuda:1`; `auto`, as none, is a GPU if there is one.

    Returns
    -------
    str
        The name that SpeechBrain expects: `cuda:0` for `cuda`.

    Raises
    ------
    InputError
        If there is no such device.

    Examples
    --------
    >>> check_device("cpu")
    'cpu'
    """
    name = infer_device() if device in {None, "auto"} else str(device)
    name = "cuda:0" if name == "cuda" else name
    try:
        torch.zeros(1, device=name).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = one_line(error, first_line=True)
        raise InputError(f"device: {name} cannot be used here: {reason}") from error
    return name
