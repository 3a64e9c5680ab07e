"""Spectrograms cut into patches of 96 frames, one embedding each, as the VGG family sees them.

Source: tensorflow/models, research/audioset/vggish, vggish_input.py: patches of 96 frames side by
side, and the partial one at the end is dropped, be it the only one.

Deviations: `last_patch="pad"` completes the last patch with silence, so that every frame counts;
`"drop"` does what Google's code does, but completes a clip shorter than a patch to one.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aed_plugins.models.base import Encoder, Kernel
from aed_plugins.models.lengths import Count, at_least, check_batch, valid_mask

PATCH_FRAMES = 96
PATCH_MELS = 64
SILENCE = math.log(0.01)  # a frame of `VGGishLogMel` in which nothing sounds
EMBEDDING_SIZE = 128
HIDDEN_UNITS = 4096
LAST_PATCH = ("pad", "drop")
# Patches that go through the convolutions at a time on a CPU: the maps of a whole batch would fill
# gigabytes. The dense layers take all at once, since reading their weights is most of their time.
CPU_BLOCK_PATCHES = 32


def patch_count(frames: Count, last_patch: str = "pad") -> Count:
    """Count the patches of items of these lengths.

    Parameters
    ----------
    frames : int or Tensor
        A length in frames, or integers of any shape, at least 1.
    last_patch : {"pad", "drop"}
        What becomes of the last patch where an item ends inside it.

    Examples
    --------
    >>> frames = torch.tensor([1, 95, 96, 97, 191, 192])
    >>> patch_count(frames)
    tensor([1, 1, 1, 2, 2, 2])
    >>> patch_count(frames, "drop")
    tensor([1, 1, 1, 1, 1, 2])
    """
    if last_patch == "pad":
        return (frames + PATCH_FRAMES - 1) // PATCH_FRAMES
    return at_least(frames // PATCH_FRAMES, 1)


def cut_patches(
    maps: Tensor,
    lengths: Tensor | None = None,
    last_patch: str = "pad",
    silence: float = SILENCE,
) -> Tensor:
    """Cut maps into patches; silence stands behind each item's end.

    Parameters
    ----------
    maps : Tensor
        `(batch, channel, frame, mel)`.
    lengths : Tensor, optional
        `(batch,)`, fractions of the frames; what stands behind them is replaced by silence.
    last_patch : {"pad", "drop"}
        Whether the last patch, where the batch ends inside it, is completed with silence or left
        out. A batch shorter than a patch is completed either way.
    silence : float
        The value of the maps where nothing sounds.

    Returns
    -------
    Tensor
        `(batch, patch, channel, 96, mel)`.

    Examples
    --------
    >>> cut_patches(torch.zeros(2, 1, 100, 64)).shape
    torch.Size([2, 2, 1, 96, 64])
    >>> cut_patches(torch.zeros(2, 1, 100, 64), last_patch="drop").shape
    torch.Size([2, 1, 1, 96, 64])
    """
    frames = maps.shape[2]
    if lengths is not None:
        behind = ~valid_mask(lengths, frames)
        maps = maps.masked_fill(behind[:, None, :, None], silence)
    # As `patch_count`, of an integer that may be a symbol in an exported graph.
    rounding = PATCH_FRAMES - 1 if last_patch == "pad" else 0
    patches = max(1, (frames + rounding) // PATCH_FRAMES)
    # A negative padding cuts off what is dropped.
    missing = patches * PATCH_FRAMES - frames
    maps = nn.functional.pad(maps, (0, 0, 0, missing), value=silence)
    maps = maps.unflatten(2, (patches, PATCH_FRAMES))  # (batch, channel, patch, 96, mel)
    return maps.transpose(1, 2)


class PatchEncoder(Encoder):
    """A VGG network over patches of 96 x 64: groups of 3x3 convolutions, three dense layers.

    Every convolution is followed by a ReLU, every group by 2x2 max pooling; the last maps are put
    in (frame, mel, channel) order and joined for the dense layers.

    Parameters
    ----------
    groups : sequence of sequences of int
        Channels of the convolutions of each group.
    in_channels : int
        Channels of the maps: a front-end's `out_channels`, or 1 for a bare spectrogram.
    width : float
        Factor on the channels and the hidden dense layers; an embedding keeps its 128 numbers.
    activation : {"none", "relu"}
        What ends the network.
    last_patch : {"pad", "drop"}
        What becomes of the last patch where an item ends inside it: see `cut_patches`.
    silence : float
        The value of the maps where nothing sounds: ln 0.01 for `VGGishLogMel`.

    Raises
    ------
    ValueError
        If `activation` or `last_patch` is not one of those.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        in_channels: int = 1,
        width: float = 1.0,
        *,
        activation: str = "none",
        last_patch: str = "pad",
        silence: float = SILENCE,
    ) -> None:
        super().__init__()
        if activation not in {"none", "relu"}:
            raise ValueError(f"activation must be 'none' or 'relu', got {activation!r}")
        if last_patch not in LAST_PATCH:
            raise ValueError(f"last_patch must be 'pad' or 'drop', got {last_patch!r}")
        self.in_channels = in_channels
        self.last_patch = last_patch
        self.silence = silence
        self.block_patches = CPU_BLOCK_PATCHES
        self.embedding_size = EMBEDDING_SIZE
        self.time_stride = PATCH_FRAMES
        self.first_center = (PATCH_FRAMES - 1) / 2
        # An embedding sees its own patch and nothing else.
        self.kernels = [Kernel(PATCH_FRAMES, PATCH_FRAMES)]
        layers: list[nn.Module] = []
        self._group_ends = []
        channels = in_channels
        for group in groups:
            for out_channels in (max(1, round(width * size)) for size in group):
                layers += [nn.Conv2d(channels, out_channels, 3, padding=1), nn.ReLU(inplace=True)]
                channels = out_channels
            layers.append(nn.MaxPool2d(2))
            self._group_ends.append(len(layers))
        # Joining the last maps is free where the channels lie innermost.
        self.features = nn.Sequential(*layers)
        self.features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        size = channels * (PATCH_FRAMES >> len(groups)) * (PATCH_MELS >> len(groups))
        hidden = max(1, round(width * HIDDEN_UNITS))
        self.embeddings = nn.Sequential(
            nn.Linear(size, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, EMBEDDING_SIZE),
            nn.Identity() if activation == "none" else nn.ReLU(),
        )
        _initialize(self)

    def step_count(self, frames: Count) -> Count:
        """Count the steps of items of these lengths: one per patch.

        Parameters
        ----------
        frames : int or Tensor
            A length in frames, or integers of any shape.
        """
        return patch_count(frames, self.last_patch)

    def stages(self) -> list[nn.Module]:
        """Return the groups of convolutions and the dense layers, from the input to the output."""
        starts = [0, *self._group_ends]
        groups = [
            self.features[start:end] for start, end in zip(starts, self._group_ends, strict=False)
        ]
        return [*groups, *(layer for layer in self.embeddings if isinstance(layer, nn.Linear))]

    def forward(self, maps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode maps patch by patch.

        Parameters
        ----------
        maps : Tensor
            `(batch, in_channels, frame, 64)`.
        lengths : Tensor, optional
            `(batch,)`, fractions of the frames.

        Returns
        -------
        Tensor
            `(batch, step, 128)`; step k covers the frames from 96 k to 96 k + 95.

        Raises
        ------
        ValueError
            If the maps have another number of channels or mel bands.
        """
        check_batch(maps, "maps (batch, channel, frame, mel)", lengths)
        if maps.shape[1] != self.in_channels or maps.shape[3] != PATCH_MELS:
            raise ValueError(
                f"expected maps of {self.in_channels} channels and {PATCH_MELS} mel bands,"
                f" got {maps.shape[1]} and {maps.shape[3]}"
            )
        patches = cut_patches(maps, lengths, self.last_patch, self.silence)
        batch = patches.shape[:2]
        patches = patches.flatten(0, 1)  # (batch * patch, channel, 96, mel)
        if patches.device.type != "cpu" or torch.compiler.is_compiling():
            maps = self.features(patches)
        else:
            maps = torch.cat([self.features(block) for block in patches.split(self.block_patches)])
        # (patch, channel, frame, mel) -> (patch, frame, mel, channel)
        embeddings = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
        return embeddings.unflatten(0, batch)


def _initialize(model: nn.Module) -> None:
    """He initialization, as nothing but ReLUs keeps the activations' size; biases are zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
