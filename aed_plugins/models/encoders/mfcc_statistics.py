"""What MFCCs do around a step, in numbers: an encoder that has nothing to train.

Source: Salamon, Jacoby, Bello, "A Dataset and Taxonomy for Urban Sound Research" (ACM MM 2014),
section 5, which takes them over whole clips. Deviation: here each step has a window of its own, so
that a long recording is described all along, and a short clip by several overlapping windows.
"""

import torch
from torch import Tensor, nn
from torchaudio.functional import create_dct

from aed_plugins.models.base import Encoder, Float32Buffers, Kernel
from aed_plugins.models.lengths import check_batch, valid_mask

STATISTICS = (
    "minimum",
    "maximum",
    "median",
    "mean",
    "variance",
    "skewness",
    "kurtosis",
    "mean of first differences",
    "variance of first differences",
    "mean of second differences",
    "variance of second differences",
)
ALIKE = 1e-6  # a variance below that is rounding: such values have no shape


class MFCCStatistics(Float32Buffers, Encoder):
    """Eleven statistics of each MFCC over a window around each step: `STATISTICS`.

    What a window has beyond the ends of its clip does not count. A step's numbers are the
    statistics in the order of `STATISTICS`, each of all coefficients.

    Parameters
    ----------
    n_mels : int
        Bands of the log-mel spectrogram; no front-end stands between.
    coefficients : int
        MFCCs: the first of the spectrogram's orthonormal discrete cosine transform (DCT-II).
    window_frames : int
        Frames of a window, an odd number: its middle is the step.
    time_stride : int
        Frames from one step to the next.

    Raises
    ------
    ValueError
        If a number is not whole and above 0, there are more coefficients than bands, or
        `window_frames` is not odd.

    Examples
    --------
    >>> encoder = MFCCStatistics(n_mels=40, coefficients=25)
    >>> encoder(torch.zeros(2, 1, 348, 40)).shape
    torch.Size([2, 6, 275])
    """

    dct: Tensor

    def __init__(
        self,
        n_mels: int = 40,
        coefficients: int = 25,
        window_frames: int = 175,
        time_stride: int = 64,
    ) -> None:
        super().__init__()
        numbers = {"coefficients": coefficients, "window_frames": window_frames}
        for name, number in (numbers | {"time_stride": time_stride}).items():
            if not isinstance(number, int) or number < 1:
                raise ValueError(f"{name} must be a whole number above 0, got {number}")
        if coefficients > n_mels:
            raise ValueError(f"expected at most {n_mels} coefficients, got {coefficients}")
        if window_frames % 2 == 0:
            raise ValueError(f"window_frames must be odd, got {window_frames}")
        self.register_buffer("dct", create_dct(coefficients, n_mels, "ortho"), persistent=False)
        self.kernels = [Kernel(window_frames, time_stride)]
        self.window_frames = window_frames
        self.time_stride = time_stride
        self.embedding_size = len(STATISTICS) * coefficients

    def forward(self, maps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Describe a log-mel spectrogram.

        Parameters
        ----------
        maps : Tensor
            `(batch, 1, frame, n_mels)`.
        lengths : Tensor, optional
            `(batch,)`, fractions of the frames.

        Returns
        -------
        Tensor
            `(batch, step, embedding_size)`, of the type that the module was cast to; one step per
            `time_stride` frames begun.

        Raises
        ------
        ValueError
            If the maps are not those of a bare spectrogram.
        """
        check_batch(maps, "maps (batch, channel, frame, mel)", lengths)
        if maps.shape[1] != 1 or maps.shape[3] != len(self.dct):
            raise ValueError(
                f"expected one channel of {len(self.dct)} mel bands and no front-end, got"
                f" {maps.shape[1]} channels of {maps.shape[3]}"
            )
        with torch.autocast(device_type=maps.device.type, enabled=False):
            mfcc = maps.float().squeeze(1) @ self.dct  # (batch, frame, coefficient)
            valid = torch.ones_like(mfcc[..., :1])
            if lengths is not None:
                valid = valid * valid_mask(lengths, mfcc.shape[1]).unsqueeze(2)
            described = _described(self._windows(mfcc), self._windows(valid) > 0)
        return described.to(self.dtype)

    def _windows(self, values: Tensor) -> Tensor:
        """Cut `(batch, frame, number)` into `(batch, step, number, frame)`, zeros at its ends."""
        half = self.window_frames // 2
        padded = nn.functional.pad(values, (0, 0, half, half))
        return padded.unfold(1, self.window_frames, self.time_stride)


def _described(values: Tensor, valid: Tensor) -> Tensor:
    """Compute the statistics `(batch, step, number)` of `(batch, step, coefficient, frame)`."""
    mean, variance, centered = _moments(values, valid)
    nonempty = valid.any(-1)
    count = valid.sum(-1).clamp(min=1)
    varies = variance > ALIKE
    spread = torch.where(varies, variance, 1.0)
    skewness = torch.where(varies, centered.pow(3).sum(-1) / count / spread.pow(1.5), 0.0)
    kurtosis = torch.where(varies, centered.pow(4).sum(-1) / count / spread.pow(2) - 3, 0.0)
    statistics = [
        values.masked_fill(~valid, torch.inf).amin(-1),
        values.masked_fill(~valid, -torch.inf).amax(-1),
        _median(values, valid),
        mean,
        variance,
        skewness,
        kurtosis,
    ]
    for _ in range(2):
        values, valid = values[..., 1:] - values[..., :-1], valid[..., 1:] & valid[..., :-1]
        statistics += _moments(values, valid)[:2]
    # A step behind a clip's end, which only a padded batch has, has no frame.
    return torch.cat([part.masked_fill(~nonempty, 0.0) for part in statistics], dim=2)


def _moments(values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute mean and variance over the valid frames, 0 of none, and each value less the mean."""
    count = valid.sum(-1).clamp(min=1)
    mean = values.masked_fill(~valid, 0.0).sum(-1) / count
    centered = (values - mean.unsqueeze(-1)).masked_fill(~valid, 0.0)
    return mean, centered.square().sum(-1) / count, centered


def _median(values: Tensor, valid: Tensor) -> Tensor:
    ranked = values.masked_fill(~valid, torch.inf).sort(-1).values
    count = valid.sum(-1, keepdim=True).clamp(min=1).expand(*values.shape[:-1], 1)
    lower, upper = ranked.gather(-1, (count - 1) // 2), ranked.gather(-1, count // 2)
    return ((lower + upper) / 2).squeeze(-1)
