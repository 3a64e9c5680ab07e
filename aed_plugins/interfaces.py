"""What the stations of a tagger promise one another."""

from typing import NamedTuple

from torch import Tensor, nn


class Kernel(NamedTuple):
    """One layer of a convolutional path, the same along time and mel bands.

    Attributes
    ----------
    size, stride, dilation : int
        In positions of the layer's input.
    """

    size: int
    stride: int = 1
    dilation: int = 1


class FrontEnd(nn.Module):
    """Maps `(batch, 1, frame, mel)` to `(batch, out_channels, frame, mel)`.

    Attributes
    ----------
    out_channels : int
        Channels of the maps.
    kernels : list of Kernel
        The path with the widest receptive field.
    """

    out_channels: int
    kernels: list[Kernel]


class Encoder(nn.Module):
    """Maps `(batch, channel, frame, mel)` and lengths to `(batch, step, embedding_size)`.

    An item of `n` frames has `ceil(n / time_stride)` steps, and its embeddings do not depend on
    what stands behind its end.

    Attributes
    ----------
    embedding_size : int
        Size of an embedding.
    time_stride : int
        Frames per step.
    kernels : list of Kernel
        The path with the widest receptive field, up to the maps whose mel bands are joined.
    """

    embedding_size: int
    time_stride: int
    kernels: list[Kernel]


class HeadOutput(NamedTuple):
    """What a head gives; no sigmoid or softmax has been applied.

    Attributes
    ----------
    step_logits : Tensor
        `(batch, step, class)`.
    clip_logits : Tensor
        `(batch, class)`.
    """

    step_logits: Tensor
    clip_logits: Tensor


class TaggerOutput(NamedTuple):
    """What a tagger gives; no sigmoid or softmax has been applied.

    Attributes
    ----------
    embeddings : Tensor
        `(batch, step, embedding)`.
    step_logits : Tensor
        `(batch, step, class)`.
    clip_logits : Tensor
        `(batch, class)`.
    """

    embeddings: Tensor
    step_logits: Tensor
    clip_logits: Tensor
