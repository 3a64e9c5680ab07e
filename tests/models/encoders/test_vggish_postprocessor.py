import numpy as np
import pytest
import torch
from vggish_weights import random_pca_parameters

from aed_plugins.core import InputError
from aed_plugins.models import VGGishPostprocessor


@pytest.fixture
def parameters():
    return random_pca_parameters()


def test_postprocessor_is_the_published_formula(parameters, tmp_path):
    np.savez(tmp_path / "pca.npz", **parameters)
    embeddings = np.random.default_rng(1).normal(size=(5, 128)).astype(np.float32)
    columns = embeddings.T.astype(np.float64) - parameters["pca_means"][:, None]
    whitened = (parameters["pca_eigen_vectors"] @ columns).T
    steps = (np.clip(whitened, -2, 2) + 2) * 255 / 4
    assert 0 < (np.abs(whitened) > 2).mean() < 0.5
    for rounding, expected in {"nearest": np.rint(steps), "down": np.floor(steps)}.items():
        postprocessor = VGGishPostprocessor(tmp_path / "pca.npz", rounding=rounding)
        got = postprocessor(torch.from_numpy(embeddings))
        assert got.dtype == torch.uint8
        # A number within a rounding error of the border between two steps may take either.
        assert np.abs(got.numpy() - expected).max() <= 1
        assert (got.numpy() != expected).mean() < 0.005


def test_a_batch_of_one_keeps_its_axis(parameters, tmp_path):
    np.savez(tmp_path / "pca.npz", **parameters)
    postprocessor = VGGishPostprocessor(tmp_path / "pca.npz")
    assert postprocessor(torch.zeros(1, 128)).shape == (1, 128)
    assert postprocessor(torch.zeros(1, 1, 128)).shape == (1, 1, 128)


def test_parameters_in_every_layout_are_the_same(parameters, tmp_path):
    np.savez(tmp_path / "google.npz", **parameters)
    column = {**parameters, "pca_means": parameters["pca_means"].reshape(-1, 1)}
    # torchvggish's file: NumPy arrays of a NumPy before 2, in PyTorch's format before 1.6
    torch.save(column, tmp_path / "pca.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "pca.pth").read_bytes()
    (tmp_path / "pca.pth").write_bytes(content.replace(b"numpy._core", b"numpy.core"))
    tensors = {f"pproc.{name}": torch.from_numpy(array).float() for name, array in column.items()}
    torch.save({"features.0.weight": torch.zeros(2), **tensors}, tmp_path / "vggish.pth")
    for name in ("google.npz", "pca.pth", "vggish.pth"):
        postprocessor = VGGishPostprocessor(tmp_path / name)
        expected = torch.from_numpy(parameters["pca_means"]).float()
        assert torch.equal(postprocessor.pca_means, expected)
        expected = torch.from_numpy(parameters["pca_eigen_vectors"]).float()
        assert torch.equal(postprocessor.pca_eigen_vectors, expected)


def test_other_files_of_parameters_are_named(parameters, tmp_path):
    np.savez(tmp_path / "other.npz", mean=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz: expected VGGish's PCA parameters, but 2"):
        VGGishPostprocessor(tmp_path / "other.npz")
    np.savez(tmp_path / "pca.npz", **parameters)
    (tmp_path / "short.npz").write_bytes((tmp_path / "pca.npz").read_bytes()[:5000])
    with pytest.raises(InputError, match=r"short\.npz: expected .* whole \.npz file"):
        VGGishPostprocessor(tmp_path / "short.npz")
    (tmp_path / "pca.pth").write_bytes(b"not weights")
    with pytest.raises(InputError, match=r"pca\.pth: expected VGGish's PCA parameters saved with"):
        VGGishPostprocessor(tmp_path / "pca.pth")
    with pytest.raises(ValueError, match="'nearest' or 'down', got 'up'"):
        VGGishPostprocessor(rounding="up")
