"""Hysteresis thresholding: a frame between both thresholds keeps the state before it.

Source: `Binarize` of pyannote.audio (Bredin, "pyannote.audio: neural building blocks for speaker
diarization", ICASSP 2020), whose `onset` and `offset` these are. Deviations: all classes at once,
each with its own thresholds; a probability equal to `onset` reaches it; and the state before the
first frame is given, so that a recording may come in several parts.
"""

import numpy as np

from aed_plugins.core import BoolArray, FloatArray


def apply_hysteresis(
    probabilities: FloatArray, onset: FloatArray, offset: FloatArray, initial: BoolArray
) -> BoolArray:
    """Return where each class is active.

    A class becomes active where its probability reaches `onset`, and stays active as long as it
    is not below `offset`.

    Parameters
    ----------
    probabilities : ndarray
        `(frame, class)`, in [0, 1].
    onset, offset : ndarray
        Thresholds `(class,)`, `offset <= onset`.
    initial : ndarray
        Which classes are active before the first frame, `(class,)`.

    Returns
    -------
    ndarray
        `(frame, class)`, True where active.

    Examples
    --------
    >>> probabilities = np.array([[0.4], [0.7], [0.4], [0.2], [0.4]])
    >>> apply_hysteresis(probabilities, np.array([0.6]), np.array([0.3]), np.array([False])).ravel()
    array([False,  True,  True, False, False])
    """
    rises = probabilities >= onset
    certain = rises | (probabilities < offset)
    # The last certain frame up to each; 0 stands for the initial state.
    last = np.where(certain, np.arange(1, len(probabilities) + 1)[:, None], 0)
    last = np.maximum.accumulate(last, axis=0)
    states = np.concatenate([initial[None], rises])
    return np.take_along_axis(states, last, axis=0)
