"""The only forward of the project: from a waveform to logits."""

import torch
from torch import Tensor, nn

from aed_plugins.features import LogMel, Standardization
from aed_plugins.interfaces import Encoder, TaggerOutput
from aed_plugins.lengths import absolute_lengths, valid_mask


class AudioTagger(nn.Module):
    """Runs features, front-end, encoder and head in order, in training as in inference.

    Parameters
    ----------
    features : LogMel
        Waveform to `log_mel (batch, frame, mel)`.
    standardization : Standardization
        Statistics of the training set.
    front_end : nn.Module
        `(batch, 1, frame, mel)` to `(batch, channel, frame, mel)`; `nn.Identity` for none.
    encoder : Encoder
        Maps to `embeddings (batch, step, embedding)`.
    head : nn.Module
        Embeddings to `step_logits` and `clip_logits`.

    Examples
    --------
    >>> from aed_plugins.encoders import ResNet
    >>> from aed_plugins.heads import DNNHead
    >>> tagger = AudioTagger(
    ...     LogMel(), Standardization(64), nn.Identity(), ResNet(width=0.25), DNNHead(128, 10)
    ... )
    >>> output = tagger(torch.zeros(2, 160000))
    >>> output.step_logits.shape, output.clip_logits.shape
    (torch.Size([2, 14, 10]), torch.Size([2, 10]))
    >>> tagger.step_length
    0.736
    """

    def __init__(
        self,
        features: LogMel,
        standardization: Standardization,
        front_end: nn.Module,
        encoder: Encoder,
        head: nn.Module,
    ) -> None:
        super().__init__()
        self.features = features
        self.standardization = standardization
        self.front_end = front_end
        self.encoder = encoder
        self.head = head

    @property
    def step_length(self) -> float:
        """Seconds from one step to the next."""
        return self.features.hop_length * self.encoder.time_stride

    def frame_lengths(self, lengths: Tensor, samples: int) -> Tensor:
        """Turn fractions of the samples into fractions of the frames.

        Parameters
        ----------
        lengths : Tensor
            `(batch,)`, fractions of `samples`.
        samples : int
            Samples of the padded batch.

        Returns
        -------
        Tensor
            `(batch,)`, fractions of the frames of the padded batch.
        """
        frames = self.features.frame_count(absolute_lengths(lengths, samples))
        return frames / self.features.frame_count(torch.tensor(samples))

    def step_lengths(self, frame_lengths: Tensor, frames: int) -> Tensor:
        """Turn fractions of the frames into fractions of the steps.

        Parameters
        ----------
        frame_lengths : Tensor
            `(batch,)`, fractions of `frames`.
        frames : int
            Frames of the padded batch.

        Returns
        -------
        Tensor
            `(batch,)`, fractions of the steps of the padded batch.
        """
        stride = self.encoder.time_stride
        steps = (absolute_lengths(frame_lengths, frames) + stride - 1) // stride
        return steps / ((frames + stride - 1) // stride)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> TaggerOutput:
        """Tag a batch of waveforms.

        Parameters
        ----------
        waveform : Tensor
            `(batch, sample)`, float, in [-1, 1], mono, at the features' sample rate, zeros behind
            each clip's end.
        lengths : Tensor, optional
            `(batch,)`, fractions of the samples; `None` where every clip fills the batch.

        Returns
        -------
        TaggerOutput
            `embeddings (batch, step, embedding)`, `step_logits (batch, step, class)` and
            `clip_logits (batch, class)`. No sigmoid or softmax has been applied.
        """
        log_mel = self.standardization(self.features(waveform))
        frame_lengths, step_lengths = None, None
        if lengths is not None:
            frame_lengths = self.frame_lengths(lengths, waveform.shape[1])
            step_lengths = self.step_lengths(frame_lengths, log_mel.shape[1])
            padding = ~valid_mask(frame_lengths, log_mel.shape[1])
            log_mel = log_mel.masked_fill(padding.unsqueeze(2), 0.0)
        maps = self.front_end(log_mel.unsqueeze(1))  # (batch, channel, frame, mel)
        embeddings = self.encoder(maps, frame_lengths)
        step_logits, clip_logits = self.head(embeddings, step_lengths)
        return TaggerOutput(embeddings, step_logits, clip_logits)
