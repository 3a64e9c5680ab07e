"""Schedules of the learning rate, stepped with every step of the optimizer.

A YAML names one as `lr_scheduler: !name:...`; it is called with the optimizer and the number of
steps of the whole training.
"""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def constant(optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """Return a schedule that keeps the learning rate.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rate it is.
    total_steps : int
        Steps of the whole training; not used.
    """
    del total_steps
    return LambdaLR(optimizer, lambda _: 1.0)


def warmup_cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.2) -> LambdaLR:
    """Return a schedule that rises linearly, then falls to zero along half a cosine.

    torch's `OneCycleLR` divides by zero when the rise lasts a single step.

    Parameters
    ----------
    optimizer : Optimizer
        Its learning rate is the highest point.
    total_steps : int
        Steps of the whole training.
    warmup : float
        The fraction of the steps in which it rises, from 0 to 1.

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=8.0)
    >>> schedule = warmup_cosine(optimizer, total_steps=6, warmup=1 / 3)
    >>> rates = []
    >>> for _ in range(6):
    ...     rates.append(round(schedule.get_last_lr()[0], 2))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [4.0, 8.0, 8.0, 6.83, 4.0, 1.17]
    """
    if not 0 <= warmup <= 1:
        raise ValueError(f"warmup must be from 0 to 1, got {warmup}")
    rising = round(warmup * total_steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        progress = (step - rising) / max(1, total_steps - rising)
        return (1 + math.cos(math.pi * min(1.0, progress))) / 2

    return LambdaLR(optimizer, factor)
