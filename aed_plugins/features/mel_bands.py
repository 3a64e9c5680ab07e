"""Which bins of a spectrum the bands of a mel bank use."""

from torch import Tensor


def used_bins(bands: Tensor) -> tuple[int, int]:
    """Tell the first bin with a weight in any of these bands, and the one behind the last.

    Parameters
    ----------
    bands : Tensor
        `(bin, mel)`, not negative.

    Examples
    --------
    >>> import torch
    >>> used_bins(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 0.0]]))
    (1, 3)
    """
    used = bands.amax(dim=1).nonzero().flatten()
    return int(used[0]), int(used[-1]) + 1
