"""The paper's recurrent head: a GRU or LSTM over the steps, a linear classifier, a pooling.

SpeechBrain's `nnet.RNN` is not used: it cuts the product of relative length and size off where the
rest of SpeechBrain rounds it, which takes a step from about every twentieth length (it may leave
none, an error), and it shortens its output to the longest item.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from aed_plugins.models.base import Head, HeadOutput
from aed_plugins.models.heads.onnx_recurrence import exported_recurrence
from aed_plugins.models.heads.pooling import make_pooling
from aed_plugins.models.lengths import absolute_lengths, check_batch, valid_mask

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class RNNHead(Head):
    """Recurrent layers over the steps, a linear classifier per step, and a pooling over time.

    The backward direction of an item begins at its own last step, so that a padded item gives what
    it gives alone.

    Parameters
    ----------
    embedding_size : int
        Size of an embedding: the encoder's `embedding_size`.
    num_classes : int
        Number of labels.
    cell : {"gru", "lstm"}
        Kind of the recurrent layers.
    hidden_size : int
        Units of a layer in each direction.
    layers : int
        Number of recurrent layers.
    bidirectional : bool
        Whether a step also depends on those after it.
    dropout : float
        Probability, before every layer and the classifier.
    pooling : {"mean", "max", "attention", "linear_softmax"}
        How the steps' logits become the clip's.
    multi_label : bool
        Whether a clip may have several labels; only `linear_softmax` needs to know.

    Raises
    ------
    ValueError
        If `cell` or `pooling` is another word, or `layers` or `hidden_size` is below 1.

    Examples
    --------
    >>> head = RNNHead(embedding_size=512, num_classes=10, cell="lstm", hidden_size=64)
    >>> step_logits, clip_logits = head(torch.zeros(2, 14, 512), torch.tensor([1.0, 0.5]))
    >>> step_logits.shape, clip_logits.shape
    (torch.Size([2, 14, 10]), torch.Size([2, 10]))
    """

    def __init__(
        self,
        embedding_size: int,
        num_classes: int,
        cell: str = "gru",
        hidden_size: int = 128,
        layers: int = 1,
        *,
        bidirectional: bool = True,
        dropout: float = 0.0,
        pooling: str = "mean",
        multi_label: bool = False,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {cell!r}")
        if layers < 1 or hidden_size < 1:
            raise ValueError(
                f"layers and hidden_size must be at least 1, got {layers} and {hidden_size}"
            )
        self.dropout = nn.Dropout(dropout)
        self.rnn = CELLS[cell](
            embedding_size,
            hidden_size,
            layers,
            batch_first=True,
            dropout=dropout if layers > 1 else 0.0,  # PyTorch applies it between layers only
            bidirectional=bidirectional,
        )
        size = hidden_size * (2 if bidirectional else 1)
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
        hidden = self.dropout(self._recur(self.dropout(embeddings), lengths))
        step_logits = self.classifier(hidden)
        if lengths is None:
            lengths = torch.ones(embeddings.shape[0], device=embeddings.device)
        mask = valid_mask(lengths, embeddings.shape[1]).unsqueeze(2)
        return HeadOutput(step_logits, self.pooling(hidden, step_logits, mask))

    def _recur(self, embeddings: Tensor, lengths: Tensor | None) -> Tensor:
        """Run the recurrent layers: `(batch, step, hidden)`, zeros behind each item's end."""
        if torch.compiler.is_exporting() and torch.onnx.is_in_onnx_export():
            return exported_recurrence(self.rnn, embeddings)
        if lengths is None:
            return self.rnn(embeddings)[0]
        steps = embeddings.shape[1]
        packed = pack_padded_sequence(
            embeddings,
            absolute_lengths(lengths, steps).cpu(),
            batch_first=True,
            enforce_sorted=False,
        )
        return pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=steps)[0]
