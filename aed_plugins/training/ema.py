"""Weights averaged over the steps of a training: what is validated, tested and kept.

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
    """An exponential moving average of a model's weights, and the exchange of the two.

    The model holds the weights that are trained while it is trained, and the average while it is
    validated, tested and saved at the end of an epoch; this object keeps the others. The first
    step's weights are taken as they are, and those of the next count more than `decay` says: after
    n steps no more than (1 + n) / (10 + n) of the average stays.

    Parameters
    ----------
    decay : float
        How much of the average stays at each step: 0.99 looks back over about 100 steps.

    Raises
    ------
    ValueError
        If it is not from 0 up to, but not including, 1.

    Examples
    --------
    >>> model = nn.Linear(1, 1, bias=False)
    >>> _ = model.weight.data.fill_(0.0)
    >>> average = EMA(decay=0.5)
    >>> average.start(model)
    >>> average.step()
    >>> _ = model.weight.data.fill_(11.0)
    >>> average.step()
    >>> average.show(averaged=True)
    >>> model.weight.item()
    9.0
    >>> average.show(averaged=False)
    >>> model.weight.item()
    11.0
    """

    def __init__(self, decay: float = 0.99) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay of the average must be from 0 up to below 1, got {decay}")
        self.decay = decay
        self.averaged = False
        self._model: nn.Module = nn.Identity()
        self._other = AveragedModel(self._model)

    def start(self, model: nn.Module) -> None:
        """Begin with the model's weights as they are.

        Parameters
        ----------
        model : nn.Module
            The one that is trained.
        """
        self._model = model
        self._other = AveragedModel(model, avg_fn=self._mean, use_buffers=True)
        self._other.requires_grad_(False)
        self.averaged = False

    def _mean(self, averaged: Tensor, trained: Tensor, steps: Tensor | int) -> Tensor:
        if not trained.is_floating_point():
            return trained
        decay = min(self.decay, (1 + int(steps)) / (10 + int(steps)))
        return torch.lerp(trained, averaged, decay)

    def step(self) -> None:
        """Take the model's weights into the average, after a step of the optimizer."""
        self._other.update_parameters(self._model)

    @torch.no_grad()
    def show(self, *, averaged: bool) -> None:
        """Have the model hold the average, or the weights that are trained.

        Parameters
        ----------
        averaged : bool
            Which of the two.
        """
        if averaged == self.averaged:
            return
        mine, other = self._model.state_dict(), self._other.module.state_dict()
        for name, tensor in mine.items():
            kept = tensor.clone()
            tensor.copy_(other[name])
            other[name].copy_(kept)
        self.averaged = averaged

    @mark_as_saver
    def save(self, path: Path) -> None:
        """Write the other weights and which they are."""
        torch.save({"averaged": self.averaged, "other": self._other.state_dict()}, path)

    @mark_as_loader
    def load(self, path: Path, end_of_epoch: bool = False) -> None:
        """Read what `save` wrote; the model's own weights are its own recoverable."""
        del end_of_epoch
        state = torch.load(path, map_location="cpu", weights_only=True)
        self._other.load_state_dict(state["other"])
        self.averaged = state["averaged"]
