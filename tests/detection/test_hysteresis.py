import numpy as np
from hypothesis import given, strategies as st

from aed_plugins.detection import apply_hysteresis

FRAMES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40)


@given(FRAMES.map(np.array), st.booleans())
def test_a_frame_between_the_thresholds_keeps_the_state_before_it(probabilities, active):
    onset, offset = np.array([0.6, 0.5]), np.array([0.3, 0.5])
    initial = np.array([active, active])
    found = apply_hysteresis(probabilities, onset, offset, initial)
    for column in range(2):
        state = active
        for frame, value in enumerate(probabilities[:, column]):
            state = value >= (offset[column] if state else onset[column])
            assert found[frame, column] == state
