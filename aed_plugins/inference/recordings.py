"""Recordings as files or in memory: one way to the samples that a model takes."""

import os
import reprlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from torch import Tensor

from aed_plugins.audio import array_blocks, quantize, read_blocks

HIGHEST_PEAK = 10.0  # of floats; a recording above it has another scale
NUMBERS = "biufc"  # kinds of NumPy's types

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
    TypeError
        If it is neither a path nor an array of numbers.
    ValueError
        If an array comes without a sample rate or a file with one, or has floats far above 1; while
        the blocks are read, if it has another shape or type.
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
    samples = _to_array(path_or_array)
    if sample_rate is None:
        raise ValueError("expected sample_rate, in hertz, with an array of samples")
    return map(quantize, array_blocks(samples, sample_rate, model_rate))


def _to_array(samples: npt.ArrayLike | Tensor) -> np.ndarray:
    """Return the samples as they are; refuse what is no recording, and floats of another scale."""
    if isinstance(samples, Tensor):
        samples = samples.detach().cpu()
        samples = (samples.float() if samples.is_floating_point() else samples).numpy()
    array = np.asarray(samples)
    if array.dtype.kind not in NUMBERS:
        raise TypeError(
            f"expected one recording, a path or an array of samples, got {reprlib.repr(samples)}"
        )
    peak = np.abs(array).max(initial=0) if array.dtype.kind == "f" else 0
    if HIGHEST_PEAK < peak < np.inf:
        raise ValueError(
            f"expected floats in [-1, 1], got a peak of {peak:g}; int16 is taken as it is, other"
            " integers must be divided by their full scale"
        )
    return array
