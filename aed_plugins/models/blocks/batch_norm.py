"""Batch norm whose statistics in training leave out the padding of a batch.

Source: Ioffe, Szegedy, "Batch Normalization" (ICML 2015); as `torch.nn.BatchNorm2d` wherever no
item is padded. Several processes share their statistics on every device, where
`torch.nn.SyncBatchNorm`, which knows no padding, does so on GPUs only.
"""

from typing import Any

import torch
import torch.distributed
import torch.nn.functional as F  # noqa: N812  its usual name
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase


class MaskedBatchNorm2d(_NormBase):
    """Normalize each channel by the mean and variance of the frames before each item's end.

    In training, the statistics are those of the batch's valid positions, over all processes where
    several train. In evaluation, they are the running ones. Parameters, buffers and their names are
    those of `torch.nn.BatchNorm2d`, but it is not one, so that
    `SyncBatchNorm.convert_sync_batchnorm` leaves it alone.

    Parameters
    ----------
    num_features : int
        Number of channels.
    eps : float
        Added to the variance.
    momentum : float, optional
        Fraction of the batch's statistics in the new running ones; `None` for their mean over all
        batches.

    Examples
    --------
    >>> norm = MaskedBatchNorm2d(1, momentum=1.0)
    >>> maps = torch.tensor([1.0, 3.0, 99.0]).view(1, 1, 3, 1)
    >>> mask = torch.tensor([True, True, False]).view(1, 1, 3, 1)
    >>> norm(maps, mask).flatten()[:2].round(decimals=3)
    tensor([-1.,  1.], grad_fn=<RoundBackward1>)
    >>> norm.running_mean, norm.running_var
    (tensor([2.]), tensor([2.]))
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.momentum: float | None = momentum

    def forward(self, maps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalize maps.

        Parameters
        ----------
        maps : Tensor
            `(batch, channel, frame, mel)`.
        mask : Tensor, optional
            `(batch, 1, frame, 1)`, bool, the valid frames; `None` where every item fills the batch.

        Returns
        -------
        Tensor
            The same shape. Frames after an item's end are normalized too.
        """
        shared = self.training and _number_of_processes() > 1
        momentum = 0.0
        if self.training:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1 / float(self.num_batches_tracked)
            else:
                momentum = self.momentum
        if not self.training or (mask is None and not shared):
            return F.batch_norm(
                maps,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                self.training,
                momentum,
                self.eps,
            )
        if mask is None:  # every process must exchange as much, in the same order
            mask = maps.new_ones((maps.shape[0], 1, maps.shape[2], 1), dtype=torch.bool)
        with torch.no_grad():
            mean, variance, count = _statistics(maps, mask, shared)
            unbiased = variance * (count / (count - 1).clamp(min=1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), momentum)
        weight, bias = self.weight.to(mean.dtype), self.bias.to(mean.dtype)
        return _Normalize.apply(maps, mask, weight, bias, mean, variance, count, self.eps, shared)


class ConvolutionNorm(nn.Sequential):
    """A convolution, a `MaskedBatchNorm2d` and, if any, an activation."""

    def forward(self, maps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map `(batch, channel, frame, mel)`; the mask is that of the new maps."""
        convolution, norm, *activation = self
        maps = norm(convolution(maps), mask)
        return activation[0](maps) if activation else maps


class _Normalize(torch.autograd.Function):
    """Normalization by statistics that depend on the valid positions, in few passes over the maps.

    Autograd's own passes would take several times as long.
    """

    @staticmethod
    def forward(  # noqa: PLR0917  a Function has no keywords
        ctx: Any,
        maps: Tensor,
        mask: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
        shared: bool,
    ) -> Tensor:
        ctx.save_for_backward(maps, mask, weight, mean, variance, count)
        ctx.eps, ctx.shared = eps, shared
        return F.batch_norm(maps, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, mask, weight, mean, variance, count = ctx.saved_tensors
        # With constant statistics.
        to_maps, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, maps, weight, mean, variance, None, None, False, ctx.eps, [True] * 3
        )
        # What reaches the valid positions through the statistics.
        sums = torch.stack([to_weight, to_bias])
        if ctx.shared:
            torch.distributed.all_reduce(sums)
        scale = (variance + ctx.eps).rsqrt()
        slope = -scale.square() * weight * sums[0] / count
        offset = -scale * weight * sums[1] / count - slope * mean
        by_frame = mask.to(slope.dtype) * torch.stack([slope, offset])[:, None, :, None, None]
        if maps.is_contiguous(memory_format=torch.channels_last):
            by_frame = by_frame.transpose(2, 3).contiguous().transpose(2, 3)  # as the maps lie
        to_maps.addcmul_(maps, by_frame[0]).add_(by_frame[1])
        return to_maps, None, to_weight, to_bias, None, None, None, None, None


def _statistics(maps: Tensor, mask: Tensor, shared: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Compute mean and variance `(channel,)` of the valid positions, and their number."""
    # Products with zeros and ones: torch.where takes ten times as long on a CPU.
    weights = mask.to(torch.promote_types(maps.dtype, torch.float32))
    count = mask.sum() * maps.shape[3]
    valid = maps * weights
    mean = valid.sum(dim=(0, 2, 3)) / count
    centered = valid.addcmul_(weights, mean[:, None, None], value=-1)
    variance = centered.square_().sum(dim=(0, 2, 3)) / count
    if shared:
        moments = torch.cat([torch.stack([mean, variance]).double(), torch.ones_like(mean)[None]])
        moments[1] += moments[0].square()
        moments *= count
        torch.distributed.all_reduce(moments)
        count = moments[2, 0]
        total = moments[:2] / count
        mean, variance = total[0].to(mean.dtype), (total[1] - total[0].square()).to(mean.dtype)
    return mean, variance, count


def _number_of_processes() -> int:
    initialized = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if initialized else 1
