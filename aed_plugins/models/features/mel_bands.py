"""What features that differ in their mel bands have in common."""

import torch
from torch import Tensor


def used_bins(bands: Tensor) -> tuple[int, int]:
    """Tell the first bin with a weight in any of these bands, and the one behind the last.

    Parameters
    ----------
    bands : Tensor
        `(bin, mel)`, not negative.

    Examples
    --------
    >>> used_bins(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 0.0]]))
    (1, 3)
    """
    used = bands.amax(dim=1).nonzero().flatten()
    return int(used[0]), int(used[-1]) + 1


def magnitude(spectrum: Tensor) -> Tensor:
    """Give the magnitude of a spectrum, which may be overwritten.

    Parameters
    ----------
    spectrum : Tensor
        Complex, of any shape.

    Examples
    --------
    >>> magnitude(torch.tensor([3.0 + 4.0j]))
    tensor([5.])
    """
    if spectrum.requires_grad:  # a square root has no gradient at zero
        return spectrum.abs()
    squares = torch.view_as_real(spectrum).square_()  # abs() takes more than twice as long
    return (squares[..., 0] + squares[..., 1]).sqrt_()
