"""Spectra and mel bands: what the log-mel features share.

`cut_frames` and `power_spectrum` are for graphs that are exported. ONNX Runtime cuts frames by a
table of indices and transforms them on one core, which takes longer than the networks that follow.
Copies of whole hops and two matrix products take a third of that.
"""

import functools

import numpy as np
import torch
from torch import Tensor, nn

from aed_plugins.core import FloatArray


def exports() -> bool:
    """Return whether a graph is exported, and not compiled by `torch.compile`.

    Examples
    --------
    >>> exports()
    False
    """
    # What compiles takes every question whether it exports for true.
    return torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling()


def in_blocks(waveform: Tensor) -> bool:
    """Return whether frames are computed block by block, which is faster on a CPU alone.

    Parameters
    ----------
    waveform : Tensor
        Of any shape.

    Examples
    --------
    >>> in_blocks(torch.zeros(1, 16000))
    True
    """
    return waveform.device.type == "cpu" and not torch.compiler.is_compiling()


def used_bins(bands: Tensor) -> tuple[int, int]:
    """Return the first bin with a weight in any of these bands, and the bin after the last.

    Parameters
    ----------
    bands : Tensor
        `(bin, mel)`, not negative.

    Examples
    --------
    >>> used_bins(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 0.0]]))
    (1, 3)
    """
    used = bands.amax(dim=1).nonzero().flatten()
    return int(used[0]), int(used[-1]) + 1


def magnitude(spectrum: Tensor) -> Tensor:
    """Compute the magnitude of a spectrum, which may be overwritten.

    Parameters
    ----------
    spectrum : Tensor
        Complex, of any shape.

    Examples
    --------
    >>> magnitude(torch.tensor([3.0 + 4.0j]))
    tensor([5.])
    """
    if spectrum.requires_grad:  # a square root has no gradient at zero
        return spectrum.abs()
    squares = torch.view_as_real(spectrum).square_()  # abs() takes more than twice as long
    return (squares[..., 0] + squares[..., 1]).sqrt_()


def cut_frames(waveform: Tensor, size: int, hop: int) -> Tensor:
    """Cut frames, as `waveform.unfold(1, size, hop)` does.

    Parameters
    ----------
    waveform : Tensor
        `(batch, sample)`, of `size` samples at least.
    size, hop : int
        Samples of a frame, and from one frame to the next.

    Returns
    -------
    Tensor
        `(batch, frame, size)`.

    Examples
    --------
    >>> cut_frames(torch.arange(8).unsqueeze(0), size=5, hop=2)
    tensor([[[0, 1, 2, 3, 4],
             [2, 3, 4, 5, 6]]])
    """
    frames = (waveform.shape[1] - size) // hop + 1
    hops = -(-size // hop)
    missing = (frames + hops - 1) * hop - waveform.shape[1]  # a negative padding cuts off
    blocks = nn.functional.pad(waveform, (0, missing)).unflatten(1, (-1, hop))
    shifted = [blocks[:, first : first + frames] for first in range(hops)]
    return torch.cat(shifted, dim=2)[..., :size]


def power_spectrum(frames: Tensor, window: Tensor, n_fft: int, bins: int) -> Tensor:
    """Compute the squared magnitude of `torch.fft.rfft(frames * window, n_fft)`.

    Around the middle of a frame a spectrum has a real part from the frame's even part and an
    imaginary part from its odd one: two products of half the size.

    Parameters
    ----------
    frames : Tensor
        `(..., frame, sample)`.
    window : Tensor
        `(sample,)`, the same from either end.
    n_fft : int
        Size of the transform.
    bins : int
        How many of its lowest bins to compute.

    Returns
    -------
    Tensor
        `(..., frame, bin)`.

    Examples
    --------
    >>> frame = torch.tensor([[1.0, 2.0, 3.0]])
    >>> power_spectrum(frame, torch.ones(3), n_fft=4, bins=3).round(decimals=4)
    tensor([[36.,  8.,  4.]])
    >>> torch.fft.rfft(frame, n=4).abs().square().round(decimals=4)
    tensor([[36.,  8.,  4.]])
    """
    cosines, sines = (torch.from_numpy(part) for part in _matrices(frames.shape[-1], n_fft, bins))
    half = cosines.shape[0]
    ahead, behind = frames[..., :half], frames.flip(-1)[..., :half]
    even = ((ahead + behind) * window[:half]) @ cosines
    odd = ((ahead - behind) * window[:half]) @ sines
    return even.square() + odd.square()


@functools.lru_cache(maxsize=4)
def _matrices(size: int, n_fft: int, bins: int) -> tuple[FloatArray, FloatArray]:
    """Compute cosines and sines around the middle of a frame, its first half: `(sample, bin)`."""
    half = (size + 1) // 2
    from_middle = np.arange(half) - (size - 1) / 2
    angles = 2 * np.pi / n_fft * np.outer(from_middle, np.arange(bins))
    cosines, sines = np.cos(angles), np.sin(angles)
    if size % 2:
        cosines[-1] /= 2  # the middle sample is added to itself
    return cosines.astype(np.float32), sines.astype(np.float32)
