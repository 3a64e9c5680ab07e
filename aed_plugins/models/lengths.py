"""Lengths of the items of a padded batch.

They follow SpeechBrain: a float tensor `(batch,)` of fractions of the time axis that a module
receives, `None` where every item fills it. They are exact up to 2^22 positions (4 minutes at
16 kHz): a fraction is a whole number of samples, frames or steps over the size of that axis, and
rounding gives the number back.
"""

from typing import TypeVar

import torch
from torch import Tensor

Count = TypeVar("Count", int, Tensor)


def absolute_lengths(lengths: Tensor, size: int) -> Tensor:
    """Convert fractions of an axis to whole numbers of positions.

    Parameters
    ----------
    lengths : Tensor
        `(batch,)`, fractions in (0, 1].
    size : int
        Size of the axis.

    Returns
    -------
    Tensor
        `(batch,)`, int64, at least 1.

    Examples
    --------
    >>> absolute_lengths(torch.tensor([1.0, 100 / 435]), 435)
    tensor([435, 100])
    """
    return (lengths * size).round().long().clamp(min=1)


def valid_mask(lengths: Tensor, size: int) -> Tensor:
    """Mark the positions before each item's end.

    Parameters
    ----------
    lengths : Tensor
        `(batch,)`, fractions in (0, 1].
    size : int
        Size of the axis.

    Returns
    -------
    Tensor
        `(batch, size)`, bool.

    Examples
    --------
    >>> valid_mask(torch.tensor([1.0, 0.5]), 4)
    tensor([[ True,  True,  True,  True],
            [ True,  True, False, False]])
    """
    positions = torch.arange(size, device=lengths.device)
    return positions < absolute_lengths(lengths, size).unsqueeze(1)


def valid_mean(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Average each item over its own positions.

    Parameters
    ----------
    values : Tensor
        `(batch, position, number)`.
    lengths : Tensor, optional
        `(batch,)`, fractions in (0, 1].

    Returns
    -------
    Tensor
        `(batch, number)`.

    Examples
    --------
    >>> valid_mean(torch.tensor([[[1.0], [3.0], [99.0], [99.0]]]), torch.tensor([0.5]))
    tensor([[2.]])
    """
    if lengths is None:
        return values.mean(dim=1)
    mask = valid_mask(lengths, values.shape[1]).unsqueeze(2)
    return values.masked_fill(~mask, 0.0).sum(dim=1) / mask.sum(dim=1)


def check_batch(batch: Tensor, expected: str, lengths: Tensor | None = None) -> None:
    """Check the shape and the type of what a module is given, and the shape of the lengths.

    Parameters
    ----------
    batch : Tensor
        Of floats, with one number or more along each axis.
    expected : str
        Its name and axes, the batch first.
    lengths : Tensor, optional
        `(batch,)`.

    Raises
    ------
    ValueError
        If they are others.

    Examples
    --------
    >>> check_batch(torch.zeros(16000), "waveform (batch, sample)")
    Traceback (most recent call last):
    ValueError: expected waveform (batch, sample) of floats, got (16000,) of torch.float32
    """
    shape = tuple(batch.shape)
    # In a graph that is compiled or exported sizes are symbols, and none of them is 0.
    empty = not torch.compiler.is_compiling() and 0 in shape
    if len(shape) != expected.count(",") + 1 or empty or not batch.is_floating_point():
        raise ValueError(f"expected {expected} of floats, got {shape} of {batch.dtype}")
    if lengths is not None and lengths.shape != shape[:1]:
        raise ValueError(f"expected lengths {shape[:1]}, got {tuple(lengths.shape)}")


def at_least(count: Count, smallest: int) -> Count:
    """Clamp a size from below.

    Parameters
    ----------
    count : int or Tensor
        A size, in an export one that is still free, or a tensor of integers.
    smallest : int
        What it is to be at least.

    Examples
    --------
    >>> at_least(3, 4), at_least(torch.tensor([3, 5]), 4)
    (4, tensor([4, 5]))
    """
    if isinstance(count, Tensor):
        return count.clamp(min=smallest)
    return torch.sym_max(count, smallest)


def repeat_short(
    waveform: Tensor, lengths: Tensor | None, shortest: int
) -> tuple[Tensor, Tensor | None]:
    """Repeat the clips of a batch that are too short.

    Parameters
    ----------
    waveform, lengths
        `(batch, sample)`, zeros behind each clip's end, and `(batch,)`, fractions of the samples or
        `None`.
    shortest : int
        Samples that a shorter clip is to fill.

    Returns
    -------
    tuple of Tensor and (Tensor or None)
        `(batch, sample)`, `shortest` samples at least, zeros behind each clip's end; and lengths.

    Examples
    --------
    >>> clips = torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 0.0, 0.0]])
    >>> repeat_short(clips, torch.tensor([1.0, 0.5]), 3)
    (tensor([[1., 2., 3., 4.],
            [1., 2., 1., 0.]]), tensor([1.0000, 0.7500]))
    """
    samples = waveform.shape[1]
    known = lengths is None or waveform.device.type == "cpu"  # others would have to be waited for
    if known and not torch.compiler.is_compiling():
        least = samples if lengths is None else int(absolute_lengths(lengths, samples).min())
        if least >= shortest:
            return waveform, lengths
    total = at_least(samples, shortest)
    positions = torch.arange(total, device=waveform.device)
    if lengths is None:
        return waveform[:, positions % torch.full((1,), samples, device=waveform.device)], None
    own = absolute_lengths(lengths, samples)
    lengths = own.clamp(min=shortest) / total
    repeated = waveform.gather(1, positions % own.unsqueeze(1))
    return repeated.masked_fill(~valid_mask(lengths, total), 0.0), lengths
