"""Recordings as files or in memory: one way to the samples that a model takes."""

import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from torch import Tensor

from aed_plugins.audio import array_blocks, quantize, read_blocks

PathOrArray = str | os.PathLike[str] | npt.ArrayLike | Tensor
Blocks = Iterator[npt.NDArray[np.float32]]


def is_path(path_or_array: PathOrArray) -> bool:
    """Return whether a recording is a file."""
    return isinstance(path_or_array, str | os.PathLike)


def name_of(path_or_array: PathOrArray) -> str:
    """Return what an error calls a recording: its path, or `array`."""
    return str(path_or_array) if is_path(path_or_array) else "array"


def read_recording(path_or_array: PathOrArray, sample_rate: int | None, model_rate: int) -> Blocks:
    """Return the samples of a recording in blocks, rounded to 16 bits as in training.

    Parameters
    ----------
    path_or_array : str, PathLike, ndarray or Tensor
        A file that libsndfile reads; or `(sample,)` or `(sample, channel)`, floats in [-1, 1] or
        int16, with at least as many samples as channels.
    sample_rate : int or None
        Of an array, in hertz; a file has its own.
    model_rate : int
        Of the blocks, in hertz.

    Returns
    -------
    iterator of ndarray
        `(sample,)`, float32, in [-1, 1), mono.

    Raises
    ------
    ValueError
        If an array comes without a sample rate or a file with one; while the blocks are read, if an
        array has another shape or type.
    InputError
        While the blocks are read, if a file cannot be used.

    Examples
    --------
    >>> [len(block) for block in read_recording(np.zeros((800, 2)), 8000, 16000)]
    [1600]
    """
    if isinstance(path_or_array, str | os.PathLike):
        if sample_rate is not None:
            raise ValueError(f"sample_rate={sample_rate} is for arrays: a file has its own")
        return map(quantize, read_blocks(os.fspath(path_or_array), model_rate))
    if sample_rate is None:
        raise ValueError("expected sample_rate, in hertz, with an array of samples")
    if isinstance(path_or_array, Tensor):
        samples = path_or_array.detach().cpu()
        path_or_array = (samples.float() if samples.is_floating_point() else samples).numpy()
    return map(quantize, array_blocks(path_or_array, sample_rate, model_rate))
