"""The front-end of EfficientAT's networks, exact.

Source: `AugmentMelSTFT` of github.com/fschmid56/EfficientAT (MIT) in evaluation: 32 kHz,
pre-emphasis y[n] = x[n + 1] - 0.97 x[n], symmetric Hann windows of 25 ms every 10 ms in transforms
of 1024 samples, power, Kaldi's mel bands, log(mel + 1e-5), then (x + 4.5) / 5.

Deviations: frames before `(frame, mel)` where the original has `(mel, frame)`. Every clip of a
padded batch is reflected at its own end, and clips too short for that are reflected again and
again; the original refuses those below 514 samples. In training the original draws the edges of
the mel bands at random and masks bands and frames; here that is left to augmentation.
"""

import torch
import torchaudio.compliance.kaldi
from torch import Tensor, nn

from aed_plugins.models.base import Features
from aed_plugins.models.features.spectrum import (
    cut_frames,
    exports,
    in_blocks,
    power_spectrum,
    used_bins,
)
from aed_plugins.models.lengths import Count, absolute_lengths, at_least

PRE_EMPHASIS = 0.97
N_FFT = 1024
WINDOW_SAMPLES = 800
F_MIN, F_MAX = 0.0, 15000.0
LOG_OFFSET = 1e-5
SHIFT, SCALE = 4.5, 5.0
# Frames computed at a time on a CPU: what is at work then stays in the cache of one core.
CPU_BLOCK_FRAMES = 512
# Bands multiplied at a time, with the bins that they hold only: the lower bands hold but few.
GROUP_BANDS = 32


def reflected(index: Tensor, size: Tensor) -> Tensor:
    """Return the sample at an index before the start or after the end of a clip.

    The clip is reflected without repeating the samples at its ends, as often as needed; a clip of
    one sample is constant.

    Parameters
    ----------
    index : Tensor
        Any integers.
    size : Tensor
        Lengths of the clips in samples, at least 1; must broadcast with `index`.

    Examples
    --------
    >>> reflected(torch.arange(-4, 7), torch.tensor(3))
    tensor([0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2])
    """
    last = size - 1
    return last - (last - index % (2 * last).clamp(min=1)).abs()


class EfficientATLogMel(Features):
    """Log-mel spectrogram with centered frames, the clip reflected at both ends.

    A clip of one sample, of which pre-emphasis would leave nothing, counts as followed by a zero.

    Parameters
    ----------
    n_mels : int
        Number of mel bands. 128 but for the published networks `mn10_as_mels_*`.
    hop_length : float
        Seconds. 0.01 but for the published networks `mn10_as_hop_*`.

    Raises
    ------
    ValueError
        If `n_mels` is below 4 (Kaldi's bands ask for that) or a hop lasts no sample.

    Examples
    --------
    >>> EfficientATLogMel()(torch.zeros(2, 320000)).shape
    torch.Size([2, 1000, 128])

    Silence is (ln 0.00001 + 4.5) / 5 = -1.4026:

    >>> EfficientATLogMel()(torch.zeros(1, 800))[0, 0, 0]
    tensor(-1.4026)
    """

    window: Tensor
    mel_bank: Tensor

    def __init__(self, n_mels: int = 128, hop_length: float = 0.01) -> None:
        super().__init__()
        self.sample_rate = 32000
        self.n_mels = n_mels
        self.hop_samples = round(hop_length * self.sample_rate)
        if n_mels < 4:
            raise ValueError(f"n_mels must be 4 or more, got {n_mels}")
        if self.hop_samples < 1:
            raise ValueError(f"hop_length must last a sample or more, got {hop_length} s")
        self.window_samples = WINDOW_SAMPLES + 1  # pre-emphasis looks at two samples
        self.block_frames = CPU_BLOCK_FRAMES
        bank, _ = torchaudio.compliance.kaldi.get_mel_banks(
            n_mels, N_FFT, self.sample_rate, F_MIN, F_MAX, 100.0, -500.0, 1.0
        )
        window = torch.hann_window(WINDOW_SAMPLES, periodic=False)
        # Follow the module to its device, but are computed again when loaded. Kaldi's bands lack
        # the highest bin of the transform, which no band holds.
        self.register_buffer(
            "window", nn.functional.pad(window, (0, N_FFT - WINDOW_SAMPLES)), persistent=False
        )
        self.register_buffer("mel_bank", bank.T.contiguous(), persistent=False)  # (bin, mel)
        self.group_bins = [used_bins(bands) for bands in self.mel_bank.split(GROUP_BANDS, dim=1)]

    def frame_count(self, samples: Count) -> Count:
        """Count the frames of waveforms of these lengths.

        Parameters
        ----------
        samples : int or Tensor
            A length in samples, or integers of any shape.

        Examples
        --------
        >>> EfficientATLogMel().frame_count(torch.tensor([1, 320, 321, 320000]))
        tensor([   1,    1,    2, 1000])
        """
        return at_least(samples - 1, 0) // self.hop_samples + 1

    def log_mel(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """Compute 1 + floor((sample - 1) / hop) frames, frame t centered on t * `hop_length` s."""
        samples = waveform.shape[1]
        if lengths is None:
            lengths = torch.ones(waveform.shape[0], device=waveform.device)
        sizes = (absolute_lengths(lengths, samples) - 1).clamp(min=1).unsqueeze(1)
        if samples < 2:
            waveform = nn.functional.pad(waveform, (0, 2 - samples))
        if exports():
            return self._exported(waveform, sizes)
        if not in_blocks(waveform):
            return self._log_mel(self._frames(waveform, sizes))
        blocks = []
        for clip, size in zip(waveform.split(1), sizes.split(1), strict=True):
            frames = self._frames(clip, size).squeeze(0)
            blocks += [self._log_mel(block) for block in frames.split(self.block_frames)]
        return torch.cat(blocks).view(len(waveform), -1, self.n_mels)

    def _frames(self, waveform: Tensor, sizes: Tensor) -> Tensor:
        """Cut `(batch, frame, sample)`, with the samples that the window does not cover at the end.

        `sizes (batch, 1)` are the lengths of the clips after pre-emphasis.
        """
        return self._emphasised(waveform, sizes).unfold(-1, N_FFT, self.hop_samples)

    def _exported(self, waveform: Tensor, sizes: Tensor) -> Tensor:
        """Compute `(batch, frame, mel)` for a graph that is exported."""
        frames = cut_frames(self._emphasised(waveform, sizes), N_FFT, self.hop_samples)
        window = self.window[:WINDOW_SAMPLES]
        bins = self.group_bins[-1][1]
        return self._bands(power_spectrum(frames[..., :WINDOW_SAMPLES], window, N_FFT, bins))

    def _emphasised(self, waveform: Tensor, sizes: Tensor) -> Tensor:
        """Apply pre-emphasis and reflect each clip at its ends: `(batch, sample)`."""
        half = WINDOW_SAMPLES // 2
        emphasised = waveform[:, 1:] - PRE_EMPHASIS * waveform[:, :-1]
        before = torch.arange(-half, 0, device=waveform.device).unsqueeze(0)
        behind = sizes + torch.arange(half, device=waveform.device)
        padded = nn.functional.pad(emphasised, (half, half + N_FFT - WINDOW_SAMPLES))
        padded[:, :half] = emphasised.gather(1, reflected(before, sizes))
        padded.scatter_(1, half + behind, emphasised.gather(1, reflected(behind, sizes)))
        return padded

    def _log_mel(self, frames: Tensor) -> Tensor:
        """Compute `(..., frame, mel)` in float32, whatever precision the network runs in."""
        with torch.autocast(device_type=frames.device.type, enabled=False):
            squares = torch.view_as_real(torch.fft.rfft(frames * self.window)).square()
            return self._bands(squares[..., 0] + squares[..., 1])

    def _bands(self, power: Tensor) -> Tensor:
        groups = [
            power[..., first:end] @ bands[first:end]
            for (first, end), bands in zip(
                self.group_bins, self.mel_bank.split(GROUP_BANDS, dim=1), strict=True
            )
        ]
        return (torch.log(torch.cat(groups, dim=-1) + LOG_OFFSET) + SHIFT) / SCALE
