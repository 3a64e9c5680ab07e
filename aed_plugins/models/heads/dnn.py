"""The paper's DNN head: fully connected layers over every step, then a pooling over time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aed_plugins.models.base import Head, HeadOutput
from aed_plugins.models.heads.pooling import make_pooling
from aed_plugins.models.lengths import check_batch, valid_mask


class DNNHead(Head):
    """Fully connected layers with ReLU and dropout, a linear classifier, and a pooling over time.

    Parameters
    ----------
    embedding_size : int
        Size of an embedding: the encoder's `embedding_size`.
    num_classes : int
        Number of labels.
    hidden : sequence of int
        Sizes of the hidden layers; none for a linear classifier.
    dropout : float
        Probability, before every layer.
    pooling : {"mean", "max", "attention", "linear_softmax"}
        How the steps' logits become the clip's.
    multi_label : bool
        Whether a clip may have several labels; only `linear_softmax` needs to know.

    Raises
    ------
    ValueError
        If `pooling` is another word.

    Examples
    --------
    >>> head = DNNHead(embedding_size=512, num_classes=10, hidden=[128])
    >>> step_logits, clip_logits = head(torch.zeros(2, 14, 512), torch.tensor([1.0, 0.5]))
    >>> step_logits.shape, clip_logits.shape
    (torch.Size([2, 14, 10]), torch.Size([2, 10]))
    """

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        hidden: Sequence[int] = (),
        dropout: float = 0.0,
        pooling: str = "mean",
        multi_label: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        size = embedding_size
        for hidden_size in hidden:
            layers += [nn.Dropout(dropout), nn.Linear(size, hidden_size), nn.ReLU()]
            size = hidden_size
        self.hidden = nn.Sequential(*layers, nn.Dropout(dropout))
        self.classifier = nn.Linear(size, num_classes)
        self.pooling = make_pooling(pooling, size, num_classes, multi_label)

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> HeadOutput:
        """Classify every step, then the clip.

        Parameters
        ----------
        embeddings : Tensor
            `(batch, step, embedding)`.
        lengths : Tensor, optional
            `(batch,)`, fractions of the steps.

        Returns
        -------
        HeadOutput
            `step_logits (batch, step, class)` and `clip_logits (batch, class)`.
        """
        check_batch(embeddings, "embeddings (batch, step, embedding)", lengths)
        hidden = self.hidden(embeddings)
        step_logits = self.classifier(hidden)
        if lengths is None:
            lengths = torch.ones(embeddings.shape[0], device=embeddings.device)
        mask = valid_mask(lengths, embeddings.shape[1]).unsqueeze(2)
        return HeadOutput(step_logits, self.pooling(hidden, step_logits, mask))
