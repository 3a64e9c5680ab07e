"""Bootstrap samples and intervals.

A bootstrap sample is a weight per clip or recording: how often it was drawn. So the scores need
sorting only once, and every bootstrap sample's metrics are sums of such weights.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from aed_plugins.core import FloatArray


def draw_bootstrap_weights(
    rng: np.random.Generator, units: int, bootstrap_samples: int
) -> FloatArray:
    """Draw as many units as there are, with replacement, and count how often each came.

    Parameters
    ----------
    rng : numpy.random.Generator
        Gives `rng.integers(units, size=(bootstrap_samples, units))`.
    units : int
        How many clips or recordings there are.
    bootstrap_samples : int
        How often to draw.

    Returns
    -------
    ndarray
        `(unit, bootstrap sample)`, float32, which is exact below 2**24.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> draw_bootstrap_weights(rng, units=3, bootstrap_samples=4).sum(0)
    array([3., 3., 3., 3.], dtype=float32)
    """
    starts = units * np.arange(bootstrap_samples)[:, None]
    drawn = rng.integers(units, size=(bootstrap_samples, units)) + starts
    counts = np.bincount(drawn.ravel(), minlength=units * bootstrap_samples)
    return np.ascontiguousarray(counts.reshape(bootstrap_samples, units).T, dtype=np.float32)


def compute_percentile_interval(values: npt.ArrayLike, tail: float) -> tuple[float, float] | None:
    """Return what the values lie between, but for a fraction `tail` of them at each end.

    Parameters
    ----------
    values : array_like
        Of the bootstrap samples, `(bootstrap sample,)`; NaN where a value is not defined.
    tail : float
        From 0 to 0.5, such as 0.025 for 95 %; where few units were drawn, see `expand_tail`.

    Returns
    -------
    tuple of (float, float) or None
        Low and high; None when all values are NaN.

    Examples
    --------
    >>> compute_percentile_interval([0.0, 0.1, 0.2, 0.3, 0.4, np.nan], tail=0.25)
    (0.1, 0.3)
    """
    array = np.asarray(values, np.float64)
    defined = array[~np.isnan(array)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def expand_tail(tail: float, units: int) -> float:
    """Return the fraction of the values to leave out at each end, where few units were drawn.

    Plain percentiles are too narrow for few units. They are moved outwards as far as Student's
    distribution is wider than the normal distribution.

    Source: Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician
    69(4), 2015, section 4.3 (the expanded percentile interval).

    Parameters
    ----------
    tail : float
        The fraction to leave out at each end of many values, such as 0.025 for 95 %.
    units : int
        How many independent units were drawn, at least 2.

    Examples
    --------
    >>> [round(expand_tail(0.025, units), 4) for units in (5, 20, 1000)]
    [0.001, 0.0159, 0.0248]
    """
    return float(ndtr(np.sqrt(units / (units - 1)) * stdtrit(units - 1, tail)))
