"""The mean loss of an epoch so far, computed where the loss is: no step waits for a GPU."""

import torch
from torch import Tensor


class RunningLoss:
    """The mean of an epoch's losses, without those that are not finite.

    It stays on the device; only `read` waits for it. The arithmetic is that of SpeechBrain's
    `Brain.update_average`, in double precision where the device has it.

    Parameters
    ----------
    mean : float
        That of the steps before, of an epoch that was interrupted.
    device : str or torch.device
        Where the losses are.

    Examples
    --------
    >>> loss = RunningLoss(0.0, "cpu")
    >>> for step, value in enumerate((1.0, 3.0, float("inf")), start=1):
    ...     loss.add(torch.tensor(value), step)
    >>> loss.read()
    (2.0, 1)
    """

    def __init__(self, mean: float, device: str | torch.device) -> None:
        kind = torch.float32 if torch.device(device).type == "mps" else torch.float64
        self._mean = torch.tensor(mean, dtype=kind, device=device)
        self._not_finite = torch.zeros((), dtype=torch.int64, device=device)

    def add(self, loss: Tensor, step: int) -> None:
        """Add the loss of a step, counted from 1."""
        finite = torch.isfinite(loss)
        mean = self._mean - self._mean / step
        self._mean = torch.where(finite, mean + loss.to(mean.dtype) / step, self._mean)
        self._not_finite += ~finite

    def read(self) -> tuple[float, int]:
        """Return the mean, and how many losses were not finite."""
        return float(self._mean), int(self._not_finite)
