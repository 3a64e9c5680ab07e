import numpy as np
import scipy.ndimage
from hypothesis import given, strategies as st

from aed_plugins.detection.median_filter import MedianFilter

FRAMES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40)


@given(FRAMES.map(np.array), st.integers(0, 4), st.lists(st.integers(0, 40), max_size=5))
def test_the_medians_are_scipys_however_the_frames_are_cut(frames, half_width, cuts):
    median = MedianFilter(np.array([half_width, 1]))
    edges = sorted(min(cut, len(frames)) for cut in cuts)
    parts = [median.push(part) for part in np.split(frames, edges)]
    found = np.concatenate([*parts, median.finish()])
    for column, size in enumerate((2 * half_width + 1, 3)):
        expected = scipy.ndimage.median_filter(frames[:, column], size, mode="nearest")
        assert found[:, column].tolist() == expected.tolist()
