"""Is one model better than another? Tests of paired runs and of paired clips."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, t

LEVEL = 0.95


class PairedDifference(NamedTuple):
    """A mean difference.

    Attributes
    ----------
    mean : float
        In the unit of the differences.
    low, high : float, optional
        Its 95 % confidence interval; None for fewer than two differences, or if all are equal, so
        that their spread is not known.
    p_value : float, optional
        Two-sided, of no difference; None as for the interval.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None


def corrected_t_test(differences: npt.ArrayLike, test_per_train: float) -> PairedDifference:
    """Compare two models by their differences over resampled training and test sets.

    The runs of a cross-validation share training clips, and so they are not independent: the
    variance of their mean is `variance * (1/n + test/train)`, not `variance / n`.

    Parameters
    ----------
    differences : array_like
        `(n,)`, one for each pair of training and test set, in any unit.
    test_per_train : float
        Test clips per training clip, such as 1/9 in a cross-validation of ten folds.

    Notes
    -----
    Source: C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52
    (2003), section 3.2: the corrected resampled t-test.

    Examples
    --------
    The mean is 2 and the variance 1; with 1/3 + 1/6 the standard error is the root of 1/2, and t of
    two degrees of freedom is 4.303 at 97.5 %.

    >>> found = corrected_t_test([1.0, 2.0, 3.0], test_per_train=1 / 6)
    >>> f"{found.mean:.1f} [{found.low:.3f}, {found.high:.3f}], p = {found.p_value:.4f}"
    '2.0 [-1.042, 5.042], p = 0.1056'
    """
    values = np.asarray(differences, float)
    n, mean = len(values), float(np.mean(values))
    variance = float(np.var(values, ddof=1)) if n > 1 else 0.0
    if math.isclose(variance, 0.0, abs_tol=1e-18):
        return PairedDifference(mean)
    error = math.sqrt(variance * (1 / n + test_per_train))
    half = float(t.ppf((1 + LEVEL) / 2, n - 1)) * error
    p_value = float(2 * t.sf(abs(mean) / error, n - 1))
    return PairedDifference(mean, mean - half, mean + half, p_value)


def mcnemar(right_only_here: int, right_only_there: int) -> float:
    """Give the p-value of no difference between two models that judged the same clips.

    Parameters
    ----------
    right_only_here, right_only_there : int
        Clips that only one of the two models was right in.

    Notes
    -----
    Source: M. W. Fagerland, S. Lydersen and P. Laake, "The McNemar test for binary matched-pairs
    data: mid-p and asymptotic are better than exact conditional", BMC Medical Research Methodology
    13:91 (2013): the mid-p test.

    Examples
    --------
    Two-sided, 2 * (1 + 8) / 256, less the probability 8 / 256 of what was seen:

    >>> round(mcnemar(1, 7), 7)
    0.0390625
    """
    fewer, both = min(right_only_here, right_only_there), right_only_here + right_only_there
    if both == 0:
        return 1.0
    seen = float(binom.pmf(fewer, both, 0.5))
    if right_only_here == right_only_there:
        return 1 - seen / 2
    return 2 * float(binom.cdf(fewer, both, 0.5)) - seen


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for their number: without any difference, one is below 0.05 in 5 % of cases.

    Parameters
    ----------
    p_values : sequence of float
        One for each comparison; None where there is none, which counts for nothing.

    Notes
    -----
    Source: S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal
    of Statistics 6 (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, None, 0.03])
    [0.03, 0.06, None, 0.06]
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        corrected[place] = highest
    return corrected
