"""`aed embed`: times and embeddings."""

import numpy as np


def test_embed_writes_times_and_embeddings(aed, folder, model):
    status, _, _ = aed("embed", "talks/a.wav", "--model", model, "--output", "kept", "--window", 1)
    assert status == 0
    with np.load("kept/a.npz") as kept:
        assert kept["onsets"].tolist() == [0, 1, 2]
        assert kept["offsets"].tolist() == [1, 2, 3]
        assert kept["embeddings"].shape == (3, 10)
