"""Clips mixed in pairs, and their labels with them.

A training batch is mixed with itself in another order. `draw` chooses the partners and weights;
the `Mixture` it returns is then applied to waveforms or features, and to the targets.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from aed_plugins.models import valid_mask

QUIETEST = 1e-5  # of a root mean square: -100 dB, so that silence has a level too


@dataclass(frozen=True)
class Mixture:
    """Which clips of a batch are mixed, and how.

    Attributes
    ----------
    partners : Tensor
        `(batch,)`, int64: the place in the batch of each clip's partner.
    gains, partner_gains : Tensor
        `(batch,)`: what the clip and its partner are multiplied by.
    weights : Tensor
        `(batch,)`: the weight of the clip's own labels, from 0 to 1; its partner's have the rest.

    Examples
    --------
    >>> half = torch.tensor([0.5, 0.5])
    >>> mixture = Mixture(torch.tensor([1, 0]), half, half, half)
    >>> mixture(torch.tensor([[0.0, 2.0], [4.0, 0.0]]))
    tensor([[2., 1.],
            [2., 1.]])
    >>> mixture.targets(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    >>> mixture.lengths(torch.tensor([0.25, 1.0]))
    tensor([1., 1.])
    """

    partners: Tensor
    gains: Tensor
    partner_gains: Tensor
    weights: Tensor

    def __call__(self, clips: Tensor) -> Tensor:
        """Mix `(batch, ...)`, zeros behind each clip's end."""
        return (
            _along(self.gains, clips) * clips
            + _along(self.partner_gains, clips) * (clips[self.partners])
        )

    def lengths(self, lengths: Tensor) -> Tensor:
        """Give the lengths `(batch,)` of the mixed clips: those of the longer ones."""
        return torch.maximum(lengths, lengths[self.partners])

    def targets(self, targets: Tensor) -> Tensor:
        """Mix labels `(batch, class)`."""
        own = _along(self.weights, targets)
        return own * targets + (1 - own) * targets[self.partners]


class Mixing(ABC):
    """Draws the mixture of a batch; `on` says what is mixed, `"features"` or `"waveform"`."""

    on: str

    @abstractmethod
    def draw(self, waveform: Tensor, lengths: Tensor) -> Mixture:
        """Draw partners and weights.

        Parameters
        ----------
        waveform : Tensor
            `(batch, sample)`, zeros behind each clip's end.
        lengths : Tensor
            `(batch,)`, fractions of the samples.
        """


class Mixup(Mixing):
    """Mixup: a weight drawn from Beta(alpha, alpha), the same for the clips and for their labels.

    Source: Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization" (ICLR
    2018); on log-mel spectrograms: Kong et al., "PANNs" (TASLP 2020). The weight is mirrored to 0.5
    or more, as mixing the batch with itself allows.

    Parameters
    ----------
    alpha : float
        The smaller, the closer are most weights to 1; 0 mixes nothing.
    on : {"features", "waveform"}
        What is mixed.

    Raises
    ------
    ValueError
        If `alpha` is negative, or `on` is another word.

    Examples
    --------
    >>> _ = torch.manual_seed(1)
    >>> mixture = Mixup(alpha=0.3).draw(torch.zeros(8, 100), torch.ones(8))
    >>> bool((mixture.weights >= 0.5).all()), bool((mixture.gains == mixture.weights).all())
    (True, True)
    """

    def __init__(self, alpha: float, on: str = "features") -> None:
        if alpha < 0:
            raise ValueError(f"alpha of mixup must not be negative, got {alpha}")
        if on not in {"features", "waveform"}:
            raise ValueError(f"mixup must be on 'features' or 'waveform', got {on!r}")
        self.alpha = alpha
        self.on = on

    def draw(self, waveform: Tensor, lengths: Tensor) -> Mixture:
        """Draw partners and weights, whatever the sound."""
        del lengths
        weights = torch.ones(len(waveform))
        if self.alpha > 0:
            alpha = torch.tensor(float(self.alpha))
            drawn = torch.distributions.Beta(alpha, alpha).sample((len(waveform),))
            weights = torch.maximum(drawn, 1 - drawn)
        weights = weights.to(waveform.device)
        return Mixture(_partners(waveform), weights, 1 - weights, weights)


class BetweenClassMixing(Mixing):
    """Between-class mixing: a weight drawn evenly, which the loudness of both clips follows.

    The waveforms are scaled so that the first has the perceived weight r and the second
    1 - r, whatever their levels G1 and G2 in dB: p = 1 / (1 + 10^((G1 - G2) / 20) (1 - r) / r).
    The sum (p x1 + (1 - p) x2) / sqrt(p^2 + (1 - p)^2) is as loud as they are.

    Source: Tokozume, Ushiku, Harada, "Learning from Between-class Examples for Deep Sound
    Recognition" (ICLR 2018). Deviations: the level is that of the whole clip without A-weighting,
    and a partner is drawn from the batch, not always from another class.

    Examples
    --------
    >>> _ = torch.manual_seed(1)
    >>> waveform = torch.tensor([[0.1, -0.1], [1.0, -1.0]])
    >>> mixture = BetweenClassMixing().draw(waveform, torch.ones(2))
    >>> bool(mixture.gains[0] > mixture.weights[0]) or int(mixture.partners[0]) == 0
    True
    """

    on = "waveform"

    def draw(self, waveform: Tensor, lengths: Tensor) -> Mixture:
        """Draw partners and weights; scale the waveforms by their levels."""
        partners = _partners(waveform)
        weights = torch.rand(len(waveform)).to(waveform.device)
        weights = torch.maximum(weights, 1 - weights)
        samples = valid_mask(lengths, waveform.shape[1]).sum(dim=1)
        level = (waveform.square().sum(dim=1) / samples).sqrt().clamp(min=QUIETEST)
        proportion = 1 / (1 + level / level[partners] * (1 - weights) / weights)
        # A clip that is its own partner stays as it is: the power of a sum is that of two sounds.
        proportion[partners == torch.arange(len(partners), device=partners.device)] = 1.0
        power = (proportion.square() + (1 - proportion).square()).sqrt()
        return Mixture(partners, proportion / power, (1 - proportion) / power, weights)


def _partners(waveform: Tensor) -> Tensor:
    return torch.randperm(len(waveform)).to(waveform.device)


def _along(values: Tensor, clips: Tensor) -> Tensor:
    """Give `(batch,)` as many axes as the clips have."""
    return values.to(clips.dtype).reshape(-1, *[1] * (clips.ndim - 1))
