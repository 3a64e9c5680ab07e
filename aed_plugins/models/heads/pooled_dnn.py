"""A DNN head that pools embeddings before it classifies: EfficientAT's head, and of general use.

`DNNHead` classifies every step and pools the logits. Networks that end in a mean over time, as
most image classifiers do, were trained the other way round, and their classifiers answer rightly
only to the mean of a clip.

Source: Schmid, Koutini, Widmer, "Efficient Large-Scale Audio Tagging via Transformer-to-CNN
Knowledge Distillation" (ICASSP 2023), after MobileNetV3: mean over time, fully connected layer,
Hardswish, dropout, fully connected layer. Deviation: the same layers are applied to every step's
embedding too, which gives the steps' logits; they were not trained for so short a view.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from aed_plugins.core import InputError
from aed_plugins.labels import audioset_labels
from aed_plugins.models.base import Head, HeadOutput
from aed_plugins.models.downloads import fetch_weights
from aed_plugins.models.lengths import check_batch, valid_mean
from aed_plugins.models.weights import load_weights, read_state_dict

# Own names of the published layers.
CLASSIFIER = "classifier.5"
PUBLISHED_NAMES = {"classifier.2": "hidden", CLASSIFIER: "classifier"}


class PooledDNNHead(Head):
    """Mean of a clip's embeddings, hidden layer with Hardswish, dropout, linear classifier.

    Parameters
    ----------
    embedding_size : int
        Size of an embedding: the encoder's `embedding_size`.
    num_classes : int
        Number of labels; EfficientAT's weights are for AudioSet's 527.
    hidden : int
        Size of the hidden layer; EfficientAT's is 1280 times the width, in multiples of 8: 128,
        256, 512, 640, 1280, 2560, 3840 and 5120 for `MobileNet` of width 0.1, 0.2, 0.4, 0.5, 1,
        2, 3 and 4.
    dropout : float
        Probability, before the classifier.
    pretrained : str or Path, optional
        A file that EfficientAT has published (a path, a URL or `hf://owner/repo/file`), the same
        as the encoder's, whose network it leaves out.
    sha256 : str, optional
        Checksum that the file must have.
    new_classifier : bool
        Whether to take the published hidden layer alone, for other labels.
    audioset_names : sequence of (str or None)
        What AudioSet calls each of the other labels, in the order of their indices: the rows of the
        new classifier begin as the published rows of these names, and at random where there is
        none.

    Raises
    ------
    InputError
        If the file of weights is missing, unreadable, or for other labels or sizes.
    ValueError
        If a name is not AudioSet's, or there are other than `num_classes` or none.

    Examples
    --------
    >>> import torch
    >>> head = PooledDNNHead(embedding_size=384, hidden=512)
    >>> step_logits, clip_logits = head(torch.zeros(2, 13, 384), torch.tensor([1.0, 0.5]))
    >>> step_logits.shape, clip_logits.shape
    (torch.Size([2, 13, 527]), torch.Size([2, 527]))
    """

    def __init__(
        self,
        embedding_size: int,
        num_classes: int = 527,
        hidden: int = 1280,
        dropout: float = 0.2,
        pretrained: str | Path | None = None,
        sha256: str | None = None,
        new_classifier: bool = False,
        *,
        audioset_names: Sequence[str | None] = (),
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(embedding_size, hidden)
        self.activation = nn.Hardswish()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden, num_classes)
        for layer in (self.hidden, self.classifier):  # as published
            nn.init.normal_(layer.weight, 0.0, 0.01)
            nn.init.zeros_(layer.bias)
        if pretrained is not None:
            state = dict(read_state_dict(fetch_weights(pretrained, sha256)))
            if new_classifier:
                rows = _rows(audioset_names, num_classes)
                for kind, own in self.classifier.state_dict().items():
                    published = state.get(f"{CLASSIFIER}.{kind}")
                    if rows:
                        if published is None or len(published) != len(audioset_labels()):
                            raise InputError(
                                f"{pretrained}: audioset_names needs the classifier of AudioSet's"
                                " 527 labels in it, found none"
                            )
                        own[list(rows)] = published[list(rows.values())]
                    state[f"{CLASSIFIER}.{kind}"] = own
            self.load_published(state, source=str(pretrained))

    def forward(self, embeddings: Tensor, lengths: Tensor | None = None) -> HeadOutput:
        """Classify the clip by the mean of its steps, and every step by itself.

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
        clip = valid_mean(embeddings, lengths)
        return HeadOutput(self._classify(embeddings), self._classify(clip))

    def _classify(self, embeddings: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.activation(self.hidden(embeddings))))

    def load_published(self, state: Mapping[str, Tensor], source: str = "state dict") -> None:
        """Load the classifier of a network that EfficientAT has published.

        Parameters
        ----------
        state : mapping of str to Tensor
            The published state dict.
        source : str
            What an error calls it.

        Raises
        ------
        InputError
            If it is for another number of labels, or a tensor is missing or has another shape.
        """
        own = {}
        for name, tensor in state.items():
            layer, _, kind = name.rpartition(".")
            if not name.startswith("features."):
                own[f"{PUBLISHED_NAMES.get(layer, layer)}.{kind}"] = tensor
        classes, expected = self.classifier.out_features, own.get("classifier.bias")
        if expected is not None and len(expected) != classes:
            raise InputError(
                f"{source}: its classifier is for {len(expected)} labels, expected {classes}: give"
                f" new_classifier to train one for {classes}"
            )
        sizes = f"{self.hidden.in_features} -> {self.hidden.out_features} -> {classes}"
        load_weights(self, own, source, f"EfficientAT's classifier of sizes {sizes}")


def _rows(audioset_names: Sequence[str | None], num_classes: int) -> dict[int, int]:
    """Find which row of AudioSet's classifier each label has, if any."""
    if len(audioset_names) not in {0, num_classes}:
        raise ValueError(
            f"audioset_names: expected one for each of {num_classes} labels, got"
            f" {len(audioset_names)}"
        )
    published = {name: row for row, name in enumerate(audioset_labels())}
    named = {row: name for row, name in enumerate(audioset_names) if name is not None}
    for name in named.values():
        if name not in published:
            raise ValueError(f"audioset_names: {name!r} is none of AudioSet's 527 labels")
    return {row: published[name] for row, name in named.items()}
