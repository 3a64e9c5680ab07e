import numpy as np
import pytest

from aed_plugins.training import balanced_sampler
from aed_plugins.training.balancing import check_balance, clip_weights

PRESENT = np.zeros((1000, 3), np.float32)
PRESENT[:900, 0] = 1  # frequent
PRESENT[850:950, 1] = 1
PRESENT[950:960, 2] = 1  # rare; the last 40 have no label
NAMES = np.array(["frequent", "common", "rare"])
LABELS = [list(NAMES[row > 0]) for row in PRESENT]


def test_every_label_and_silence_are_drawn_as_often_as_the_others():
    sampler = balanced_sampler(LABELS, seed=3, clips=1000)
    drawn = []
    for epoch in range(40):
        sampler.set_epoch(epoch)
        drawn += list(sampler)
    drawn = PRESENT[drawn]
    without = (drawn.sum(1) == 0).mean()
    fractions = drawn.mean(0)
    assert without == pytest.approx(1 / 4, abs=0.01)
    assert fractions[2] == pytest.approx(1 / 4, abs=0.01)
    # Clips with two labels are drawn for both.
    assert 1 / 4 < fractions[0] < 0.45
    assert 1 / 4 < fractions[1] < 0.45


def test_the_draw_depends_on_seed_and_epoch_alone():
    def draw(seed, epoch):
        sampler = balanced_sampler(LABELS, seed, 1500)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert draw(1, 2) == draw(1, 2)
    assert draw(1, 2) != draw(1, 3)
    assert draw(1, 2) != draw(2, 2)
    assert len(draw(1, 2)) == 1500


def test_weights_are_those_of_the_matrix_of_labels():
    weights = PRESENT @ (1 / PRESENT.sum(0, dtype=np.float64))
    weights[960:] = 1 / 40
    assert clip_weights(LABELS) == pytest.approx(weights)


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="balance must be one of none, class_weights, sampling"):
        check_balance("weights")
