"""Several taggers as one: the mean of their probabilities.

Source: Hansen, Salamon, "Neural Network Ensembles" (IEEE Transactions on Pattern Analysis and
Machine Intelligence, 1990); that probabilities are averaged, not logits, is as in Lakshminarayanan,
Pritzel, Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles"
(NeurIPS 2017), section 2.4.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  its usual name
from torch import Tensor, nn

from aed_plugins.core import Steps
from aed_plugins.models.base import TaggerOutput
from aed_plugins.models.tagger import AudioTagger


def mean_logits(logits: Sequence[Tensor], multi_label: bool) -> Tensor:
    """Compute logits whose probabilities are the mean of those of several logits.

    Parameters
    ----------
    logits : sequence of Tensor
        `(..., class)`, of one shape.
    multi_label : bool
        Whether several labels may hold at once (sigmoid) or exactly one does (softmax).

    Returns
    -------
    Tensor
        `(..., class)`.

    Examples
    --------
    Probabilities of 3/4 and 1/4 have a mean of 1/2; odds of 9 to 1 and 1 to 1 one of 7 to 3.

    >>> odds = torch.tensor([[3.0, 1 / 3], [1 / 3, 3.0]]).log()
    >>> mean_logits(list(odds), multi_label=True).sigmoid()
    tensor([0.5000, 0.5000])
    >>> odds = torch.tensor([[9.0, 1.0], [1.0, 1.0]]).log()
    >>> mean_logits(list(odds), multi_label=False).softmax(0)
    tensor([0.7000, 0.3000])
    """
    every = torch.stack(list(logits))
    if multi_label:
        # log p - log (1 - p) of the mean p, exact where p is near 0 or 1.
        return F.logsigmoid(every).logsumexp(0) - F.logsigmoid(-every).logsumexp(0)
    return every.log_softmax(dim=-1).logsumexp(0) - math.log(len(every))


class Ensemble(nn.Module):
    """Taggers that hear the same and are averaged: for use, not for training.

    Parameters
    ----------
    taggers : sequence of AudioTagger
        With the same classes in the same order. Features, front-ends, encoders and heads may
        differ, as long as the steps lie alike.
    multi_label : bool
        Whether several labels may hold at once.

    Attributes
    ----------
    steps : Steps
        Where the steps lie, in samples.
    embedding_size : int
        The sum of the taggers': their embeddings stand side by side.

    Raises
    ------
    ValueError
        If there is no tagger, or their steps differ.

    Examples
    --------
    >>> from aed_plugins.models import ResNet
    >>> from aed_plugins.models import LogMel
    >>> from aed_plugins.models import DNNHead
    >>> nothing = nn.Identity()
    >>> def tagger() -> AudioTagger:
    ...     return AudioTagger(LogMel(), nothing, nothing, ResNet(width=0.25), DNNHead(128, 10))
    >>> both = Ensemble([tagger(), tagger()], multi_label=False)
    >>> output = both(torch.zeros(2, 160000))
    >>> output.embeddings.shape, output.clip_logits.shape
    (torch.Size([2, 14, 256]), torch.Size([2, 10]))
    """

    def __init__(self, taggers: Sequence[AudioTagger], multi_label: bool) -> None:
        super().__init__()
        if not taggers:
            raise ValueError("expected a tagger at least")
        self.taggers = nn.ModuleList(taggers)
        self.multi_label = multi_label
        self.steps: Steps = taggers[0].steps
        for tagger in taggers[1:]:
            if tagger.steps != self.steps:
                raise ValueError(
                    f"expected taggers whose steps lie alike, got {self.steps} and {tagger.steps}"
                )
        self.embedding_size = sum(tagger.embedding_size for tagger in taggers)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> TaggerOutput:
        """Tag a batch of waveforms.

        Parameters
        ----------
        waveform, lengths
            As for `AudioTagger`.

        Returns
        -------
        TaggerOutput
            `embeddings (batch, step, embedding)`; `step_logits (batch, step, class)` and
            `clip_logits (batch, class)`, whose probabilities are the means.
        """
        outputs: list[TaggerOutput] = [tagger(waveform, lengths) for tagger in self.taggers]
        return TaggerOutput(
            torch.cat([output.embeddings for output in outputs], dim=2),
            mean_logits([output.step_logits for output in outputs], self.multi_label),
            mean_logits([output.clip_logits for output in outputs], self.multi_label),
        )
