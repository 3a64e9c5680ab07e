"""An encoder in the place where SpeechBrain's recipes expect their own.

SpeechBrain's classification recipes and its `EncoderClassifier` call
`embedding_model(feats, wav_lens)` with features of any kind and want one embedding per item.
"""

from torch import Tensor, nn

from aed_plugins.models.base import Encoder, run_front_end
from aed_plugins.models.lengths import absolute_lengths, check_batch, valid_mask, valid_mean


class EmbeddingModel(nn.Module):
    """Front-end, encoder and a mean over time, called as `speechbrain.lobes.models.ECAPA_TDNN`.

    Parameters
    ----------
    encoder : Encoder
        Maps to embeddings; its `in_channels` are the front-end's `out_channels`, 1 without one.
    front_end : nn.Module, optional
        `(batch, 1, frame, mel)` to `(batch, channel, frame, mel)`.

    Examples
    --------
    >>> import torch
    >>> from aed_plugins.models import ResNet
    >>> model = EmbeddingModel(ResNet(width=0.25))
    >>> model(torch.zeros(2, 200, 80), torch.tensor([1.0, 0.5])).shape
    torch.Size([2, 1, 128])
    """

    def __init__(self, encoder: Encoder, front_end: nn.Module | None = None) -> None:
        super().__init__()
        self.front_end = nn.Identity() if front_end is None else front_end
        self.encoder = encoder

    @property
    def embedding_size(self) -> int:
        """Size of an embedding: what a classifier takes."""
        return self.encoder.embedding_size

    def forward(self, feats: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embed a batch; an item's embedding does not depend on what stands behind its end.

        Parameters
        ----------
        feats : Tensor
            `(batch, frame, mel)`.
        lengths : Tensor, optional
            `(batch,)`, fractions of the frames.

        Returns
        -------
        Tensor
            `(batch, 1, embedding_size)`, the mean over each item's own steps.

        Raises
        ------
        ValueError
            If a shape is another, the batch is empty, or the numbers are no floats.
        """
        check_batch(feats, "feats (batch, frame, mel)", lengths)
        frames = feats.shape[1]
        if lengths is None:
            maps = run_front_end(self.front_end, feats, None)
            return self.encoder(maps).mean(dim=1, keepdim=True)
        feats = feats.masked_fill(~valid_mask(lengths, frames).unsqueeze(2), 0.0)
        maps = run_front_end(self.front_end, feats, lengths)
        embeddings = self.encoder(maps, lengths)
        steps = self.encoder.step_count(absolute_lengths(lengths, frames))
        return valid_mean(embeddings, steps / embeddings.shape[1]).unsqueeze(1)
