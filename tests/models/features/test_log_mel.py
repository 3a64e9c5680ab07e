import math
import warnings

import librosa
import numpy as np
import pytest
import torch

from aed_plugins.models import FeatureNormalization, LogMel


@pytest.fixture
def waveform():
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(2, 20011, generator=generator)


SETTINGS = {
    "paper": {},
    "odd window": {"window_length": 0.04594, "hop_length": 0.02},
    "25 ms": {"window_length": 0.025, "hop_length": 0.01, "n_mels": 40, "power": 2.0},
    "for MFCCs": {"window_length": 0.023, "hop_length": 0.0115, "n_mels": 40, "power": 2.0},
    "slaney": {"mel_scale": "slaney", "mel_norm": "slaney", "log_offset": 1e-3},
    "44.1 kHz": {"sample_rate": 44100, "f_min": 50.0, "f_max": 14000.0, "n_mels": 128},
    "long transform": {"n_fft": 4096, "n_mels": 128},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_log_mel_equals_librosa(waveform, name):
    settings = SETTINGS[name]
    features = LogMel(**settings)
    mel = librosa.feature.melspectrogram(
        y=waveform.numpy(),
        sr=features.sample_rate,
        n_fft=features.n_fft,
        win_length=features.window_samples,
        hop_length=features.hop_samples,
        n_mels=features.n_mels,
        power=features.power,
        fmin=settings.get("f_min", 0.0),
        fmax=settings.get("f_max"),
        htk=settings.get("mel_scale", "htk") == "htk",
        norm=settings.get("mel_norm"),
        pad_mode="constant",
    )
    expected = np.log(mel + features.log_offset).transpose(0, 2, 1)
    got = features(waveform).numpy()
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=2e-4)


def test_ten_seconds_give_435_frames_of_64_bands():
    assert LogMel()(torch.zeros(1, 160000)).shape == (1, 435, 64)


def test_blocks_on_a_cpu_change_nothing(waveform):
    features = LogMel()
    whole = features(waveform)
    features.block_frames = 7
    torch.testing.assert_close(features(waveform), whole)


def test_a_padded_clip_has_the_frames_it_has_alone(waveform):
    features = LogMel()
    alone = features(waveform[:1, :9001])
    padded = waveform[:1].clone()
    padded[:, 9001:] = 0
    torch.testing.assert_close(features(padded)[:, : alone.shape[1]], alone)
    assert int(features.frame_count(torch.tensor(9001))) == alone.shape[1]


def test_gradients_reach_the_waveform_and_are_right():
    features = LogMel(sample_rate=1000, n_mels=8).double()
    generator = torch.Generator().manual_seed(1)
    # A little noise keeps every bin away from zero, where a magnitude has no derivative.
    waveform = torch.randn(1, 120, generator=generator, dtype=torch.float64, requires_grad=True)
    # Features are float32 by design, so the comparison is with a wide finite difference.
    (gradient,) = torch.autograd.grad(features(waveform).sum(), waveform)
    step = torch.zeros_like(waveform)
    step[0, 60] = 1e-2
    with torch.no_grad():
        slope = (features(waveform + step).sum() - features(waveform - step).sum()) / 2e-2
    assert float(gradient[0, 60]) == pytest.approx(float(slope), rel=0.02)


def test_features_stay_exact_under_autocast(waveform):
    features = LogMel()
    with torch.autocast("cpu", torch.bfloat16):
        log_mel = features(waveform)
    assert log_mel.dtype == torch.float32
    torch.testing.assert_close(log_mel, features(waveform))


def test_nothing_is_rebuilt_per_call(waveform):
    features = LogMel()
    before = {name: buffer.data_ptr() for name, buffer in features.named_buffers()}
    features(waveform)
    assert {name: buffer.data_ptr() for name, buffer in features.named_buffers()} == before
    assert set(before) == {"window", "mel_bank"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window_length": 0.00001}, "at least|or more"),
        ({"n_fft": 512}, "n_fft must be at least the window's 736 samples"),
        ({"n_fft": 1023}, "even"),
        ({"f_max": 9000.0}, "<= 8000 Hz"),
        ({"f_min": 4000.0, "f_max": 3000.0}, "0 <= f_min < f_max"),
        ({"n_mels": 512}, "hold no bin"),
    ],
)
@pytest.mark.filterwarnings("ignore:At least one mel filterbank")
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LogMel(**settings)


def test_normalized_training_frames_have_mean_0_and_deviation_1(waveform):
    features = LogMel()
    normalization = FeatureNormalization(64)
    log_mel = features(waveform)
    lengths = torch.tensor([1.0, 30 / log_mel.shape[1]])
    normalization.fit([(log_mel[:1], lengths[:1]), (log_mel[1:], lengths[1:])])
    valid = torch.cat([log_mel[0], log_mel[1, :30]])
    frames = normalization(valid)
    torch.testing.assert_close(frames.mean(0), torch.zeros(64), atol=1e-4, rtol=0)
    torch.testing.assert_close(frames.std(0, correction=0), torch.ones(64), atol=1e-4, rtol=0)


def test_statistics_are_saved_with_the_model():
    normalization = FeatureNormalization(2)
    normalization.fit([(torch.tensor([[[1.0, 5.0], [3.0, 5.0]]]), None)])
    other = FeatureNormalization(2)
    other.load_state_dict(normalization.state_dict())
    assert other.mean.tolist() == [2.0, 5.0]
    assert other.std.tolist() == [1.0, 1.0], "a band that never changes is left as it is"


def test_no_frame_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        FeatureNormalization(2).fit([])


def test_a_level_is_taken_off_where_only_the_peak_counts():
    torch.manual_seed(0)
    features, normalization = LogMel(), FeatureNormalization(64, relative_to_peak=True)
    waveform = 0.1 * torch.randn(2, 16000)
    normalization.fit([(features(waveform), None)])
    loud, quiet = (normalization(features(gain * waveform)) for gain in (1.0, 0.1))
    torch.testing.assert_close(loud, quiet, atol=1e-3, rtol=0)  # the offset in the logarithm
    frames = loud.flatten(0, 1)
    torch.testing.assert_close(frames.mean(0), torch.zeros(64), atol=1e-4, rtol=0)
    padded = normalization(features(torch.nn.functional.pad(waveform, (0, 16000))))
    torch.testing.assert_close(padded[:, :40], loud[:, :40])


def test_what_is_silent_beside_the_training_set_stays_so():
    torch.manual_seed(0)
    features, normalization = LogMel(), FeatureNormalization(64, relative_to_peak=True)
    waveform = 0.1 * torch.randn(2, 16000)
    normalization.fit([(features(waveform), None)])
    again = FeatureNormalization(64, relative_to_peak=True)
    again.load_state_dict(normalization.state_dict())
    level = again(features(waveform)).mean()
    for decibels, expected in ((30, 0), (60, 0), (70, -10), (80, -20)):
        quiet = again(features(waveform * 10 ** (-decibels / 20)))
        lost = 20 / math.log(10) * (quiet.mean() - level) * again.std.mean()
        assert lost == pytest.approx(expected, abs=3)  # the offset in the logarithm
    assert again(features(torch.zeros(1, 16000))).isfinite().all()
    # Clips of nothing in the training set do not change that.
    floor = normalization.quietest_peak.clone()
    silent = torch.cat([waveform, torch.zeros(1, 16000)])
    normalization.fit([(features(silent), None)])
    torch.testing.assert_close(normalization.quietest_peak, floor, atol=0.05, rtol=0)
    with pytest.warns(UserWarning, match="call fit"):
        silence = FeatureNormalization(64, relative_to_peak=True)(torch.full((1, 5, 64), -13.8))
    assert silence.abs().max() == 0, "before a training every clip is lifted"


def test_normalization_without_statistics_warns_until_it_has_them():
    frames = torch.randn(2, 5, 3)
    with pytest.warns(UserWarning, match=r"before it has statistics.*call fit"):
        assert torch.equal(FeatureNormalization(3)(frames), frames)
    fitted, loaded = FeatureNormalization(3), FeatureNormalization(3)
    fitted.fit([(frames, None)])
    loaded.load_state_dict(fitted.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(loaded(frames), fitted(frames))
