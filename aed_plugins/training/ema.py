"""Exponential moving average of the weights: what is validated, tested and published.

Source: exponential moving average as in Tarvainen and Valpola, "Mean teachers are better role
models" (NeurIPS 2017), after Polyak and Juditsky (1992); the means and variances of batch norm are
averaged with the weights, so that they belong to them.
"""

from pathlib import Path

import torch
from speechbrain.utils.checkpoints import (
    mark_as_loader,
    mark_as_saver,
    register_checkpoint_hooks,
)
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


@register_checkpoint_hooks
class EMA:
    """An exponential moving average (EMA) of a model's weights.

    The model holds its trained weights during training, and the average during validation and test
    and when it is saved at the end of an epoch; this object holds the other set. The average starts
    at the weights of the first step. At step n the decay is at most (1 + n) / (10 + n), so that the
    first steps are forgotten soon.

    Parameters
    ----------
    decay : float
        The fraction of the average that stays at each step: 0.99 averages over about 100 steps.

    Attributes
    ----------
    applied : bool
        Whether the model holds the average.

    Raises
    ------
    ValueError
        If it is not from 0 up to, but not including, 1.

    Examples
    --------
    >>> model = nn.Linear(1, 1, bias=False)
    >>> _ = model.weight.data.fill_(0.0)
    >>> ema = EMA(decay=0.5)
    >>> ema.start(model)
    >>> ema.step()
    >>> _ = model.weight.data.fill_(11.0)
    >>> ema.step()
    >>> ema.apply()
    >>> model.weight.item()
    9.0
    >>> ema.restore()
    >>> model.weight.item()
    11.0
    """

    def __init__(self, decay: float = 0.99) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be from 0 up to below 1, got {decay}")
        self.decay = decay
        self.applied = False
        self._model: nn.Module = nn.Identity()
        self._other = AveragedModel(self._model)

    def start(self, model: nn.Module) -> None:
        """Start the average at the model's weights.

        Parameters
        ----------
        model : nn.Module
            The model that is trained.
        """
        self._model = model
        self._other = AveragedModel(model, avg_fn=self._mean, use_buffers=True)
        self._other.requires_grad_(False)
        self.applied = False

    def _mean(self, averaged: Tensor, trained: Tensor, steps: Tensor | int) -> Tensor:
        if not trained.is_floating_point():
            return trained
        decay = min(self.decay, (1 + int(steps)) / (10 + int(steps)))
        return torch.lerp(trained, averaged, decay)

    def step(self) -> None:
        """Update the average with the model's weights, after a step of the optimizer."""
        self._other.update_parameters(self._model)

    def apply(self) -> None:
        """Give the model the average, unless it holds it already."""
        if not self.applied:
            self._exchange()

    def restore(self) -> None:
        """Give the model its trained weights, unless it holds them already."""
        if self.applied:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        own, other = self._model.state_dict(), self._other.module.state_dict()
        for name, tensor in own.items():
            copy = tensor.clone()
            tensor.copy_(other[name])
            other[name].copy_(copy)
        self.applied = not self.applied

    @mark_as_saver
    def save(self, path: Path) -> None:
        """Write the set of weights that the model does not hold, and which one it is."""
        torch.save({"applied": self.applied, "other": self._other.state_dict()}, path)

    @mark_as_loader
    def load(self, path: Path, end_of_epoch: bool = False) -> None:
        """Read what `save` wrote; the model's own weights are its own recoverable."""
        del end_of_epoch
        state = torch.load(path, map_location="cpu", weights_only=True)
        self._other.load_state_dict(state["other"])
        self.applied = state["applied"]
