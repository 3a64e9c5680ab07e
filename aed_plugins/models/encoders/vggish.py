"""VGGish, the network that Google released with AudioSet, its weights and its post-processor.

Source: Hershey et al., "CNN architectures for large-scale audio classification" (ICASSP 2017), and
the code released with it (tensorflow/models, research/audioset/vggish, vggish_slim.py). The names
of modules are those of torchvggish, so that its weights load as they are.

Deviations: patches as in `aed_plugins.models.blocks.patches`. Google's network ends before the last
activation, torchvggish and torchaudio end with a ReLU: `activation` chooses.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aed_plugins.core import InputError, one_line
from aed_plugins.models.base import Float32Buffers
from aed_plugins.models.blocks.patches import EMBEDDING_SIZE, SILENCE, PatchEncoder
from aed_plugins.models.downloads import fetch_weights
from aed_plugins.models.weights import DAMAGE, load_weights, read_state_dict

GROUPS = ((64,), (128,), (256, 256), (512, 512))
TORCHAUDIO = {"features_network.": "features.", "embedding_network.": "embeddings."}
# Prefix of the post-processor's parameters, which torchvggish keeps with the network.
POSTPROCESSOR = "pproc."
# The post-processor's range, from -LIMIT to LIMIT, and its largest number.
LIMIT = 2.0
LARGEST = 255
PCA_NAMES = ("pca_eigen_vectors", "pca_means")
# torchvggish's file holds NumPy arrays, which PyTorch loads only where they are allowed.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
NUMPY_GLOBALS = [
    _RECONSTRUCT,
    (_RECONSTRUCT, "numpy.core.multiarray._reconstruct"),  # its name before NumPy 2
    np.ndarray,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
]


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
        state = _rename(read_state_dict(path))
        expected = "VGGish's weights as torchvggish or torchaudio name them"
        load_weights(self, state, source=str(path), expected=expected)


class VGGishPostprocessor(Float32Buffers):
    """Whiten the embeddings of `VGGish` and turn them into 8-bit numbers, as they were published.

    Source: tensorflow/models, research/audioset/vggish, vggish_postprocess.py. Deviation: rounds to
    the nearest of the 256 numbers, as torchvggish does; Google's code rounds down. `rounding`
    chooses. torchvggish drops the batch axis of a batch of one; here it stays.

    Parameters
    ----------
    pretrained : str or Path, optional
        The parameters: Google's `vggish_pca_params.npz`
        (https://storage.googleapis.com/audioset/vggish_pca_params.npz), torchvggish's
        `vggish_pca_params-970ea276.pth`, or its file of the whole network; a file, a URL or
        `hf://owner/repo/file`. Without one nothing is whitened.
    sha256 : str, optional
        The SHA-256 that the file must have, or the first 8 or more of its digits.
    rounding : {"nearest", "down"}
        How what lies between two of the 256 numbers is rounded; Google's code rounds down.

    Raises
    ------
    ValueError
        If `rounding` is not one of those.
    InputError
        If the file is missing, damaged, not the one of that SHA-256, or holds something else.

    Examples
    --------
    The range from -2 to 2 becomes 0 to 255, what is beyond is clipped:

    >>> embeddings = torch.zeros(1, 128)
    >>> embeddings[0, :4] = torch.tensor([-3.0, -2.0, 1.0, 3.0])
    >>> VGGishPostprocessor()(embeddings)[:, :5]
    tensor([[  0,   0, 191, 255, 128]], dtype=torch.uint8)
    """

    pca_eigen_vectors: Tensor
    pca_means: Tensor

    def __init__(
        self,
        pretrained: str | Path | None = None,
        sha256: str | None = None,
        rounding: str = "nearest",
    ) -> None:
        super().__init__()
        if rounding not in {"nearest", "down"}:
            raise ValueError(f"rounding must be 'nearest' or 'down', got {rounding!r}")
        self.rounding = rounding
        self.register_buffer("pca_eigen_vectors", torch.eye(EMBEDDING_SIZE))
        self.register_buffer("pca_means", torch.zeros(EMBEDDING_SIZE))
        if pretrained is not None:
            path = fetch_weights(pretrained, sha256)
            read = _read_npz if path.suffix == ".npz" else _read_pth
            load_weights(self, read(path), str(path), "VGGish's PCA parameters")

    def forward(self, embeddings: Tensor) -> Tensor:
        """Whiten, clip and quantize.

        Parameters
        ----------
        embeddings : Tensor
            `(..., 128)`, of a `VGGish` with `activation="none"`.

        Returns
        -------
        Tensor
            The same shape, uint8.
        """
        # In float32 whatever precision the network ran in.
        with torch.autocast(device_type=embeddings.device.type, enabled=False):
            whitened = (embeddings.float() - self.pca_means) @ self.pca_eigen_vectors.T
        steps = (whitened.clamp(-LIMIT, LIMIT) + LIMIT) * (LARGEST / (2 * LIMIT))
        steps = steps.round() if self.rounding == "nearest" else steps.floor()
        return steps.to(torch.uint8)


def _rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename torchvggish's or torchaudio's state dict to our names, without the post-processor."""
    renamed = {}
    for name, tensor in state.items():
        for theirs, ours in TORCHAUDIO.items():
            name = name.replace(theirs, ours, 1) if name.startswith(theirs) else name  # noqa: PLW2901
        if not name.startswith(POSTPROCESSOR):
            renamed[name] = tensor
    return renamed


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Read Google's file."""
    try:
        with np.load(path) as arrays:  # refuses pickled objects
            return _pca_parameters(dict(arrays))
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: expected VGGish's PCA parameters as a whole .npz file, got: {error}"
        ) from error


def _read_pth(path: Path) -> dict[str, Tensor]:
    """Read torchvggish's file of the parameters, or that of the whole network."""
    try:
        with torch.serialization.safe_globals(NUMPY_GLOBALS):  # type: ignore[arg-type]
            content = torch.load(path, map_location="cpu", weights_only=True)
        return _pca_parameters(content)
    except DAMAGE as error:
        raise InputError(
            f"{path}: expected VGGish's PCA parameters saved with torch.save or as .npz,"
            f" got: {one_line(error, first_line=True)}"
        ) from error


def _pca_parameters(content: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Rename and reshape the parameters; leave out what else is in the file."""
    content = {name.removeprefix(POSTPROCESSOR): array for name, array in content.items()}
    found = {name: torch.as_tensor(content[name]).float() for name in PCA_NAMES if name in content}
    if "pca_means" in found:
        found["pca_means"] = found["pca_means"].flatten()  # torchvggish's is a column
    return found
