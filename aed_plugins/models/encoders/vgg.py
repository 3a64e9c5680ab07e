"""The VGG of the paper "From Image Classification to Audio Classification", its figure 2b.

Seventeen convolutions in five groups and three dense layers, over patches of 96 frames x 64 mel
bands instead of pictures, down to an embedding of 128 numbers instead of 1000 classes. It is not
VGGish, which has six convolutions in four groups.

Source: the paper's figure 2b; Simonyan, Zisserman, "Very deep convolutional networks for
large-scale image recognition" (ICLR 2015). Deviation: patches as in
`aed_plugins.models.blocks.patches`.
"""

from aed_plugins.models.blocks.patches import SILENCE, PatchEncoder

GROUPS = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 5, (512,) * 5)


class VGG(PatchEncoder):
    """The paper's VGG over patches of 96 frames: maps shrink from 96 x 64 to 3 x 2.

    Parameters
    ----------
    in_channels : int
        Channels of the maps: a front-end's `out_channels`, or 1 for a bare spectrogram.
    width : float
        Factor on the channels and the hidden dense layers.
    activation : {"none", "relu"}
        What ends the network.
    last_patch : {"pad", "drop"}
        Whether the last patch, where a clip ends inside it, is completed with silence or dropped.
        A clip shorter than a patch is completed either way.
    silence : float
        The value of the maps where nothing sounds: ln 0.01 for `VGGishLogMel`.

    Raises
    ------
    ValueError
        If `activation` or `last_patch` is not one of those.

    Examples
    --------
    >>> import torch
    >>> encoder = VGG(width=1 / 16)
    >>> encoder(torch.zeros(2, 1, 998, 64)).shape
    torch.Size([2, 11, 128])
    """

    def __init__(
        self,
        in_channels: int = 1,
        width: float = 1.0,
        *,
        activation: str = "none",
        last_patch: str = "pad",
        silence: float = SILENCE,
    ) -> None:
        super().__init__(
            GROUPS,
            in_channels,
            width,
            activation=activation,
            last_patch=last_patch,
            silence=silence,
        )
