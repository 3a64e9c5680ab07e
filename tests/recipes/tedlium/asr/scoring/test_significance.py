import numpy as np
import pytest
from scipy import stats

from aed_plugins.core import InputError
from asr.formats.ctm import CtmWord
from asr.formats.stm import StmSegment
from asr.scoring.score import AlignedWord, Score, ScoredSegment
from asr.scoring.significance import compute_wer_difference, compute_wer_interval

RIGHT = AlignedWord("correct", "so", CtmWord("t", "A", 0.0, 0.1, "so"))
WRONG = AlignedWord("deletion", "so", None)


def scored(talk, errors, words=100, onset=0.0):
    segment = StmSegment(talk, "A", talk, onset, onset + 1, "", ("so",) * words)
    return ScoredSegment(segment, (WRONG,) * errors + (RIGHT,) * (words - errors))


def score_of(errors, words=100):
    """Make a score of talks of one segment with these numbers of errors."""
    return Score(tuple(scored(f"t{n:03d}", e, words) for n, e in enumerate(errors)), "own")


# ---- the same as others


def test_an_interval_is_scipys_with_wider_percentiles():
    generator = np.random.default_rng(1)
    words, errors = generator.integers(50, 150, 12), generator.integers(0, 50, 12)
    talks = (scored(f"t{n:02d}", *of) for n, of in enumerate(zip(errors, words, strict=True)))
    # Hesterberg's formula for 12 talks: t is 2.201, times the root of 12/11 it is 2.299.
    theirs = stats.bootstrap(
        (errors, words),
        lambda e, w, axis: e.sum(axis) / w.sum(axis),
        paired=True,
        confidence_level=1 - 2 * stats.norm.cdf(-2.299),
        n_resamples=10_000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    ours = compute_wer_interval(Score(tuple(talks), "own"))
    assert ours.unit == "talks"
    assert (ours.low, ours.high) == pytest.approx(theirs, abs=0.006)


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_with_talks_of_one_length_a_p_value_is_that_of_the_t_test(shift):
    generator = np.random.default_rng(shift)
    first = generator.integers(10, 40, 40)
    second = first + shift + generator.integers(-5, 6, 40)
    difference = compute_wer_difference(score_of(first), score_of(second))
    assert difference.points == pytest.approx((second - first).mean())
    theirs = stats.ttest_1samp(second - first, 0)
    assert difference.p_value == pytest.approx(theirs.pvalue, abs=0.02)
    bounds = theirs.confidence_interval()
    assert (difference.low, difference.high) == pytest.approx((bounds.low, bounds.high), abs=0.1)


# ---- calibrated


def test_with_eight_talks_few_differences_that_are_none_are_significant():
    generator = np.random.default_rng(0)
    significant = 0
    for _ in range(150):
        rates = generator.beta(6, 20, 8)
        first, second = generator.binomial(100, rates), generator.binomial(100, rates)
        difference = compute_wer_difference(score_of(first), score_of(second))
        significant += difference.p_value < 0.05
        assert (difference.p_value < 0.05) == (not difference.low <= 0 <= difference.high)
    assert significant <= 11  # 5 % are 7 or 8; plain percentiles find 17


# ---- worked out by hand


def test_equal_systems_do_not_differ():
    assert compute_wer_difference(score_of([9] * 8), score_of([9] * 8)) == (0, 0, 0, 1, "talks")


def test_a_difference_has_the_sign_of_the_second_system():
    better, worse = score_of([5, 8, 20, 9, 4, 7]), score_of([9, 9, 28, 10, 8, 9])
    there, back = compute_wer_difference(better, worse), compute_wer_difference(worse, better)
    assert there.points == pytest.approx(100 * 20 / 600)
    assert 0 < there.low < there.points < there.high
    assert (back.points, back.low, back.high) == pytest.approx(
        (-there.points, -there.high, -there.low)
    )
    assert there.p_value == back.p_value < 0.05


def test_a_seed_fixes_the_resamples():
    score = score_of([5, 8, 20, 9, 4, 7])
    assert (
        compute_wer_interval(score, seed=1)
        == compute_wer_interval(score, seed=1)
        != compute_wer_interval(score, seed=2)
    )


@pytest.mark.parametrize(("talks", "unit"), [(5, "talks"), (4, "segments")])
def test_segments_are_drawn_where_talks_are_few(talks, unit):
    segments = [scored(f"t{n}", 5 + n, onset=at) for n in range(talks) for at in (0.0, 2.0)]
    score = Score(tuple(segments), "own")
    assert compute_wer_interval(score).unit == unit
    assert compute_wer_difference(score, score).unit == unit


def test_segments_without_a_word_do_no_harm():
    segments = [scored("a", 0, 0, onset=float(n)) for n in range(4)] + [scored("b", 1, 2)]
    interval = compute_wer_interval(Score(tuple(segments), "own"))
    assert 0 <= interval.low <= interval.high == 0.5


# ---- bad input


def test_scores_of_other_segments_are_refused():
    with pytest.raises(InputError, match=r"t000 0\.00 of the first differs from t000 0\.00 of the"):
        compute_wer_difference(score_of([1] * 6), score_of([1] * 6, words=99))
    with pytest.raises(InputError, match="of the same segments, got 6 and 7"):
        compute_wer_difference(score_of([1] * 6), score_of([1] * 7))


@pytest.mark.parametrize("errors", [[], [1]])
def test_one_segment_has_no_interval(errors):
    with pytest.raises(InputError, match=rf"two segments.*{len(errors)} segments"):
        compute_wer_interval(score_of(errors))


def test_without_words_there_is_no_interval():
    with pytest.raises(InputError, match="got 0 words in 6 segments"):
        compute_wer_interval(score_of([0] * 6, words=0))
