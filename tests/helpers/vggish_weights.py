"""VGGish's weights by formula, in the layouts in which they are published, and its parameters."""

import numpy as np
import torch
from golden.make_vggish import weights

from aed_plugins.models import VGGish

NARROW = 1 / 16  # of the released width


def formula_state(**settings):
    """Make torchvggish's state dict of a network of some settings."""
    shapes = VGGish(**settings).state_dict()
    return {
        name: torch.from_numpy(weights(name, tuple(tensor.shape)))
        for name, tensor in shapes.items()
    }


def as_in_torchaudio(state):
    """Rename torchvggish's state dict as torchaudio does."""
    parts = {"features.": "features_network.", "embeddings.": "embedding_network."}
    return {
        name.replace(part, parts[part]): tensor
        for name, tensor in state.items()
        for part in parts
        if name.startswith(part)
    }


def random_pca_parameters():
    """Make the post-processor's parameters in Google's layout."""
    random = np.random.default_rng(0)
    return {
        "pca_eigen_vectors": random.normal(size=(128, 128)) / 8,
        "pca_means": random.normal(size=128),
    }
