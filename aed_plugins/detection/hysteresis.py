"""Hysteresis thresholding: a frame between both thresholds keeps the state before it."""

import numpy as np

from aed_plugins.core import BoolArray, FloatArray


def hysteresis(
    probabilities: FloatArray,
    onset: FloatArray,
    offset: FloatArray,
    before: BoolArray,
) -> BoolArray:
    """Tell which cells are active: a cell between the thresholds is what the one before it is."""
    rises = probabilities >= onset
    certain = rises | (probabilities < offset)
    # The last certain cell up to each; 0 stands for what was before.
    last = np.where(certain, np.arange(1, len(probabilities) + 1)[:, None], 0)
    last = np.maximum.accumulate(last, axis=0)
    states = np.concatenate([before[None], rises])
    return np.take_along_axis(states, last, axis=0)
