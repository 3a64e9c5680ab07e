"""The log-mel frames of VGGish, exact to Google's own.

Source: Hershey et al., "CNN architectures for large-scale audio classification" (ICASSP 2017), and
the code released with it (tensorflow/models, research/audioset/vggish: vggish_params.py and
mel_features.py). At 16 kHz: windows of 400 samples every 160, a transform of 512, magnitude, 64
bands from 125 to 7500 Hz, logarithm of the sum with 0.01. No frame looks past the end of the clip.

Deviation: a clip shorter than one window is completed with zeros to one frame; Google's gives none.
"""

import torch
from torch import Tensor, nn

from aed_plugins.models.base import Features
from aed_plugins.models.features.spectrum import (
    cut_frames,
    exports,
    in_blocks,
    magnitude,
    power_spectrum,
    used_bins,
)
from aed_plugins.models.lengths import Count, at_least

SAMPLE_RATE = 16000
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
N_MELS = 64
F_MIN, F_MAX = 125.0, 7500.0
LOG_OFFSET = 0.01
# Frames computed at a time on a CPU: what is at work then stays in the cache of one core.
CPU_BLOCK_FRAMES = 512
# Neighbouring bands share few bins: in four groups the product takes a quarter of the work.
BAND_GROUPS = 4


def _mel(hertz: Tensor) -> Tensor:
    return 1127.0 * torch.log1p(hertz / 700.0)


def vggish_mel_bank() -> Tensor:
    """Compute VGGish's mel bands: triangles that are straight over mel, not over hertz.

    Returns
    -------
    Tensor
        `(bin, mel)`, float32; the weight of each of 257 bins in each of 64 bands.

    Examples
    --------
    >>> bank = vggish_mel_bank()
    >>> bank.shape, bank.amax().item() <= 1.0
    (torch.Size([257, 64]), True)

    Bin 0 is 0 Hz and bin 4 is 125 Hz, where the lowest band begins; bin 5 is in it:

    >>> bank[:6].amax(dim=1) > 0
    tensor([False, False, False, False, False,  True])
    """
    bins = FFT_SAMPLES // 2 + 1
    bin_mel = _mel(torch.linspace(0.0, SAMPLE_RATE / 2, bins, dtype=torch.float64))
    low, high = _mel(torch.tensor([F_MIN, F_MAX], dtype=torch.float64)).tolist()
    edges = torch.linspace(low, high, N_MELS + 2, dtype=torch.float64)
    rising = (bin_mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])  # (bin, mel)
    falling = (edges[2:] - bin_mel[:, None]) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0.0).float()


class VGGishLogMel(Features):
    """Log-mel frames of VGGish at 16 kHz; there is nothing to choose.

    Frame t sees the samples from 160 t to 160 t + 400: its middle is at 0.0125 + 0.01 t seconds.

    Examples
    --------
    >>> features = VGGishLogMel()
    >>> features(torch.zeros(2, 160000)).shape
    torch.Size([2, 998, 64])

    Silence is ln 0.01 = -4.6:

    >>> features(torch.zeros(1, 400))[0, 0, :2]
    tensor([-4.6052, -4.6052])
    """

    window: Tensor
    mel_bank: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.sample_rate = SAMPLE_RATE
        self.n_mels = N_MELS
        self.window_samples = WINDOW_SAMPLES
        self.hop_samples = HOP_SAMPLES
        self.fft_samples = FFT_SAMPLES
        self.log_offset = LOG_OFFSET
        self.first_center = WINDOW_SAMPLES / 2 / SAMPLE_RATE
        self.block_frames = CPU_BLOCK_FRAMES
        window = torch.zeros(FFT_SAMPLES)
        window[:WINDOW_SAMPLES] = torch.hann_window(WINDOW_SAMPLES)
        # Follow the module to its device, but are the same for everyone, so not saved.
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("mel_bank", vggish_mel_bank(), persistent=False)
        self.group_mels = N_MELS // BAND_GROUPS
        self.group_bins = [used_bins(bands) for bands in self.mel_bank.split(self.group_mels, 1)]

    def frame_count(self, samples: Count) -> Count:
        """Count the frames of waveforms of these lengths.

        Parameters
        ----------
        samples : int or Tensor
            A length in samples, or integers of any shape.

        Examples
        --------
        A patch of 96 frames needs 15600 samples, 0.975 s:

        >>> VGGishLogMel().frame_count(torch.tensor([1, 400, 15599, 15600, 160000]))
        tensor([  1,   1,  95,  96, 998])
        """
        return at_least((samples - self.window_samples) // self.hop_samples + 1, 1)

    def log_mel(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """Compute max(1, 1 + floor((sample - 400) / 160)) frames.

        Lengths are not needed: no frame of a clip looks past its end, unless the clip is shorter
        than a window; then zeros are what it has alone after its end.
        """
        # The window is zero behind its 400 samples, so that a frame is as long as the transform.
        missing = max(0, self.window_samples - waveform.shape[-1])
        padding = missing + self.fft_samples - self.window_samples
        padded = nn.functional.pad(waveform, (0, padding))
        if exports():
            return self._exported(padded)
        frames = padded.unfold(-1, self.fft_samples, self.hop_samples)  # (batch, frame, sample)
        if not in_blocks(frames):
            return self._log_mel(frames)
        blocks = []
        for clip in frames.unbind(0):
            blocks += [self._log_mel(block) for block in clip.split(self.block_frames, dim=0)]
        return torch.cat(blocks).view(frames.shape[0], frames.shape[1], self.n_mels)

    def _exported(self, padded: Tensor) -> Tensor:
        """Compute `(batch, frame, mel)` for a graph that is exported."""
        # The first sample of a periodic window is 0, the others are the same from either end.
        frames = cut_frames(padded, self.fft_samples, self.hop_samples)
        window = self.window[1 : self.window_samples]
        frames = frames[..., 1 : self.window_samples]
        bins = self.group_bins[-1][1]
        return self._bands(power_spectrum(frames, window, self.fft_samples, bins).sqrt())

    def _log_mel(self, frames: Tensor) -> Tensor:
        """Compute `(..., frame, mel)` in float32, whatever precision the network runs in."""
        with torch.autocast(device_type=frames.device.type, enabled=False):
            return self._bands(magnitude(torch.fft.rfft(frames * self.window)))

    def _bands(self, spectrum: Tensor) -> Tensor:
        groups = []
        for group, (first, end) in enumerate(self.group_bins):
            bands = self.mel_bank[
                first:end, group * self.group_mels : (group + 1) * self.group_mels
            ]
            groups.append(spectrum[..., first:end] @ bands)
        return torch.log(torch.cat(groups, dim=-1) + self.log_offset)
