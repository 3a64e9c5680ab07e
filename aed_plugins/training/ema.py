"""Exponential moving average of the weights: what is validated, tested and published.

Source: exponential moving average as in Tarvainen and Valpola, "Mean teachers are better role
models" (NeurIPS 2017), after Polyak and Juditsky (1992); the means and variances of batch norm are
averaged with the weights, so that they belong to them.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from speechbrain.utils.checkpoints import (
    mark_as_loader,
    mark_as_saver,
    register_checkpoint_hooks,
)
from torch import Tensor, nn


@register_checkpoint_hooks
class EMA:
    """An exponential moving average (EMA) of a model's weights.

    Averaged are the parameters that are trained, and the buffers of the modules that have them; the
    rest is the same in both sets. The model holds its trained weights during training, and the
    average during validation and test and when it is saved at the end of an epoch; this object
    holds the other set. The average starts at the weights of the first step. At step n the decay is
    at most (1 + n) / (10 + n), so that the first steps are forgotten soon.

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
        self._steps = 0
        self._model: nn.Module = nn.Identity()
        self._other: dict[str, Tensor] = {}
        self._pairs: list[tuple[Tensor, Tensor]] = []

    def start(self, model: nn.Module) -> None:
        """Start the average at the model's weights.

        Parameters
        ----------
        model : nn.Module
            The model that is trained.
        """
        self._model, self._other = model, {}
        self._steps, self.applied = 0, False
        self.follow()

    @torch.no_grad()
    def follow(self) -> None:
        """Add what is trained from now on to what is averaged, at its present value."""
        own = self._model.state_dict()
        for name in _names_of_trained(self._model):
            if name in own and name not in self._other:
                self._other[name] = own[name].clone()
        self._pairs = [(self._other[name], own[name]) for name in self._other]

    @torch.no_grad()
    def step(self) -> None:
        """Update the average with the model's weights, after a step of the optimizer."""
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        for averaged, trained in self._pairs:
            if self._steps > 0 and trained.is_floating_point():
                averaged.copy_(torch.lerp(trained, averaged, decay))
            else:
                averaged.copy_(trained)
        self._steps += 1

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
        for other, own in self._pairs:
            copy = own.clone()
            own.copy_(other)
            other.copy_(copy)
        self.applied = not self.applied

    @mark_as_saver
    def save(self, path: Path) -> None:
        """Write the set of weights that the model does not hold, and which one it is."""
        state = {"applied": self.applied, "steps": self._steps, "other": self._other}
        torch.save(state, path)

    @mark_as_loader
    def load(self, path: Path, end_of_epoch: bool = False) -> None:
        """Read what `save` wrote; the model's own weights are its own recoverable."""
        del end_of_epoch
        state = torch.load(path, map_location="cpu", weights_only=True)
        own = self._model.state_dict()
        self._other = {name: it.to(own[name].device) for name, it in state["other"].items()}
        self._steps, self.applied = state["steps"], state["applied"]
        self.follow()


def _names_of_trained(module: nn.Module, prefix: str = "", parent: bool = False) -> Iterator[str]:
    """Yield the trained parameters, and the buffers of what has some or is part of what has."""
    parameters = list(module.parameters())
    trained = any(it.requires_grad for it in parameters) if parameters else parent
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.requires_grad:
            yield prefix + name
    if trained:
        yield from (prefix + name for name, _ in module.named_buffers(recurse=False))
    for name, child in module.named_children():
        yield from _names_of_trained(child, f"{prefix}{name}.", trained)
