"""Samples in memory: mixed to mono, resampled, rounded to 16 bits.

Files and arrays take the same way, so that a clip gives the same result from either.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import soxr

# Hertz. Outside this range a header is damaged, and resampling would fill the memory.
RATES = range(1_000, 1_000_001)
# Samples at a time over all channels: 2 MB, and most clips at once.
BLOCK = 2**19
FULL_SCALE = 32768  # libsndfile divides 16-bit samples by it
MOST_CHANNELS = 64  # an array with more has its axes the wrong way round


class Resampler:
    """Blocks of a recording at one sample rate to blocks at another, by soxr at its quality HQ.

    However the samples are cut into blocks, the outcome is that of the whole.

    Parameters
    ----------
    source_rate, target_rate : int
        Hertz. If they are equal, blocks stay as they are.

    Examples
    --------
    >>> blocks = [np.zeros(300, np.float32), np.zeros(100, np.float32)]
    >>> sum(len(block) for block in Resampler(8000, 16000).run(blocks))
    800
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._stream = None
        if source_rate != target_rate:
            self._stream = soxr.ResampleStream(source_rate, target_rate, 1, "float32", "HQ")

    def push(self, block: np.ndarray) -> np.ndarray:
        """Take the next samples `(sample,)`, float32; return those that are ready."""
        return block if self._stream is None else self._stream.resample_chunk(block)

    def finish(self) -> np.ndarray:
        """Return the samples that are left at the end of the recording."""
        empty = np.empty(0, np.float32)
        return empty if self._stream is None else self._stream.resample_chunk(empty, last=True)

    def run(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the blocks `(sample,)` of a whole recording at the other rate, as they come."""
        yield from map(self.push, blocks)
        yield self.finish()


def to_mono(samples: npt.ArrayLike) -> np.ndarray:
    """Average the channels of samples in memory.

    Parameters
    ----------
    samples : array_like
        `(sample,)` or `(sample, channel)`: floats, full scale being [-1, 1], or int16.

    Returns
    -------
    numpy.ndarray
        `(sample,)`, float32.

    Raises
    ------
    ValueError
        If the shape or the type is another, or a sample is not finite.

    Examples
    --------
    >>> to_mono([[0.5, 0.0], [1.0, 1.0]])
    array([0.25, 1.  ], dtype=float32)
    >>> to_mono(np.array([16384, -32768], np.int16))
    array([ 0.5, -1. ], dtype=float32)
    """
    given = _checked_shape(samples)
    if given.size and not np.issubdtype(given.dtype, np.floating) and given.dtype != np.int16:
        raise ValueError(f"expected floats in [-1, 1] or int16, got {given.dtype}")
    scale = np.float32(FULL_SCALE if given.dtype == np.int16 else 1)
    given = given.astype(np.float32, copy=False)
    mono = given if given.ndim == 1 else sum(given.T) / np.float32(given.shape[1])
    mono = mono if scale == 1 else mono / scale
    if not np.isfinite(mono).all():
        raise ValueError("expected finite samples, got NaN or infinite ones")
    return mono


def array_blocks(
    samples: npt.ArrayLike, source_rate: int, target_rate: int
) -> Iterator[np.ndarray]:
    """Cut a recording in memory into blocks at another rate, as `read_blocks` does a file.

    Parameters
    ----------
    samples : array_like
        The whole recording, as for `to_mono`; it has not fewer samples than channels.
    source_rate, target_rate : int
        Of the samples and of the blocks, 1,000 to 1,000,000 hertz.

    Yields
    ------
    numpy.ndarray
        Parts of the waveform `(sample,)`, float32.

    Raises
    ------
    ValueError
        If the samples or a rate are others.

    Examples
    --------
    >>> [block.shape for block in array_blocks(np.zeros((800, 2)), 8000, 16000)]
    [(1600,)]
    """
    given = _checked_shape(samples)
    if given.ndim == 2 and given.shape[0] < given.shape[1]:
        raise ValueError(
            f"expected (sample, channel), got shape {given.shape}: give the array transposed"
        )
    for rate in (source_rate, target_rate):
        if rate not in RATES:
            raise ValueError(f"expected a sample rate of 1000 to 1000000 hertz, got {rate!r}")
    step = BLOCK // (given.shape[1] if given.ndim == 2 else 1)
    blocks = (to_mono(given[start : start + step]) for start in range(0, len(given), step))
    for block in Resampler(source_rate, target_rate).run(blocks):
        if not np.isfinite(block).all():
            raise ValueError("expected samples near full scale, [-1, 1], got far larger ones")
        if len(block):
            yield block


def _checked_shape(samples: npt.ArrayLike) -> np.ndarray:
    given = np.asarray(samples)
    if given.ndim not in {1, 2} or (given.ndim == 2 and not 1 <= given.shape[1] <= MOST_CHANNELS):
        raise ValueError(
            f"expected samples (sample,) or (sample, channel), got shape {given.shape}"
        )
    return given


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Round samples to 16 bits, as clips are kept for training; what is beyond full scale is cut.

    Parameters
    ----------
    waveform : ndarray
        `(sample,)`, float, full scale being [-1, 1].

    Returns
    -------
    numpy.ndarray
        `(sample,)`, int16.

    Examples
    --------
    >>> to_int16(np.array([0.5, 1e-6, -1.0, 1.5]))
    array([ 16384,      0, -32768,  32767], dtype=int16)
    """
    return np.rint(waveform.clip(-1, 1 - 1 / FULL_SCALE) * FULL_SCALE).astype(np.int16)


def quantize(waveform: np.ndarray) -> np.ndarray:
    """Round samples to 16 bits, as clips are stored for training.

    In a sound without high frequencies, such as one resampled from 8 to 16 kHz, rounding leaves
    noise there; a model that was trained with that noise would get an unusual input without it.

    Parameters
    ----------
    waveform : ndarray
        `(sample,)`, float.

    Returns
    -------
    numpy.ndarray
        `(sample,)`, float32, in [-1, 1).
    """
    return to_int16(waveform).astype(np.float32) / FULL_SCALE
