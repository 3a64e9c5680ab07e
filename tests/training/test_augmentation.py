"""Changes of training clips: what they keep, what they draw, what the loss makes of mixtures."""

import numpy as np
import pytest
import torch
from speechbrain.augment.augmenter import Augmenter
from speechbrain.augment.freq_domain import SpectrogramDrop
from torch import nn

from aed_plugins.models import (
    AudioTagger,
    DilatedFrontEnd,
    DNNHead,
    FeatureNormalization,
    LogMel,
    ResNet,
)
from aed_plugins.training import (
    Augmentation,
    BetweenClassMixing,
    Gain,
    Mixture,
    Mixup,
    MultiLabel,
    RandomCrop,
    SingleLabel,
    TimeShift,
)

RATE = 16000


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def clips(seconds=(1.0, 0.5, 0.25), longest=1.0):
    """Noise of several lengths, zeros behind each end, and the lengths."""
    lengths = torch.tensor(seconds) / longest
    waveform = torch.randn(len(seconds), int(longest * RATE)) * 0.1
    for clip, length in zip(waveform, lengths, strict=True):
        clip[round(float(length) * len(clip)) :] = 0.0
    return waveform, lengths


def small_tagger():
    tagger = AudioTagger(
        LogMel(),
        FeatureNormalization(64),
        DilatedFrontEnd(),
        ResNet(16, width=0.125),
        DNNHead(64, 3),
    )
    waveform, _ = clips()
    tagger.normalization.fit([(tagger.features(waveform), None)])
    return tagger.eval()


def test_a_crop_is_a_piece_of_its_clip():
    waveform = torch.arange(1.0, 101.0).repeat(50, 1)
    cropped, lengths = RandomCrop(seconds=0.1, sample_rate=100)(waveform, torch.ones(50))
    assert cropped.shape == (50, 10)
    assert (lengths == 1.0).all()
    assert (cropped.diff(dim=1) == 1.0).all()
    starts = cropped[:, 0]
    assert len(starts.unique()) > 20
    assert starts.min() >= 1.0
    assert starts.max() <= 91.0


def test_a_crop_takes_sound_before_padding():
    waveform, lengths = clips((1.0, 0.25), 1.0)
    waveform[1, : RATE // 4] = 7.0
    cropped, new = RandomCrop(seconds=0.5, sample_rate=RATE)(waveform, lengths)
    assert new.tolist() == [1.0, 0.5]
    assert (cropped[1, : RATE // 4] == 7.0).all()
    assert (cropped[1, RATE // 4 :] == 0.0).all()


def test_a_crop_that_just_fits_is_the_clip():
    waveform, lengths = clips((0.5, 0.25), 1.0)
    waveform, lengths = waveform[:, : RATE // 2], lengths * 2
    same, kept = RandomCrop(seconds=0.5, sample_rate=RATE)(waveform, lengths)
    assert same is waveform
    assert kept is lengths


@pytest.mark.parametrize("wrong", [0.0, -1.0])
def test_a_crop_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="must last a sample"):
        RandomCrop(seconds=wrong, sample_rate=RATE)


def test_a_shift_keeps_the_clip_and_its_padding():
    waveform, lengths = clips()
    shifted = TimeShift()(waveform, lengths)
    for before, after, length in zip(waveform, shifted, lengths, strict=True):
        end = round(float(length) * RATE)
        assert torch.equal(before[:end].sort().values, after[:end].sort().values)
        assert not torch.equal(before[:end], after[:end])
        assert (after[end:] == 0.0).all()
        start = int((after[:end] == before[0]).nonzero()[0])
        assert torch.equal(after[:end].roll(-start), before[:end])


def test_a_gain_stays_in_its_range_and_silence_stays_silent():
    waveform = torch.ones(1000, 2)
    waveform[0] = 0.0
    louder = Gain(decibels=12.0)(waveform)
    assert (louder[0] == 0.0).all()
    decibels = 20 * louder[1:, 0].log10()
    assert -12 <= decibels.min() < -11
    assert 11 < decibels.max() <= 12


def test_mixup_mixes_labels_as_it_mixes_sounds():
    mixture = Mixup(alpha=1.0).draw(torch.zeros(16, 10), torch.ones(16))
    eye = torch.eye(16)
    assert torch.allclose(mixture(eye), mixture.targets(eye))
    assert torch.allclose(mixture.targets(eye).sum(dim=1), torch.ones(16))
    assert mixture.weights.unique().numel() == 16  # a weight for each pair, not one for the batch


def test_mixup_follows_its_beta_distribution():
    weights = Mixup(alpha=0.3).draw(torch.zeros(20000, 1), torch.ones(20000)).weights.numpy()
    drawn = np.random.default_rng(0).beta(0.3, 0.3, 20000)
    expected = np.maximum(drawn, 1 - drawn)
    for quantile in (0.1, 0.5, 0.9):
        assert abs(np.quantile(weights, quantile) - np.quantile(expected, quantile)) < 0.02


def test_mixup_of_zero_changes_nothing():
    waveform, lengths = clips()
    mixture = Mixup(alpha=0).draw(waveform, lengths)
    assert torch.equal(mixture(waveform), waveform)
    assert torch.equal(mixture.targets(torch.eye(3)), torch.eye(3))


def test_between_class_mixing_makes_a_loud_clip_no_louder_than_its_weight():
    loud, quiet = torch.randn(RATE), 0.01 * torch.randn(RATE)
    waveform = torch.stack([loud, quiet])
    for seed in range(20):
        torch.manual_seed(seed)
        mixture = BetweenClassMixing().draw(waveform, torch.ones(2))
        if mixture.partners.tolist() != [1, 0]:
            continue
        own = (mixture.gains.unsqueeze(1) * waveform).square().mean(dim=1).sqrt()
        other = (mixture.partner_gains.unsqueeze(1) * waveform[[1, 0]]).square().mean(dim=1).sqrt()
        mixed = own / (own + other)
        assert torch.allclose(mixed, mixture.weights, atol=1e-4)
        return
    pytest.fail("no seed mixed the two")


def test_between_class_mixing_leaves_out_padding_when_it_measures_levels():
    waveform = torch.ones(2, 100)
    waveform[1, 25:] = 0.0  # as loud as the other, but short
    for seed in range(20):
        torch.manual_seed(seed)
        mixture = BetweenClassMixing().draw(waveform, torch.tensor([1.0, 0.25]))
        if mixture.partners.tolist() == [1, 0]:
            weight = mixture.gains / (mixture.gains + mixture.partner_gains)
            assert torch.allclose(weight, mixture.weights, atol=1e-6)
            return
    pytest.fail("no seed mixed the two")


def test_a_clip_that_is_its_own_partner_is_no_louder():
    for clips_of_a_batch in (1, 3):
        waveform = torch.randn(clips_of_a_batch, 100)
        mixture = BetweenClassMixing().draw(waveform, torch.ones(clips_of_a_batch))
        own = mixture.partners == torch.arange(clips_of_a_batch)
        assert torch.allclose(mixture(waveform)[own], waveform[own])
        assert own.any() or clips_of_a_batch > 1


def test_silence_can_be_mixed():
    mixture = BetweenClassMixing().draw(torch.zeros(4, 100), torch.ones(4))
    assert torch.isfinite(mixture(torch.zeros(4, 100))).all()


def test_the_loss_of_soft_targets_is_that_of_certain_ones():
    logits, targets = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    single = SingleLabel(["a", "b", "c"])
    soft = single.soft_targets(targets)
    assert torch.allclose(single.loss(logits, targets, None), single.loss(logits, soft, None))
    multi = MultiLabel(["a", "b", "c"])
    assert torch.equal(multi.soft_targets(soft), soft)


def test_smoothing_moves_doubt_where_the_task_has_it():
    smooth = SingleLabel(["a", "b"]).soft_targets(torch.tensor([0]), 0.1)
    assert torch.allclose(smooth, torch.tensor([[0.95, 0.05]]))
    smooth = MultiLabel(["a", "b"]).soft_targets(torch.tensor([[1.0, 0.0]]), 0.1)
    assert torch.allclose(smooth, torch.tensor([[0.95, 0.05]]))
    with pytest.raises(ValueError, match="label_smoothing must be from 0 to 1"):
        Augmentation(label_smoothing=1.5)


def test_features_are_mixed_as_they_are_alone():
    """Mixing inside the tagger is mixing the normalized frames that each clip has alone."""
    tagger = small_tagger()
    waveform, lengths = clips((1.0, 0.5), 1.0)
    half = torch.tensor([0.75, 0.75])
    mixture = Mixture(torch.tensor([1, 0]), half, 1 - half, half)
    augmentation = Augmentation()
    augmentation.mixing = type(
        "Fixed", (), {"on": "features", "draw": lambda *_: mixture}
    )()  # both clips change places
    *changed, targets, change = augmentation(
        waveform, lengths, torch.tensor([0, 2]), SingleLabel(["a", "b", "c"]).soft_targets
    )
    assert torch.allclose(targets, torch.tensor([[0.75, 0, 0.25], [0.25, 0, 0.75]]))
    seen = []
    tagger.front_end.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        tagger(*changed, change)
        tagger(waveform[:1])
        tagger(waveform[1:, : RATE // 2])
    mixed, long, short = (maps[:, 0] for maps in seen)
    frames = short.shape[1]
    assert torch.allclose(mixed[0, :frames], 0.75 * long[0, :frames] + 0.25 * short[0], atol=1e-5)
    assert torch.allclose(mixed[0, frames:], 0.75 * long[0, frames:], atol=1e-5)
    assert torch.allclose(mixed[1, frames:], 0.25 * long[0, frames:], atol=1e-5)


def test_a_mixture_is_as_long_as_its_longer_clip():
    """The head must not take the second half of a mixture for padding."""
    tagger = small_tagger()
    waveform, lengths = clips((4.0, 0.5), 4.0)
    mixture = Mixture(
        torch.tensor([0, 0]),
        torch.tensor([1.0, 0.0]),
        torch.tensor([0.0, 1.0]),
        torch.tensor([1.0, 0.0]),
    )
    augmentation = Augmentation()
    augmentation.mixing = type("Fixed", (), {"on": "features", "draw": lambda *_: mixture})()
    *changed, _, change = augmentation(
        waveform, lengths, torch.tensor([0, 1]), SingleLabel(["a", "b"]).soft_targets
    )
    with torch.no_grad():
        logits = tagger(*changed, change).clip_logits
    assert torch.allclose(logits[0], logits[1], atol=1e-5)


def test_masks_reach_the_front_end_and_spare_the_waveform():
    tagger = small_tagger()
    drop = SpectrogramDrop(drop_length_low=10, drop_length_high=11, drop_count_high=1, dim=2)
    augmentation = Augmentation(features=Augmenter(augmentations=[drop]))
    waveform, lengths = clips((1.0, 1.0), 1.0)
    *changed, targets, change = augmentation(
        waveform, lengths, torch.tensor([0, 1]), SingleLabel(["a", "b"]).soft_targets
    )
    assert torch.equal(changed[0], waveform)
    assert torch.equal(targets, torch.tensor([0, 1]))  # nothing is mixed: they stay indices
    seen = []
    tagger.front_end.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        tagger(*changed, change)
    masked = (seen[0][:, 0] == 0).all(dim=1).sum(dim=1)
    assert ((masked >= 1) & (masked <= 10)).all()


def test_an_augmenter_may_make_more_clips():
    augmenter = Augmenter(concat_original=True, augmentations=[Gain(6.0)])
    augmentation = Augmentation(waveform=augmenter, mixing=Mixup(0.5, on="waveform"))
    waveform, lengths = clips()
    waveform, lengths, targets, change = augmentation(
        waveform, lengths, torch.tensor([0, 1, 2]), SingleLabel(["a", "b", "c"]).soft_targets
    )
    assert len(waveform) == len(lengths) == len(targets) == 6
    assert change is None
    with pytest.raises(ValueError, match="must keep the number of clips"):
        Augmentation(features=augmenter)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"alpha": -1}, "must not be negative"), ({"alpha": 1, "on": "x"}, "'x'")]
)
def test_a_wrong_mixup_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Mixup(**wrong)


def test_a_negative_gain_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        Gain(-1.0)


def test_changes_are_modules_for_the_augmenter():
    chain = [RandomCrop(0.5, RATE), TimeShift(), Gain(3.0)]
    assert all(isinstance(change, nn.Module) for change in chain)
    augmenter = Augmenter(augmentations=chain, min_augmentations=3)
    waveform, lengths = augmenter(*clips())
    assert waveform.shape == (3, RATE // 2)
    assert torch.allclose(lengths, torch.tensor([1.0, 1.0, 0.5]))
