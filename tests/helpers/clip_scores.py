"""Targets and scores of clips with several labels, for tests of their metrics."""

import numpy as np
from hypothesis import settings, strategies as st


def make_scores(clips=40, classes=5, seed=0, levels=None, fraction=0.3):
    """Scores that lean towards the targets; with `levels`, only so many differ."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((clips, classes)) < fraction).astype(np.int8)
    scores = 0.3 * targets + 0.7 * rng.random((clips, classes))
    return targets, scores if levels is None else np.floor(scores * levels) / levels


# scikit-learn checks its input for a millisecond at each call.
FEW = settings(max_examples=40, deadline=None)
SETS = st.builds(
    make_scores,
    clips=st.integers(1, 30),
    classes=st.integers(2, 6),
    seed=st.integers(0, 1000),
    levels=st.sampled_from([None, 1, 4, 8]),
    fraction=st.sampled_from([0.1, 0.4, 0.9]),
)
