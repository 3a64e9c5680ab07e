"""EfficientAT's MobileNets: small encoders whose published weights know AudioSet's 527 classes.

Source: Schmid, Koutini, Widmer, "Efficient Large-Scale Audio Tagging via Transformer-to-CNN
Knowledge Distillation" (ICASSP 2023) and the weights of its release v0.0.1, github.com/fschmid56/
EfficientAT (MIT); the architecture is MobileNetV3-Large, Howard et al., "Searching for
MobileNetV3" (ICCV 2019), table 1, with a sigmoid in the squeeze-excitation and its last layers as
in torchvision. The modules are named as in the published files.

Deviations: maps are (frame, mel) where the published kernels are (mel, frame), so kernels are
transposed when loaded; after the last convolution the mel bands are averaged and the time axis is
kept, where the original averages both; the frames behind a clip's end are masked, and the
squeeze-excitation averages over a clip's own frames.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aed_plugins.core import InputError
from aed_plugins.models.base import Encoder, Kernel
from aed_plugins.models.blocks.batch_norm import ConvolutionNorm, MaskedBatchNorm2d
from aed_plugins.models.blocks.masks import frame_mask, mask_frames, masked_mean, stride_mask
from aed_plugins.models.downloads import fetch_weights
from aed_plugins.models.lengths import check_batch
from aed_plugins.models.weights import load_weights, read_state_dict

RELEASE = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1"
# The published files for `EfficientATLogMel()` by width, with their mAP on AudioSet.
PUBLISHED_MOBILENETS = {
    0.1: f"{RELEASE}/mn01_as_mAP_298.pt",
    0.2: f"{RELEASE}/mn02_as_mAP_378.pt",
    0.4: f"{RELEASE}/mn04_as_mAP_432.pt",
    0.5: f"{RELEASE}/mn05_as_mAP_443.pt",
    1.0: f"{RELEASE}/mn10_as_mAP_471.pt",
    2.0: f"{RELEASE}/mn20_as_mAP_478.pt",
    3.0: f"{RELEASE}/mn30_as_mAP_482.pt",
    4.0: f"{RELEASE}/mn40_as_mAP_484.pt",
}


class BlockSettings(NamedTuple):
    """A row of MobileNetV3's table: channels at width 1."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    activation: type[nn.Module]
    stride: int


STEM_CHANNELS, STEM_STRIDE = 16, 2
BLOCK_SETTINGS = (
    BlockSettings(3, 16, 16, False, nn.ReLU, 1),
    BlockSettings(3, 64, 24, False, nn.ReLU, 2),
    BlockSettings(3, 72, 24, False, nn.ReLU, 1),
    BlockSettings(5, 72, 40, True, nn.ReLU, 2),
    BlockSettings(5, 120, 40, True, nn.ReLU, 1),
    BlockSettings(5, 120, 40, True, nn.ReLU, 1),
    BlockSettings(3, 240, 80, False, nn.Hardswish, 2),
    BlockSettings(3, 200, 80, False, nn.Hardswish, 1),
    BlockSettings(3, 184, 80, False, nn.Hardswish, 1),
    BlockSettings(3, 184, 80, False, nn.Hardswish, 1),
    BlockSettings(3, 480, 112, True, nn.Hardswish, 1),
    BlockSettings(3, 672, 112, True, nn.Hardswish, 1),
    BlockSettings(5, 672, 160, True, nn.Hardswish, 2),
    BlockSettings(5, 960, 160, True, nn.Hardswish, 1),
    BlockSettings(5, 960, 160, True, nn.Hardswish, 1),
)
LAST_EXPANSION = 6


def round_channels(channels: float) -> int:
    """Round to a multiple of 8, at least 8 and not more than a tenth below.

    Parameters
    ----------
    channels : float
        Channels at width 1 times the width.

    Examples
    --------
    >>> [round_channels(channels) for channels in (1.6, 12, 18, 512.0)]
    [8, 16, 24, 512]
    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _convolution(
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activation: type[nn.Module] = nn.Identity,
) -> ConvolutionNorm:
    return ConvolutionNorm(
        nn.Conv2d(
            in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
        ),
        MaskedBatchNorm2d(out_channels, eps=0.001, momentum=0.01),
        activation(),
    )


class _SqueezeExcitation(nn.Module):
    """Weigh every channel by what the whole clip says."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = round_channels(channels // 4)
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, maps: Tensor, mask: Tensor | None) -> Tensor:
        """Weigh `(batch, channel, frame, mel)`; the maps are masked already."""
        weights = self.fc2(torch.relu(self.fc1(masked_mean(maps, mask)))).sigmoid()
        return maps * weights[:, :, None, None]


class _Concurrent(nn.Module):
    """Holds the one squeeze-excitation under its published name, where several could stand."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([_SqueezeExcitation(channels)])

    def forward(self, maps: Tensor, mask: Tensor | None) -> Tensor:
        """Weigh `(batch, channel, frame, mel)`."""
        return self.conc_se_layers[0](mask_frames(maps, mask), mask)


class InvertedResidual(nn.Module):
    """Expand, convolve each channel by itself, weigh the channels, project; and a shortcut."""

    def __init__(self, in_channels: int, row: BlockSettings, width: float) -> None:
        super().__init__()
        expanded = round_channels(row.expanded * width)
        self.out_channels = round_channels(row.out * width)
        self.time_stride = row.stride
        self.has_shortcut = row.stride == 1 and in_channels == self.out_channels
        layers: list[nn.Module] = []
        if expanded != in_channels:
            layers.append(_convolution(in_channels, expanded, 1, activation=row.activation))
        self.depthwise = len(layers)
        layers.append(
            _convolution(expanded, expanded, row.kernel, row.stride, expanded, row.activation)
        )
        if row.squeeze:
            layers.append(_Concurrent(expanded))
        layers.append(_convolution(expanded, self.out_channels, 1))
        self.block = nn.Sequential(*layers)

    def forward(self, maps: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map `(batch, channel, frame, mel)`; return the mask of the new maps too."""
        out = maps
        for position, layer in enumerate(self.block):
            if position == self.depthwise:
                out = mask_frames(out, mask)
                mask = stride_mask(mask, self.time_stride)
            out = layer(out, mask)
        return out + maps if self.has_shortcut else out, mask


class MobileNet(Encoder):
    """EfficientAT's MobileNet of any width over `EfficientATLogMel`.

    With the published weights, the mean of a clip's embeddings is the published embedding, of which
    `PooledDNNHead` makes the published 527 logits. `PUBLISHED_MOBILENETS` lists the published
    widths; a width of 0.4 gives embeddings of 384, 1.0 of 960.

    Parameters
    ----------
    in_channels : int
        Channels of the maps: a front-end's `out_channels`, or 1 for a bare spectrogram.
    width : float
        Factor on the channels of every layer, which are then rounded to multiples of 8.
    pretrained : str or Path, optional
        A published file of the same width (a path, a URL or `hf://owner/repo/file`). Its one
        input channel is repeated; its classifier is left to `PooledDNNHead`.
    sha256 : str, optional
        Checksum that the file must have.

    Raises
    ------
    ValueError
        If `width` is not above 0.
    InputError
        If the file of weights is missing, unreadable, or of another architecture or width.

    Examples
    --------
    >>> encoder = MobileNet(width=0.1)
    >>> encoder(torch.zeros(2, 1, 1000, 128)).shape
    torch.Size([2, 32, 96])
    >>> encoder.embedding_size, encoder.time_stride
    (96, 32)
    """

    def __init__(
        self,
        in_channels: int = 1,
        width: float = 1.0,
        pretrained: str | Path | None = None,
        sha256: str | None = None,
    ) -> None:
        super().__init__()
        if not width > 0:
            raise ValueError(f"width must be above 0, got {width}")
        self.in_channels = in_channels
        self.width = width
        channels = round_channels(STEM_CHANNELS * width)
        layers: list[nn.Module] = [
            _convolution(in_channels, channels, 3, STEM_STRIDE, activation=nn.Hardswish)
        ]
        for row in BLOCK_SETTINGS:
            block = InvertedResidual(channels, row, width)
            layers.append(block)
            channels = block.out_channels
        self.embedding_size = self.embedding_size_of(width)
        layers.append(_convolution(channels, self.embedding_size, 1, activation=nn.Hardswish))
        self.features = nn.Sequential(*layers)
        self.time_stride = 32
        # The path through the convolutions; every squeeze-excitation sees the whole clip besides.
        self.kernels = [Kernel(3, 2), *(Kernel(row.kernel, row.stride) for row in BLOCK_SETTINGS)]
        _initialize(self)
        if pretrained is not None:
            self.load_published(_read(pretrained, sha256, width), source=str(pretrained))

    @staticmethod
    def embedding_size_of(width: float) -> int:
        """Return the size of an embedding at a width.

        Examples
        --------
        >>> MobileNet.embedding_size_of(0.4), MobileNet.embedding_size_of(1.0)
        (384, 960)
        """
        return LAST_EXPANSION * round_channels(BLOCK_SETTINGS[-1].out * width)

    def stages(self) -> list[nn.Module]:
        """Return the layers between one halving of the maps and the next, and the last layer."""
        starts = [
            0,
            *(i for i, row in enumerate(BLOCK_SETTINGS, start=1) if row.stride == 2),
            len(BLOCK_SETTINGS) + 1,
        ]
        ends = [*starts[1:], len(self.features)]
        return [self.features[start:end] for start, end in zip(starts, ends, strict=True)]

    def forward(self, maps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode a spectrogram or the maps of a front-end.

        Parameters
        ----------
        maps : Tensor
            `(batch, in_channels, frame, mel)`.
        lengths : Tensor, optional
            `(batch,)`, fractions of the frames.

        Returns
        -------
        Tensor
            `(batch, step, embedding_size)`; one step per 32 frames, rounded up.
        """
        check_batch(maps, "maps (batch, channel, frame, mel)", lengths)
        mask = frame_mask(lengths, maps.shape[2])
        first, *blocks, last = self.features
        maps = mask_frames(maps, mask)
        mask = stride_mask(mask, STEM_STRIDE)
        maps = first(maps, mask)
        if maps.device.type == "cpu":  # where convolutions of single channels are faster so
            maps = maps.contiguous(memory_format=torch.channels_last)
        for block in blocks:
            maps, mask = block(maps, mask)
        # (batch, channel, step) -> (batch, step, channel)
        return last(maps, mask).mean(dim=3).transpose(1, 2)

    def load_published(self, state: Mapping[str, Tensor], source: str = "state dict") -> None:
        """Load the published weights of the same width.

        The first layer's one input channel is repeated for every channel of the maps and scaled so
        that equal inputs give the same sum. The classifier is left out.

        Parameters
        ----------
        state : mapping of str to Tensor
            The published state dict, kernels in (mel, frame) order.
        source : str
            What an error calls it.

        Raises
        ------
        InputError
            If a tensor is missing, has another shape or has no place here.
        """
        own = {
            name: tensor.transpose(2, 3) if tensor.ndim == 4 else tensor
            for name, tensor in state.items()
            if not name.startswith("classifier.")
        }
        stem = own.get("features.0.0.weight")
        if stem is not None and stem.ndim == 4 and stem.shape[1] == 1:
            repeated = stem.repeat(1, self.in_channels, 1, 1)
            own["features.0.0.weight"] = repeated / self.in_channels
        load_weights(self, own, source, f"the weights of EfficientAT's {_name(self.width)}")


def _name(width: float) -> str:
    """Name a width as the published files do."""
    return (
        f"mn{round(10 * width):02d}"
        if width in PUBLISHED_MOBILENETS
        else f"MobileNet of width {width:g}"
    )


def _read(source: str | Path, sha256: str | None, width: float) -> Mapping[str, Tensor]:
    try:
        path = fetch_weights(source, sha256)
    except InputError as error:
        if width not in PUBLISHED_MOBILENETS:
            raise
        raise InputError(
            f"{error} ({_name(width)} is published at {PUBLISHED_MOBILENETS[width]})"
        ) from error
    return read_state_dict(path)


def _initialize(model: nn.Module) -> None:
    """As published: He for convolutions, small normal weights for fully connected layers."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
            nn.init.zeros_(module.bias)
