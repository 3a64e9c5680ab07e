"""The 8-bit embeddings in which AudioSet and YouTube-8M were published.

Source: tensorflow/models, research/audioset/vggish, vggish_postprocess.py.

Deviation: rounds to the nearest of the 256 steps, as torchvggish does; Google's code rounds down.
`rounding` chooses. torchvggish drops the batch axis of a batch of one; here it stays.
"""

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from aed_plugins.core import InputError, one_line
from aed_plugins.models.weights import DAMAGE, fetch_weights, load_weights

EMBEDDING_SIZE = 128
LIMIT = 2.0
STEPS = 255
PREFIX = "pproc."  # of the parameters in torchvggish's file of the whole network
NAMES = ("pca_eigen_vectors", "pca_means")
# torchvggish's file holds NumPy arrays, which PyTorch loads only where it is told that it may.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
NUMPY_GLOBALS = [
    _RECONSTRUCT,
    (_RECONSTRUCT, "numpy.core.multiarray._reconstruct"),  # its name before NumPy 2
    np.ndarray,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
]


class VGGishPostprocessor(nn.Module):
    """Whiten the embeddings of `VGGish` and turn them into 8-bit numbers.

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
        How numbers between two of the 256 steps are rounded; Google's code rounds down.

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
        """Whiten, clip and quantise.

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
        steps = (whitened.clamp(-LIMIT, LIMIT) + LIMIT) * (STEPS / (2 * LIMIT))
        steps = steps.round() if self.rounding == "nearest" else steps.floor()
        return steps.to(torch.uint8)


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Read Google's file."""
    try:
        with np.load(path) as arrays:  # refuses pickled objects
            return _parameters(dict(arrays))
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: expected VGGish's PCA parameters as a whole .npz file, got: {error}"
        ) from error


def _read_pth(path: Path) -> dict[str, Tensor]:
    """Read torchvggish's file of the parameters, or that of the whole network."""
    try:
        with torch.serialization.safe_globals(NUMPY_GLOBALS):  # type: ignore[arg-type]
            content = torch.load(path, map_location="cpu", weights_only=True)
        return _parameters(content)
    except DAMAGE as error:
        reason = one_line(error, first_line=True)
        raise InputError(
            f"{path}: expected VGGish's PCA parameters saved with torch.save or as .npz,"
            f" got: {reason}"
        ) from error


def _parameters(content: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Give the parameters our names and shapes; what else is in the file is left out."""
    content = {name.removeprefix(PREFIX): array for name, array in content.items()}
    found = {name: torch.as_tensor(content[name]).float() for name in NAMES if name in content}
    if "pca_means" in found:
        found["pca_means"] = found["pca_means"].flatten()  # torchvggish's is a column
    return found
