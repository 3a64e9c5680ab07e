"""Predictions of clips with one label each, for tests of their metrics."""

import numpy as np
from hypothesis import strategies as st

from aed_plugins.metrics import Predictions

TARGETS = st.lists(st.integers(0, 3), min_size=1, max_size=60)


def make_predictions(targets, seed=0, classes=4):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), len(targets))
    return Predictions(
        [f"clip{i:03}" for i in range(len(targets))], np.array(targets), probabilities
    )
