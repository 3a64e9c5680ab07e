"""The mask of the frames before each item's end, which follows the maps through strided layers.

A layer that looks at neighboring frames assumes zeros after the end of a clip that stands alone; in
a padded batch it finds there what earlier layers made of the padding. Setting these frames to zero
before each such layer makes both the same.

A mask is a tensor `(batch, 1, frame, 1)`, bool, or `None` where every item fills the batch.
"""

from torch import Tensor

from aed_plugins.models.lengths import valid_mask


def frame_mask(lengths: Tensor | None, frames: int) -> Tensor | None:
    """Mark the frames of maps before each item's end.

    Parameters
    ----------
    lengths : Tensor or None
        `(batch,)`, fractions of the frames; `None` where every item fills them.
    frames : int
        Frames of the maps.

    Returns
    -------
    Tensor or None
        `(batch, 1, frame, 1)`, bool.
    """
    return None if lengths is None else valid_mask(lengths, frames)[:, None, :, None]


def stride_mask(mask: Tensor | None, stride: int) -> Tensor | None:
    """Return the mask of the maps after a strided layer.

    Parameters
    ----------
    mask : Tensor or None
        `(batch, 1, frame, 1)`, bool, of the maps before it.
    stride : int
        The layer's. It must round up, as that of a convolution of odd size padded by half of it
        does.

    Examples
    --------
    >>> import torch
    >>> mask = frame_mask(torch.tensor([1.0, 0.6]), frames=5)
    >>> stride_mask(mask, 2).flatten(1)
    tensor([[ True,  True,  True],
            [ True,  True, False]])
    """
    return mask if mask is None or stride == 1 else mask[:, :, ::stride]


def mask_frames(maps: Tensor, mask: Tensor | None) -> Tensor:
    """Set the frames after each item's end to zero.

    Parameters
    ----------
    maps : Tensor
        `(batch, channel, frame, mel)`, finite.
    mask : Tensor or None
        `(batch, 1, frame, 1)`, bool.

    Examples
    --------
    >>> import torch
    >>> mask_frames(torch.ones(2, 1, 4, 1), frame_mask(torch.tensor([1.0, 0.5]), 4)).flatten(1)
    tensor([[1., 1., 1., 1.],
            [1., 1., 0., 0.]])
    """
    # On a CPU a product takes a tenth of the time of torch.where; and unlike masked_fill, it keeps
    # maps whose channels are last in memory so.
    return maps if mask is None else maps * mask.to(maps.dtype)


def masked_mean(maps: Tensor, mask: Tensor | None) -> Tensor:
    """Average maps over each item's own frames and the mel bands.

    Parameters
    ----------
    maps : Tensor
        `(batch, channel, frame, mel)`, masked already.
    mask : Tensor or None
        `(batch, 1, frame, 1)`, bool.

    Returns
    -------
    Tensor
        `(batch, channel)`.
    """
    if mask is None:
        return maps.mean(dim=(2, 3))
    return maps.sum(dim=(2, 3)) / (mask.sum(dim=(2, 3)) * maps.shape[3])
