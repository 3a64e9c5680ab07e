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
    if not torch.compiler.is_exporting():
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


class FrameMask:
    """Set the frames behind each item's end to zero, whatever stride the maps have by now.

    A layer that looks at neighbouring frames assumes zeros behind the end of a clip that stands
    alone; in a padded batch it finds there what earlier layers made of the padding. Masking before
    each such layer makes both the same.

    Parameters
    ----------
    lengths : Tensor or None
        `(batch,)`, fractions of the frames; `None` masks nothing.
    frames : int
        Frames of the maps before any striding. Every stride must be 2 and round up, as that of a
        convolution of odd size padded by half of it does.

    Examples
    --------
    >>> mask = FrameMask(torch.tensor([1.0, 0.25]), frames=8)
    >>> mask(torch.ones(2, 1, 8, 1)).sum(dim=2).flatten()
    tensor([8., 2.])
    >>> mask(torch.ones(2, 1, 4, 1)).sum(dim=2).flatten()
    tensor([4., 1.])
    """

    def __init__(self, lengths: Tensor | None, frames: int) -> None:
        self._padding: dict[int, Tensor] = {}
        self._valid: dict[int, Tensor] = {}
        if lengths is None:
            return
        valid = absolute_lengths(lengths, frames)
        while True:
            self._valid[frames] = valid[:, None]
            padding = torch.arange(frames, device=valid.device) >= valid.unsqueeze(1)
            self._padding[frames] = padding[:, None, :, None]  # (batch, channel, frame, mel)
            if frames == 1:
                break
            frames, valid = (frames + 1) // 2, (valid + 1) // 2

    def __call__(self, maps: Tensor) -> Tensor:
        """Mask `(batch, channel, frame, mel)`."""
        if not self._padding:
            return maps
        # Unlike masked_fill, this keeps maps whose channels are last in memory so.
        return torch.where(self._padding[maps.shape[2]], 0.0, maps)

    def mean(self, maps: Tensor) -> Tensor:
        """Average `(batch, channel, frame, mel)` over each item's own frames and the mel bands.

        Parameters
        ----------
        maps : Tensor
            Maps that are masked already.

        Returns
        -------
        Tensor
            `(batch, channel)`.
        """
        if not self._padding:
            return maps.mean(dim=(2, 3))
        return maps.sum(dim=(2, 3)) / (self._valid[maps.shape[2]] * maps.shape[3])
