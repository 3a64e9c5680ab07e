"""From the logits of a clip's steps to those of the clip.

Every pooling takes `(embeddings, step_logits, mask)`: `(batch, step, embedding)`,
`(batch, step, class)` and the valid steps `(batch, step, 1)`, bool. It gives `(batch, class)`.
"""

import torch
from torch import Tensor, nn

POOLINGS = ("mean", "max", "attention", "linear_softmax")


class MeanPooling(nn.Module):
    """The mean of the valid steps' logits.

    Examples
    --------
    >>> logits = torch.tensor([[[1.0], [3.0], [99.0]]])
    >>> valid = torch.tensor([[[True], [True], [False]]])
    >>> MeanPooling()(logits, logits, valid)
    tensor([[2.]])
    """

    def forward(self, embeddings: Tensor, step_logits: Tensor, mask: Tensor) -> Tensor:
        """Pool over the steps."""
        return step_logits.masked_fill(~mask, 0.0).sum(dim=1) / mask.sum(dim=1)


class MaxPooling(nn.Module):
    """The largest of the valid steps' logits, class by class.

    Examples
    --------
    >>> logits = torch.tensor([[[1.0], [3.0], [99.0]]])
    >>> valid = torch.tensor([[[True], [True], [False]]])
    >>> MaxPooling()(logits, logits, valid)
    tensor([[3.]])
    """

    def forward(self, embeddings: Tensor, step_logits: Tensor, mask: Tensor) -> Tensor:
        """Pool over the steps."""
        return step_logits.masked_fill(~mask, -torch.inf).amax(dim=1)


class AttentionPooling(nn.Module):
    """A mean of the steps' logits whose weights are learned, class by class, from the embeddings.

    Source: Kong et al., "Weakly labelled AudioSet tagging with attention neural networks"
    (TASLP 2019), decision-level attention; here it weighs logits rather than probabilities, so that
    it serves one label and several alike.

    Parameters
    ----------
    embedding_size, num_classes : int
        Sizes of the last axes of embeddings and logits.
    """

    def __init__(self, embedding_size: int, num_classes: int) -> None:
        super().__init__()
        # A bias would change no weight: the softmax over time cancels it.
        self.attention = nn.Linear(embedding_size, num_classes, bias=False)

    def forward(self, embeddings: Tensor, step_logits: Tensor, mask: Tensor) -> Tensor:
        """Pool over the steps."""
        weights = self.attention(embeddings).masked_fill(~mask, -torch.inf).softmax(dim=1)
        return (weights * step_logits).sum(dim=1)


class LinearSoftmaxPooling(nn.Module):
    """Each step's probability weighted by itself: sum of p^2 over sum of p.

    Source: Wang, Li, Metze, "A comparison of five multiple instance learning pooling functions for
    sound event detection with weak labeling" (ICASSP 2019), equation for the linear softmax. Its
    result is a probability; the logit of it is given (for one label, whose softmax divides by the
    sum over classes, its logarithm).

    Parameters
    ----------
    multi_label : bool
        Whether a step's probabilities are sigmoids (several labels) or a softmax (one label).

    Examples
    --------
    Steps of probability 0.8 and 0.2 give (0.64 + 0.04) / (0.8 + 0.2) = 0.68:

    >>> logits = torch.tensor([[[0.8], [0.2]]]).logit()
    >>> valid = torch.ones(1, 2, 1, dtype=torch.bool)
    >>> LinearSoftmaxPooling(multi_label=True)(logits, logits, valid).sigmoid()
    tensor([[0.6800]])
    """

    def __init__(self, multi_label: bool) -> None:
        super().__init__()
        self.multi_label = multi_label

    def forward(self, embeddings: Tensor, step_logits: Tensor, mask: Tensor) -> Tensor:
        """Pool over the steps."""
        logits = step_logits.float()  # squares of small probabilities need the range
        steps = logits.sigmoid() if self.multi_label else logits.softmax(dim=-1)
        steps = steps.masked_fill(~mask, 0.0)
        smallest = torch.finfo(steps.dtype).tiny
        clip = steps.square().sum(dim=1) / steps.sum(dim=1).clamp(min=smallest)
        return clip.logit(eps=1e-7) if self.multi_label else clip.clamp(min=1e-7).log()


def make_pooling(
    name: str, embedding_size: int, num_classes: int, multi_label: bool = False
) -> nn.Module:
    """Build a pooling by its name.

    Parameters
    ----------
    name : {"mean", "max", "attention", "linear_softmax"}
        Which one.
    embedding_size, num_classes : int
        Sizes of the last axes of embeddings and logits.
    multi_label : bool
        Whether a clip may have several labels; only `linear_softmax` needs to know.

    Raises
    ------
    ValueError
        If `name` is another word.

    Examples
    --------
    >>> make_pooling("mean", embedding_size=8, num_classes=2)
    MeanPooling()
    """
    match name:
        case "mean":
            return MeanPooling()
        case "max":
            return MaxPooling()
        case "attention":
            return AttentionPooling(embedding_size, num_classes)
        case "linear_softmax":
            return LinearSoftmaxPooling(multi_label)
    raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, got {name!r}")
