"""The interfaces of a tagger's components, and what they return."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aed_plugins.core import FloatArray
from aed_plugins.models.lengths import Count, check_batch


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


class Float32Buffers(nn.Module):
    """A module whose own buffers stay in float32 when it is cast to another type.

    Attributes
    ----------
    dtype : torch.dtype
        The type that it was cast to, as parameters would be.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dtype = torch.float32

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        kept = dict(self._buffers)
        super()._apply(fn, recurse)
        self.dtype = fn(torch.zeros(1, dtype=self.dtype)).dtype
        for name, buffer in kept.items():
            moved = self._buffers[name]
            if buffer is not None and moved is not None and moved.dtype != buffer.dtype:
                self._buffers[name] = buffer.to(moved.device)
        return self


class Features(Float32Buffers):
    """Maps `waveform (batch, sample)` and lengths to `log_mel (batch, frame, mel)`.

    The frames are computed in float32 and returned in the type that the module was cast to.

    Attributes
    ----------
    sample_rate : int
        Hertz.
    n_mels : int
        Number of mel bands.
    window_samples, hop_samples : int
        The samples of a frame's window, and from one frame to the next.
    first_center : float
        Seconds; the middle of frame 0.
    """

    sample_rate: int
    n_mels: int
    window_samples: int
    hop_samples: int
    first_center: float = 0.0

    @property
    def hop_length(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop_samples / self.sample_rate

    def frame_count(self, samples: Count) -> Count:
        """Count the frames of waveforms of these lengths: at least one.

        Parameters
        ----------
        samples : int or Tensor
            A length in samples, or integers of any shape.
        """
        raise NotImplementedError

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute log-mel frames.

        Parameters
        ----------
        waveform : Tensor
            `(batch, sample)`, float, in [-1, 1], zeros after each clip's end.
        lengths : Tensor, optional
            `(batch,)`, fractions of the samples; `None` where every clip fills the batch.

        Returns
        -------
        Tensor
            `(batch, frame, mel)`, as many frames as `frame_count` gives.

        Raises
        ------
        ValueError
            If a shape is another, the batch is empty, or the numbers are no floats.
        """
        check_batch(waveform, "waveform (batch, sample)", lengths)
        return self.log_mel(waveform.float(), lengths).to(self.dtype)

    def log_mel(self, waveform: Tensor, lengths: Tensor | None) -> Tensor:
        """Compute log-mel frames of float32 samples: see `forward`."""
        raise NotImplementedError


class FrontEnd(nn.Module):
    """Maps `(batch, 1, frame, mel)` and lengths to `(batch, out_channels, frame, mel)`.

    The maps of an item, before its end, do not depend on what comes after it.

    Attributes
    ----------
    out_channels : int
        Channels of the maps.
    kernels : list of Kernel
        The path with the widest receptive field.
    """

    out_channels: int
    kernels: list[Kernel]


def run_front_end(front_end: nn.Module, log_mel: Tensor, lengths: Tensor | None) -> Tensor:
    """Run a front-end, or a module that knows no lengths, such as `nn.Identity`, in its place.

    Parameters
    ----------
    front_end : nn.Module
        Gets the lengths if it is a `FrontEnd`.
    log_mel : Tensor
        `(batch, frame, mel)`, zeros after each clip's end.
    lengths : Tensor or None
        `(batch,)`, fractions of the frames.

    Returns
    -------
    Tensor
        `(batch, channel, frame, mel)`.
    """
    maps = log_mel.unsqueeze(1)
    return front_end(maps, lengths) if isinstance(front_end, FrontEnd) else front_end(maps)


class Encoder(nn.Module):
    """Maps `(batch, channel, frame, mel)` and lengths to `(batch, step, embedding_size)`.

    The embeddings of an item do not depend on what comes after its end.

    Attributes
    ----------
    embedding_size : int
        Size of an embedding.
    time_stride : int
        Frames per step.
    first_center : float
        Frames; the middle of step 0.
    kernels : list of Kernel
        The path with the widest receptive field, up to the maps whose mel bands are joined.
    """

    embedding_size: int
    time_stride: int
    first_center: float = 0.0
    kernels: list[Kernel]

    def step_count(self, frames: Count) -> Count:
        """Count the steps of items of these lengths: one per `time_stride` frames begun.

        Parameters
        ----------
        frames : int or Tensor
            A length in frames, or integers of any shape.
        """
        return (frames + self.time_stride - 1) // self.time_stride

    def stages(self) -> list[nn.Module]:
        """Return the parts that have parameters, from the input to the output."""
        return [part for part in self.children() if any(True for _ in part.parameters())]


class HeadOutput(NamedTuple):
    """What a head returns; no sigmoid or softmax has been applied.

    Attributes
    ----------
    step_logits : Tensor
        `(batch, step, class)`.
    clip_logits : Tensor
        `(batch, class)`.
    """

    step_logits: Tensor
    clip_logits: Tensor


class Head(nn.Module):
    """Maps embeddings `(batch, step, embedding)` and lengths to a `HeadOutput`.

    The logits of an item do not depend on what comes after its end.
    """


class FittedHead(Head):
    """A head that is fitted to all steps at once, where others are trained batch by batch."""

    def fit(self, steps: FloatArray, targets: FloatArray, weights: FloatArray, seed: int) -> None:
        """Fit the head to steps.

        Parameters
        ----------
        steps : ndarray
            `(step, embedding)`.
        targets : ndarray
            `(step, class)`, from 0 to 1.
        weights : ndarray
            `(step,)`, how much each step counts; their scale does not matter.
        seed : int
            Seed of the random numbers.
        """
        raise NotImplementedError


class TaggerOutput(NamedTuple):
    """What a tagger returns; no sigmoid or softmax has been applied.

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


class Probabilities(NamedTuple):
    """What a tagger returns, after the one sigmoid or softmax.

    Attributes
    ----------
    embeddings : Tensor
        `(batch, step, embedding)`.
    step : Tensor
        `(batch, step, class)`.
    clip : Tensor
        `(batch, class)`.
    """

    embeddings: Tensor
    step: Tensor
    clip: Tensor
