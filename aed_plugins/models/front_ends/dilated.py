"""What stands between the log-mel image and the encoder.

Source: "From Image Classification to Audio Classification": four 3x3 convolutions of stride 1 with
dilations 1, 2, 3 and 4 look at the spectrogram at several scales at once and feed a ResNet-18.
The paper's "without dilation" is `torch.nn.Identity`; the control with as many parameters and no
dilation has the dilations 1, 1, 1 and 1. The paper does not say whether a normalisation and an
activation follow; here batch norm and ReLU do, as after every convolution of the encoder.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aed_plugins.models.base import FrontEnd, Kernel
from aed_plugins.models.blocks.batch_norm import MaskedBatchNorm2d
from aed_plugins.models.blocks.masks import frame_mask
from aed_plugins.models.lengths import check_batch


class DilatedFrontEnd(FrontEnd):
    """Parallel 3x3 convolutions, one per dilation, their outputs combined.

    Parameters
    ----------
    channels : int
        Output channels of each convolution.
    dilations : sequence of int
        One convolution for each.
    combine : {"concatenate", "sum"}
        `"concatenate"` gives `channels * len(dilations)` channels, `"sum"` gives `channels`.
    in_channels : int
        Input channels: 1 for a spectrogram.

    Raises
    ------
    ValueError
        If there is no dilation, one is below 1, or `combine` is another word.

    Examples
    --------
    >>> front_end = DilatedFrontEnd(channels=4, dilations=[1, 2, 3, 4])
    >>> front_end(torch.zeros(2, 1, 435, 64)).shape
    torch.Size([2, 16, 435, 64])
    """

    def __init__(
        self,
        channels: int = 4,
        dilations: Sequence[int] = (1, 2, 3, 4),
        combine: str = "concatenate",
        in_channels: int = 1,
    ) -> None:
        super().__init__()
        if not dilations or min(dilations) < 1:
            raise ValueError(f"dilations must be a list of integers from 1 on, got {dilations}")
        if combine not in {"concatenate", "sum"}:
            raise ValueError(f"combine must be 'concatenate' or 'sum', got {combine!r}")
        self.combine = combine
        self.out_channels = channels * len(dilations) if combine == "concatenate" else channels
        self.kernels = [Kernel(size=3, dilation=max(dilations))]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(in_channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
            for dilation in dilations
        )
        self.norm = MaskedBatchNorm2d(self.out_channels)

    def forward(self, maps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolve the spectrogram at every scale.

        Parameters
        ----------
        maps : Tensor
            `(batch, in_channels, frame, mel)`, zeros after each clip's end.
        lengths : Tensor, optional
            `(batch,)`, fractions of the frames.

        Returns
        -------
        Tensor
            `(batch, out_channels, frame, mel)`.
        """
        check_batch(maps, "maps (batch, channel, frame, mel)", lengths)
        scales = [convolution(maps) for convolution in self.convolutions]
        if self.combine == "concatenate":
            combined = torch.cat(scales, dim=1)
        else:
            combined = torch.stack(scales).sum(dim=0)
        return torch.relu(self.norm(combined, frame_mask(lengths, maps.shape[2])))
