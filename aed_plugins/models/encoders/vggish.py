"""VGGish, the network that Google released with AudioSet, and its weights in two layouts.

Source: Hershey et al., "CNN architectures for large-scale audio classification" (ICASSP 2017), and
the code released with it (tensorflow/models, research/audioset/vggish, vggish_slim.py). The names
of modules are those of torchvggish, so that its weights load as they are.

Deviations: patches as in `aed_plugins.models.blocks.patches`.
Google's network ends before the last activation,
torchvggish and torchaudio end with a ReLU: `activation` chooses.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from aed_plugins.models.blocks.patches import SILENCE, PatchEncoder
from aed_plugins.models.weights import fetch_weights, load_weights, read_state_dict

GROUPS = ((64,), (128,), (256, 256), (512, 512))
TORCHAUDIO = {"features_network.": "features.", "embedding_network.": "embeddings."}
# torchvggish keeps its post-processor with the network.
POSTPROCESSOR = "pproc."


class VGGish(PatchEncoder):
    """VGGish over patches of 96 frames of `VGGishLogMel`: 72 million parameters.

    Parameters
    ----------
    in_channels : int
        Channels of the maps; the released weights are for 1.
    width : float
        Factor on the channels and the hidden dense layers; the released weights are for 1.
    activation : {"none", "relu"}
        What ends the network: nothing, as in Google's code, or a ReLU, as in torchvggish and
        torchaudio.
    last_patch : {"pad", "drop"}
        Whether the last patch, where a clip ends inside it, is completed with silence or dropped,
        as in Google's code. A clip shorter than a patch is completed either way.
    silence : float
        The value of the maps where nothing sounds: ln 0.01 for `VGGishLogMel`.
    pretrained : str or Path, optional
        Weights in the layout of torchvggish or of torchaudio: a file, a URL or
        `hf://owner/repo/file`. torchvggish's are at
        https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth
        (SHA-256 begins 10086976) and hold the numbers of Google's TensorFlow checkpoint.
    sha256 : str, optional
        The SHA-256 that the file must have, or the first 8 or more of its digits.

    Raises
    ------
    ValueError
        If `activation` or `last_patch` is not one of those.
    InputError
        If the file of weights is missing, damaged, not the one of that SHA-256, or of another
        architecture.

    Examples
    --------
    >>> import torch
    >>> encoder = VGGish(width=1 / 16)
    >>> encoder(torch.zeros(2, 1, 998, 64)).shape
    torch.Size([2, 11, 128])
    >>> VGGish(width=1 / 16, last_patch="drop")(torch.zeros(2, 1, 998, 64)).shape
    torch.Size([2, 10, 128])
    """

    def __init__(
        self,
        in_channels: int = 1,
        width: float = 1.0,
        *,
        activation: str = "none",
        last_patch: str = "pad",
        silence: float = SILENCE,
        pretrained: str | Path | None = None,
        sha256: str | None = None,
    ) -> None:
        super().__init__(
            GROUPS,
            in_channels,
            width,
            activation=activation,
            last_patch=last_patch,
            silence=silence,
        )
        if pretrained is not None:
            self.load_file(fetch_weights(pretrained, sha256))

    def load_file(self, path: Path) -> None:
        """Load the weights of a file in either layout.

        Parameters
        ----------
        path : Path
            A state dict of torchvggish or torchaudio.

        Raises
        ------
        InputError
            If it is missing, damaged, or of another architecture.
        """
        state = _renamed(read_state_dict(path))
        expected = "VGGish's weights as torchvggish or torchaudio name them"
        load_weights(self, state, source=str(path), expected=expected)


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give torchvggish's or torchaudio's state dict our names, without the post-processor."""
    renamed = {}
    for name, tensor in state.items():
        for theirs, ours in TORCHAUDIO.items():
            name = name.replace(theirs, ours, 1) if name.startswith(theirs) else name  # noqa: PLW2901
        if not name.startswith(POSTPROCESSOR):
            renamed[name] = tensor
    return renamed
