import numpy as np
from clip_predictions import TARGETS, make_predictions
from hypothesis import given, strategies as st

from aed_plugins.metrics import Predictions, concatenate_predictions


@given(TARGETS, st.integers(1, 5), st.randoms())
def test_predictions_in_parts_are_joined(targets, processes, random):
    whole = make_predictions(targets)
    order = list(range(len(targets)))
    random.shuffle(order)
    parts = [
        Predictions([whole.ids[i] for i in part], whole.targets[part], whole.probabilities[part])
        for part in (np.array(order[rank::processes], dtype=int) for rank in range(processes))
    ]
    together = concatenate_predictions(parts)
    assert together.ids == whole.ids
    assert np.array_equal(together.targets, whole.targets)
    assert np.array_equal(together.probabilities, whole.probabilities)
