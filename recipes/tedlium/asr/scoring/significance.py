"""Confidence intervals of word error rates, and the significance of differences.

The bootstrap draws whole talks, as the errors of one speaker are correlated. With the few talks of
a development set its plain percentiles are too narrow: a 95 % interval of 8 talks' word error rate
holds the true one in 86 % of simulated cases, and one in ten differences that are none counts as
significant. The percentiles are therefore moved outwards as far as Student's t is wider
than the normal distribution of as many values; 93 and 95 % it is then.

Source: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance
evaluation", ICASSP 2004, with talks instead of segments; Hesterberg, "What teachers should know
about the bootstrap", The American Statistician 69 (2015), section 4.3 (the expanded percentile
interval).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import norm, t

from aed_plugins.core import InputError
from aed_plugins.metrics import compute_percentile_interval, expand_tail
from asr.scoring.score import ErrorCounts, Score

_LEVEL = 0.95
_BOOTSTRAP_SAMPLES = 10_000
_FEWEST_TALKS = 5

BootstrapUnit = Literal["talks", "segments"]


class WerInterval(NamedTuple):
    """A 95 % confidence interval of a word error rate.

    Attributes
    ----------
    low, high : float
        Fractions, as `ErrorCounts.wer`.
    unit : str
        What was drawn: `talks`, or `segments` where there are fewer than five talks: too narrow
        then, as a talk's segments have much in common.
    """

    low: float
    high: float
    unit: BootstrapUnit


class WerDifference(NamedTuple):
    """The second word error rate minus the first.

    Attributes
    ----------
    points : float
        Percentage points; negative where the second system makes fewer errors.
    low, high : float
        The 95 % confidence interval of `points`.
    p_value : float
        Two-sided: a difference is significant at 5 % where this is below 0.05.
    unit : str
        What was drawn, see `WerInterval`.
    """

    points: float
    low: float
    high: float
    p_value: float
    unit: BootstrapUnit


def compute_wer_interval(score: Score, seed: int = 0) -> WerInterval:
    """Compute the 95 % confidence interval of a word error rate.

    Parameters
    ----------
    score : Score
        What was scored.
    seed : int
        Of the bootstrap samples.

    Raises
    ------
    InputError
        If there is no reference word, or only one segment.

    Examples
    --------
    >>> from asr.formats.ctm import CtmWord
    >>> from asr.scoring.wer import score_words
    >>> from asr.formats.stm import StmSegment
    >>> words = ("so", "it", "is")
    >>> references = [StmSegment(talk, "A", talk, 0.0, 2.0, "", words) for talk in "abcdef"]
    >>> recognized = [CtmWord(talk, "A", 1.0, 0.2, "it") for talk in "abcdef"]
    >>> interval = compute_wer_interval(score_words(references, recognized, "own"))
    >>> f"{interval.low:.3f} {interval.high:.3f} {interval.unit}"
    '0.667 0.667 talks'
    """
    unit, (counts,) = _make_blocks(score)
    rates = _compute_rates(_draw_weights(len(counts), seed), counts)
    low, high = _compute_interval(rates, len(counts))
    return WerInterval(low, high, unit)


def compute_wer_difference(first: Score, second: Score, seed: int = 0) -> WerDifference:
    """Compare two systems on the same segments.

    Parameters
    ----------
    first, second : Score
        Of the same segments, with the same words.
    seed : int
        Of the bootstrap samples, which are the same for both.

    Raises
    ------
    InputError
        If the segments are not the same, there is no reference word, or only one segment.

    Examples
    --------
    >>> from asr.formats.ctm import CtmWord
    >>> from asr.scoring.wer import score_words
    >>> from asr.formats.stm import StmSegment
    >>> words = ("so", "it", "is")
    >>> references = [StmSegment(talk, "A", talk, 0.0, 2.0, "", words) for talk in "abcdef"]
    >>> recognized = [CtmWord(talk, "A", 1.0, 0.2, "it") for talk in "abcdef"]
    >>> scores = [score_words(references, words, "own") for words in ([], recognized)]
    >>> difference = compute_wer_difference(*scores)
    >>> f"{difference.points:.1f} points over {difference.unit}"
    '-33.3 points over talks'
    """
    _check_same(first, second)
    unit, (ones, others) = _make_blocks(first, second)
    weights = _draw_weights(len(ones), seed)
    drawn = 100 * (_compute_rates(weights, others) - _compute_rates(weights, ones))
    low, high = _compute_interval(drawn, len(ones))
    points = 100 * (second.total.wer - first.total.wer)
    return WerDifference(points, low, high, _compute_p_value(drawn, len(ones)), unit)


def _check_same(first: Score, second: Score) -> None:
    pairs = zip(first.segments, second.segments, strict=False)
    differing = next((pair for pair in pairs if pair[0].segment != pair[1].segment), None)
    if differing is not None:
        ours, theirs = (f"{it.segment.talk} {it.segment.onset:.2f}" for it in differing)
        raise InputError(
            f"expected two scores of the same segments with the same words, but {ours} of the "
            f"first differs from {theirs} of the second; score both against the same STM"
        )
    if len(first.segments) != len(second.segments):
        raise InputError(
            "expected two scores of the same segments, "
            f"got {len(first.segments)} and {len(second.segments)}; score both against the same STM"
        )


def _make_blocks(*scores: Score) -> tuple[BootstrapUnit, list[np.ndarray]]:
    """Return for each score the errors and reference words of each block, `(block, 2)`."""
    unit: BootstrapUnit = "talks"
    parts: list[Sequence[ErrorCounts]] = [list(score.per_talk.values()) for score in scores]
    if len(parts[0]) < _FEWEST_TALKS:
        unit = "segments"
        parts = [[segment.counts for segment in score.segments] for score in scores]
    if len(parts[0]) < 2 or not scores[0].total.reference_words:
        raise InputError(
            "expected words in two segments at least, got "
            f"{scores[0].total.reference_words} words in {len(parts[0])} segments"
        )
    return unit, [
        np.array([(counts.errors, counts.reference_words) for counts in part]) for part in parts
    ]


def _draw_weights(blocks: int, seed: int) -> np.ndarray:
    """Draw how often each block is in each bootstrap sample, `(bootstrap sample, block)`."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=_BOOTSTRAP_SAMPLES)


def _compute_rates(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    errors, words = (weights @ counts).T
    # A bootstrap sample may be of silent segments alone.
    return errors / np.maximum(words, 1)


def _compute_interval(drawn: np.ndarray, blocks: int) -> tuple[float, float]:
    """Compute the expanded percentile interval of the bootstrap samples' values."""
    interval = compute_percentile_interval(drawn, expand_tail((1 - _LEVEL) / 2, blocks))
    assert interval is not None  # every rate is defined
    return interval


def _compute_p_value(drawn: np.ndarray, blocks: int) -> float:
    """Find the level at which the interval just leaves out 0."""
    beyond = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    tail = min((beyond + 1) / (len(drawn) + 1), 0.5)
    return float(2 * t.cdf(norm.ppf(tail) * np.sqrt((blocks - 1) / blocks), blocks - 1))
