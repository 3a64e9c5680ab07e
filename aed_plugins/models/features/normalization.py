"""Statistics of the training set that log-mel frames are normalized with."""

import math
import warnings
from collections.abc import Iterable

import torch
from torch import Tensor

from aed_plugins.models.base import Float32Buffers
from aed_plugins.models.lengths import valid_mask

BELOW_MEDIAN = 3 * math.log(10)  # 60 dB, of magnitudes whose logarithm is natural
UNFITTED = (
    "FeatureNormalization is used before it has statistics, and changes nothing: call fit with the"
    " training set's frames, or load a state dict"
)


class FeatureNormalization(Float32Buffers):
    """Subtract the training set's mean from each mel band and divide by its standard deviation.

    Until `fit` is called or a state dict is loaded it changes nothing, and using it gives a
    `UserWarning`. The statistics are buffers: they are saved with the model and cannot part from
    it.

    Parameters
    ----------
    n_mels : int
        Number of mel bands.
    relative_to_peak : bool
        Whether the loudest value of each clip is first subtracted from it, so that its level does
        not matter: as librosa's `power_to_db(ref=np.max)` does. Silence is not lifted: at
        least the median of the training clips' peaks less 60 dB (of magnitudes; 30 dB of powers) is
        subtracted.

    Examples
    --------
    >>> normalization = FeatureNormalization(n_mels=1)
    >>> normalization.fit([(torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([2 / 3]))])
    >>> normalization(torch.tensor([[[1.0], [2.0], [3.0]]])).flatten()
    tensor([-1.,  0.,  1.])
    >>> clips = torch.tensor([[[1.0], [3.0]], [[11.0], [13.0]]])
    >>> relative = FeatureNormalization(n_mels=1, relative_to_peak=True)
    >>> relative.fit([(clips, None)])
    >>> relative(clips).flatten(1)
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """

    mean: Tensor
    std: Tensor
    quietest_peak: Tensor

    def __init__(self, n_mels: int, relative_to_peak: bool = False) -> None:
        super().__init__()
        self.relative_to_peak = relative_to_peak
        self._fitted = False  # as far as it is known: a state dict may have been loaded
        self.register_buffer("mean", torch.zeros(n_mels))
        self.register_buffer("std", torch.ones(n_mels))
        if relative_to_peak:
            self.register_buffer("quietest_peak", torch.tensor(-math.inf))

    @torch.no_grad()
    def fit(self, batches: Iterable[tuple[Tensor, Tensor | None]]) -> None:
        """Set the statistics from all valid frames of a training set.

        Parameters
        ----------
        batches : iterable of (Tensor, Tensor or None)
            Log-mel frames `(batch, frame, mel)` and their lengths `(batch,)`.

        Raises
        ------
        ValueError
            If there is no frame at all.
        """
        count, peaks = 0, []
        if self.relative_to_peak:  # as long as the peaks are not known, every clip is lifted
            self.quietest_peak.fill_(-math.inf)
        # On the CPU, because not every device has 64-bit floats.
        total = torch.zeros(len(self.mean), dtype=torch.float64)
        squares = torch.zeros_like(total)
        for log_mel, lengths in batches:
            if self.relative_to_peak:
                peaks.append(log_mel.amax(dim=(1, 2)).cpu())
            frames = self._levelled(log_mel).flatten(0, 1)
            if lengths is not None:
                frames = frames[valid_mask(lengths, log_mel.shape[1]).flatten()]
            frames = frames.cpu().double()
            count += len(frames)
            total += frames.sum(0)
            squares += frames.square().sum(0)
        if count == 0:
            raise ValueError("normalization needs at least one frame, got none")
        if self.relative_to_peak:
            self.quietest_peak.copy_(torch.cat(peaks).median() - BELOW_MEDIAN)
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)
        self.mean.copy_(mean)
        # A band that never changes is left as it is instead of being divided by nothing.
        self.std.copy_(torch.where(variance > 1e-10, variance.sqrt(), torch.ones_like(variance)))

        self._fitted = True

    def forward(self, log_mel: Tensor) -> Tensor:
        """Normalize `(batch, frame, mel)`."""
        # A look at the values is no part of a graph, and makes a GPU wait: once is enough.
        if not torch.compiler.is_compiling() and not self._fitted:
            self._fitted = not (self.mean.eq(0).all() & self.std.eq(1).all())
            if not self._fitted:
                warnings.warn(UNFITTED, stacklevel=1)
        return ((self._levelled(log_mel) - self.mean) / self.std).to(log_mel.dtype)

    def _levelled(self, log_mel: Tensor) -> Tensor:
        if not self.relative_to_peak:
            return log_mel
        # What is behind a clip's end is silent, and never the loudest.
        return log_mel - log_mel.amax(dim=(1, 2), keepdim=True).maximum(self.quietest_peak)
