"""Log-mel spectrograms with every parameter in seconds and hertz.

Source: "From Image Classification to Audio Classification", the ResNets' features: windows of
46 ms every 23 ms, 64 mel bands, log magnitude; 10 s give 435 x 64. At 16 kHz that is a window of
736 samples and a hop of 368, centered: 1 + floor(160000 / 368) = 435.
"""

import math

import torch
import torchaudio.functional
from torch import Tensor, nn

from aed_plugins.models.base import Features
from aed_plugins.models.features.spectrum import cut_frames, exports, in_blocks, power_spectrum
from aed_plugins.models.lengths import Count

# Frames computed at a time on a CPU: what is at work then stays in the cache of one core.
CPU_BLOCK_FRAMES = 1024


class LogMel(Features):
    """Log-mel spectrogram with centered frames, zeros assumed before the start and after the end.

    Zeros, rather than reflection, so that a clip padded in a batch has the frames it has alone.

    Parameters
    ----------
    sample_rate : int
        Hertz.
    window_length, hop_length : float
        Seconds; rounded to samples. The window is a periodic Hann window.
    n_mels : int
        Number of mel bands.
    f_min, f_max : float
        Hertz; edges of the lowest and the highest band. `f_max=None` is half the sample rate.
    n_fft : int, optional
        Size of the transform in samples; by default the power of two not below the window.
    power : float
        1 for magnitude (the paper), 2 for power.
    mel_scale : {"htk", "slaney"}
        Formula of the mel scale.
    mel_norm : {None, "slaney"}
        `"slaney"` divides each band by its width in hertz.
    log_offset : float
        Added before the natural logarithm.

    Raises
    ------
    ValueError
        If a window holds no sample, the transform is shorter than the window, the band edges are
        not 0 <= f_min < f_max <= sample_rate / 2, or a mel band holds no bin of the transform.

    Examples
    --------
    >>> LogMel()(torch.zeros(2, 160000)).shape
    torch.Size([2, 435, 64])

    Silence is the logarithm of the offset, ln 0.01 = -4.6:

    >>> LogMel(log_offset=0.01)(torch.zeros(1, 800))[0, 0, 0].round(decimals=1)
    tensor(-4.6000)
    """

    window: Tensor
    mel_bank: Tensor

    def __init__(
        self,
        sample_rate: int = 16000,
        window_length: float = 0.046,
        hop_length: float = 0.023,
        n_mels: int = 64,
        *,
        f_min: float = 0.0,
        f_max: float | None = None,
        n_fft: int | None = None,
        power: float = 1.0,
        mel_scale: str = "htk",
        mel_norm: str | None = None,
        log_offset: float = 1e-5,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.window_samples = round(window_length * sample_rate)
        self.hop_samples = round(hop_length * sample_rate)
        self.n_mels = n_mels
        self.power = power
        self.log_offset = log_offset
        self.block_frames = CPU_BLOCK_FRAMES
        if self.window_samples < 1 or self.hop_samples < 1:
            raise ValueError(
                f"window_length and hop_length must last a sample ({1 / sample_rate:g} s) or more,"
                f" got {window_length} s and {hop_length} s"
            )
        self.n_fft = 2 ** math.ceil(math.log2(self.window_samples)) if n_fft is None else n_fft
        if self.n_fft < self.window_samples:
            raise ValueError(
                f"n_fft must be at least the window's {self.window_samples} samples, got {n_fft}"
            )
        window = torch.hann_window(self.window_samples)
        bank = self._mel_bank(f_min, f_max, mel_scale, mel_norm)
        # Follow the module to its device, but are computed again from the parameters when loaded.
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("mel_bank", bank, persistent=False)

    def _mel_bank(
        self, f_min: float, f_max: float | None, mel_scale: str, mel_norm: str | None
    ) -> Tensor:
        """Weights of the bands, `(bin, mel)`."""
        nyquist = self.sample_rate / 2
        f_max = nyquist if f_max is None else f_max
        if not 0 <= f_min < f_max <= nyquist:
            raise ValueError(
                f"band edges must satisfy 0 <= f_min < f_max <= {nyquist:g} Hz,"
                f" got {f_min} and {f_max}"
            )
        bins = self.n_fft // 2 + 1
        # Only the highest frequency is computed from the sample rate, so an odd n_fft would be off.
        if self.n_fft % 2:
            raise ValueError(f"n_fft must be even, got {self.n_fft}")
        bank = torchaudio.functional.melscale_fbanks(
            bins, f_min, f_max, self.n_mels, self.sample_rate, norm=mel_norm, mel_scale=mel_scale
        )
        empty = int((bank.amax(dim=0) == 0).sum())
        if empty:
            raise ValueError(
                f"{empty} of {self.n_mels} mel bands hold no bin of a transform of {self.n_fft}"
                " samples: ask for fewer bands or a longer n_fft"
            )
        return bank

    def frame_count(self, samples: Count) -> Count:
        """Count the frames of waveforms of these lengths.

        Parameters
        ----------
        samples : int or Tensor
            A length in samples, or integers of any shape.

        Examples
        --------
        >>> LogMel().frame_count(torch.tensor([800, 160000]))
        tensor([  3, 435])
        """
        return samples // self.hop_samples + 1

    def log_mel(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """Compute 1 + floor(sample / hop) frames; frame t is centered on t * `hop_length` seconds.

        Lengths are not needed: zeros are what a clip alone has after its end.
        """
        half = self.window_samples // 2
        padded = nn.functional.pad(waveform, (self.window_samples - half, half))
        if exports():
            return self._exported(padded)
        frames = padded.unfold(-1, self.window_samples, self.hop_samples)  # (batch, frame, sample)
        if not in_blocks(frames):
            return self._log_mel(frames)
        clips = []
        for clip in frames.unbind(0):
            blocks = [self._log_mel(block) for block in clip.split(self.block_frames, dim=0)]
            clips.append(torch.cat(blocks))
        return torch.stack(clips)

    def _exported(self, padded: Tensor) -> Tensor:
        """Compute `(batch, frame, mel)` for a graph that is exported."""
        # The first sample of a periodic window is 0, the others are the same from either end.
        frames = cut_frames(padded, self.window_samples, self.hop_samples)[..., 1:]
        bins = self.n_fft // 2 + 1
        return self._bands(power_spectrum(frames, self.window[1:], self.n_fft, bins).sqrt())

    def _log_mel(self, frames: Tensor) -> Tensor:
        """Compute `(..., frame, mel)` in float32, whatever precision the network runs in."""
        with torch.autocast(device_type=frames.device.type, enabled=False):
            return self._bands(torch.fft.rfft(frames * self.window, n=self.n_fft).abs())

    def _bands(self, spectrum: Tensor) -> Tensor:
        if self.power != 1.0:
            spectrum = spectrum.pow(self.power)
        return torch.log(spectrum @ self.mel_bank + self.log_offset)
