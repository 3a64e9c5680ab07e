"""Changes to training waveforms, each for the list of SpeechBrain's `Augmenter`.

SpeechBrain's own can be added: `DropFreq`, `SpeedPerturb` and, on features, `SpectrogramDrop`.
"""

import torch
from torch import Tensor, nn

from aed_plugins.models import absolute_lengths


class RandomCrop(nn.Module):
    """Cut a piece of fixed length from each clip that is longer, at a place of its own.

    Source: Piczak, "Environmental Sound Classification with Convolutional Neural Networks" (MLSP
    2015), training on segments and testing on clips.

    Parameters
    ----------
    seconds : float
        Length of the piece.
    sample_rate : int
        Of the waveforms, in hertz.

    Raises
    ------
    ValueError
        If the piece is shorter than a sample.

    Examples
    --------
    >>> crop = RandomCrop(seconds=1.0, sample_rate=4)
    >>> waveform, lengths = crop(torch.ones(2, 8), torch.tensor([1.0, 0.25]))
    >>> waveform.sum(dim=1), lengths
    (tensor([4., 4.]), tensor([1.0000, 0.5000]))
    """

    def __init__(self, seconds: float, sample_rate: int) -> None:
        super().__init__()
        self.samples = round(seconds * sample_rate)
        if self.samples < 1:
            raise ValueError(f"a crop must last a sample or more, got {seconds} s")

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Cut `(batch, sample)`; lengths `(batch,)` are fractions of the samples."""
        if waveform.shape[1] <= self.samples:
            return waveform, lengths
        lengths = absolute_lengths(lengths, waveform.shape[1])
        room = (lengths - self.samples).clamp(min=0)
        starts = (_drawn(waveform) * (room + 1)).long()
        places = starts.unsqueeze(1) + torch.arange(self.samples, device=waveform.device)
        return waveform.gather(1, places), lengths.clamp(max=self.samples) / self.samples


class TimeShift(nn.Module):
    """Turn each clip round by a random part of its length: what leaves at its end comes in again.

    Source: Salamon and Bello, "Deep Convolutional Neural Networks and Data Augmentation for
    Environmental Sound Classification" (SPL 2017).

    Examples
    --------
    >>> shifted = TimeShift()(torch.tensor([[1.0, 2.0, 0.0, 0.0]]), torch.tensor([0.5]))
    >>> sorted(shifted[0, :2].tolist()), shifted[0, 2:].tolist()
    ([1.0, 2.0], [0.0, 0.0])
    """

    def forward(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        """Shift `(batch, sample)`; lengths `(batch,)` are fractions of the samples."""
        samples = absolute_lengths(lengths, waveform.shape[1]).unsqueeze(1)
        shifts = (_drawn(waveform).unsqueeze(1) * samples).long()
        places = torch.arange(waveform.shape[1], device=waveform.device).unsqueeze(0)
        return waveform.gather(
            1, torch.where(places < samples, (places + shifts) % samples, places)
        )


class Gain(nn.Module):
    """Make each clip louder or quieter by decibels drawn evenly from a range.

    SpeechBrain's `RandAmp` first divides by the peak, which silence has none of.

    Parameters
    ----------
    decibels : float
        The largest change, up or down.

    Raises
    ------
    ValueError
        If it is negative.

    Examples
    --------
    >>> louder = Gain(decibels=6.0)(torch.ones(100, 1))
    >>> bool((louder > 0.5).all() and (louder < 2.0).all())
    True
    """

    def __init__(self, decibels: float) -> None:
        super().__init__()
        if decibels < 0:
            raise ValueError(f"decibels must not be negative, got {decibels}")
        self.decibels = decibels

    def forward(self, waveform: Tensor) -> Tensor:
        """Amplify `(batch, sample)`."""
        decibels = (2 * _drawn(waveform) - 1) * self.decibels
        return waveform * (10 ** (decibels / 20)).unsqueeze(1)


def _drawn(waveform: Tensor) -> Tensor:
    """Draw a number from 0 to 1 for each clip, on the CPU: the same whatever the device."""
    return torch.rand(len(waveform)).to(waveform.device)
