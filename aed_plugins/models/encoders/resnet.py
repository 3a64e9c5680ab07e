"""ResNet for audio: time stays an axis and padding leaves no trace.

Source: He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016), table 1, as the paper
"From Image Classification to Audio Classification" takes it over: a 7x7 stem of stride 2, 3x3 max
pooling of stride 2, four stages of 64, 128, 256 and 512 channels. As in torchvision, whose module
names are kept so that ImageNet weights load, a bottleneck strides in its 3x3 convolution.

Deviations: any number of input channels; after the last stage the mel bands are averaged, all of
them or in parts, and the time axis is kept, where the original averages both; the frames behind a
clip's end are masked.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from aed_plugins.models.base import Encoder, Kernel
from aed_plugins.models.blocks.batch_norm import ConvolutionNorm, MaskedBatchNorm2d
from aed_plugins.models.blocks.masks import frame_mask, mask_frames, stride_mask
from aed_plugins.models.downloads import fetch_weights
from aed_plugins.models.lengths import check_batch
from aed_plugins.models.weights import load_weights, read_state_dict

STAGE_CHANNELS = (64, 128, 256, 512)
BLOCKS_PER_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return _Unchanged()
    convolution = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return ConvolutionNorm(convolution, MaskedBatchNorm2d(out_channels))


class _Unchanged(nn.Module):
    """The shortcut of a block whose maps keep their shape."""

    def forward(self, maps: Tensor, mask: Tensor | None) -> Tensor:
        """Return the maps."""
        del mask
        return maps


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (depths 18 and 34)."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = MaskedBatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = MaskedBatchNorm2d(channels)
        self.downsample = _shortcut(in_channels, channels, stride)

    @staticmethod
    def kernels(stride: int) -> list[Kernel]:
        """Return the path past the shortcut."""
        return [Kernel(3, stride), Kernel(3)]

    def forward(self, maps: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map `(batch, channel, frame, mel)`; return the mask of the new maps too."""
        mask = stride_mask(mask, self.conv1.stride[0])
        out = mask_frames(torch.relu(self.bn1(self.conv1(maps), mask)), mask)
        out = self.bn2(self.conv2(out), mask)
        return mask_frames(torch.relu(out + self.downsample(maps, mask)), mask), mask


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut (depth 50)."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = MaskedBatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = MaskedBatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = MaskedBatchNorm2d(out_channels)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    @staticmethod
    def kernels(stride: int) -> list[Kernel]:
        """Return the path past the shortcut."""
        return [Kernel(3, stride)]

    def forward(self, maps: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map `(batch, channel, frame, mel)`; return the mask of the new maps too."""
        out = mask_frames(torch.relu(self.bn1(self.conv1(maps), mask)), mask)
        mask = stride_mask(mask, self.conv2.stride[0])
        out = torch.relu(self.bn2(self.conv2(out), mask))
        out = self.bn3(self.conv3(out), mask)
        return mask_frames(torch.relu(out + self.downsample(maps, mask)), mask), mask


class _MaxPool(nn.MaxPool2d):
    """Max pooling of size 3 and stride 2, padded by 1, that compiles once for all lengths."""

    def forward(self, maps: Tensor) -> Tensor:
        """Pool `(batch, channel, frame, mel)`."""
        if not torch.compiler.is_dynamo_compiling():
            return super().forward(maps)
        # PyTorch's own is compiled once for even sizes and once for odd ones.
        for axis in (2, 3):
            before_after = (0, 0, 1, 1) if axis == 2 else (1, 1)
            padded = nn.functional.pad(maps, before_after, value=-torch.inf).movedim(axis, 0)
            ends = padded[:-2:2].maximum(padded[2::2])
            maps = padded[1:-1:2].maximum(ends).movedim(0, axis)
        return maps


def _stage(
    block: type[BasicBlock] | type[Bottleneck],
    in_channels: int,
    channels: int,
    blocks: int,
    stride: int,
) -> nn.ModuleList:
    layers = nn.ModuleList([block(in_channels, channels, stride)])
    layers.extend(block(channels * block.expansion, channels, 1) for _ in range(blocks - 1))
    return layers


class ResNet(Encoder):
    """ResNet-18, -34 or -50 over the maps of a front-end.

    Parameters
    ----------
    in_channels : int
        Channels of the maps: a front-end's `out_channels`, or 1 for a bare spectrogram.
    depth : {18, 34, 50}
        The paper's is 18.
    width : float
        Factor on the channels of every stage.
    stem_stride : {1, 2}
        Stride of the 7x7 stem in both axes; 2 is the paper's.
    mel_positions : int
        How many parts of the mel axis an embedding keeps apart: 1, the paper's, averages all bands,
        2 averages the lower half and the upper half.
    pretrained : str or Path, optional
        The state dict of torchvision's ResNet of the same depth: a file, a URL or
        `hf://owner/repo/file`. Its three input channels are averaged and repeated, its classifier
        is left out.
    sha256 : str, optional
        That file's SHA-256, or the first 8 or more digits of it (torchvision's file names end in
        8: `resnet18-f37072fd.pth`).

    Raises
    ------
    ValueError
        If `depth` or `stem_stride` is not one of those, or `mel_positions` is below 1 or more than
        are left of the bands.
    InputError
        If the file of weights is missing, unreadable, another one or of another architecture.

    Examples
    --------
    >>> encoder = ResNet(in_channels=16, width=0.25)
    >>> encoder(torch.zeros(2, 16, 435, 64)).shape
    torch.Size([2, 14, 128])
    >>> encoder.embedding_size, encoder.time_stride
    (128, 32)
    """

    def __init__(
        self,
        in_channels: int = 1,
        depth: int = 18,
        width: float = 1.0,
        stem_stride: int = 2,
        mel_positions: int = 1,
        pretrained: str | Path | None = None,
        sha256: str | None = None,
    ) -> None:
        super().__init__()
        if depth not in BLOCKS_PER_STAGE:
            raise ValueError(f"depth must be one of {sorted(BLOCKS_PER_STAGE)}, got {depth}")
        if stem_stride not in {1, 2}:
            raise ValueError(f"stem_stride must be 1 or 2, got {stem_stride}")
        if mel_positions < 1:
            raise ValueError(f"mel_positions must be at least 1, got {mel_positions}")
        block = Bottleneck if depth == 50 else BasicBlock
        blocks = BLOCKS_PER_STAGE[depth]
        sizes = [max(1, round(width * channels)) for channels in STAGE_CHANNELS]
        self.conv1 = nn.Conv2d(in_channels, sizes[0], 7, stem_stride, padding=3, bias=False)
        self.bn1 = MaskedBatchNorm2d(sizes[0])
        self.maxpool = _MaxPool(3, 2, padding=1)
        self.layer1 = _stage(block, sizes[0], sizes[0], blocks[0], stride=1)
        self.layer2 = _stage(block, sizes[0] * block.expansion, sizes[1], blocks[1], stride=2)
        self.layer3 = _stage(block, sizes[1] * block.expansion, sizes[2], blocks[2], stride=2)
        self.layer4 = _stage(block, sizes[2] * block.expansion, sizes[3], blocks[3], stride=2)
        self.kernels = [Kernel(7, stem_stride), Kernel(3, 2)]
        for count, stride in zip(blocks, (1, 2, 2, 2), strict=True):
            self.kernels += block.kernels(stride) + block.kernels(1) * (count - 1)
        self.mel_positions = mel_positions
        self.embedding_size = sizes[3] * block.expansion * mel_positions
        self.time_stride = stem_stride * 16
        _initialize(self)
        if pretrained is not None:
            state = read_state_dict(fetch_weights(pretrained, sha256))
            self.load_torchvision(state, source=str(pretrained))

    def forward(self, maps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode the maps of a front-end.

        Parameters
        ----------
        maps : Tensor
            `(batch, in_channels, frame, mel)`.
        lengths : Tensor, optional
            `(batch,)`, fractions of the frames.

        Returns
        -------
        Tensor
            `(batch, step, embedding_size)`; one step per `time_stride` frames, the last one
            begun counting as one.
        """
        check_batch(maps, "maps (batch, channel, frame, mel)", lengths)
        mask = frame_mask(lengths, maps.shape[2])
        maps = self.conv1(mask_frames(maps, mask))
        mask = stride_mask(mask, self.conv1.stride[0])
        maps = self.maxpool(mask_frames(torch.relu(self.bn1(maps, mask)), mask))
        mask = stride_mask(mask, 2)
        maps = mask_frames(maps, mask)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in stage:
                maps, mask = block(maps, mask)
        if maps.shape[3] < self.mel_positions:
            raise ValueError(f"{maps.shape[3]} mel positions are left, fewer than mel_positions")
        parts = [part.mean(dim=3) for part in maps.tensor_split(self.mel_positions, dim=3)]
        return torch.cat(parts, dim=1).transpose(1, 2)  # (batch, step, part * channel)

    def stages(self) -> list[nn.Module]:
        """Return the stem and the four stages."""
        stem = nn.ModuleList([self.conv1, self.bn1])
        return [stem, self.layer1, self.layer2, self.layer3, self.layer4]

    def load_torchvision(self, state: Mapping[str, Tensor], source: str = "state dict") -> None:
        """Load the weights of torchvision's ResNet of the same depth.

        The stem's weights for red, green and blue are averaged, repeated for every input channel
        and scaled so that equal inputs give the same sum. The classifier `fc` is left out.

        Parameters
        ----------
        state : mapping of str to Tensor
            torchvision's state dict.
        source : str
            What an error calls it.

        Raises
        ------
        InputError
            If a tensor is missing, has another shape or has no place here.
        """
        state = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
        stem = state.get("conv1.weight")
        if stem is not None and stem.ndim == 4:
            repeats = self.conv1.in_channels
            mean = stem.mean(dim=1, keepdim=True)
            state["conv1.weight"] = mean.repeat(1, repeats, 1, 1) * (stem.shape[1] / repeats)
        expected = "the weights of torchvision's ResNet of the same depth and width 1"
        load_weights(self, state, source, expected)


def _initialize(model: nn.Module) -> None:
    """He initialization for convolutions that ReLUs follow."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
