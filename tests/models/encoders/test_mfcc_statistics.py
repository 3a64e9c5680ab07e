"""Statistics of MFCCs, against numpy and SciPy."""

import numpy as np
import pytest
import scipy.stats
import torch

from aed_plugins.models import LogMel, MFCCStatistics


def statistics_of(frames):
    """The eleven statistics of MFCCs (frame, coefficient), by other people's code."""
    parts = [np.min, np.max, np.median, np.mean, np.var, scipy.stats.skew, scipy.stats.kurtosis]
    found = [part(frames, axis=0) for part in parts]
    for order in (1, 2):
        changes = np.diff(frames, order, axis=0)
        found += [changes.mean(0), changes.var(0)]
    return np.concatenate(found)


@pytest.mark.parametrize("length", [20, 17, 9])
def test_each_step_has_the_statistics_of_its_window(length):
    encoder = MFCCStatistics(n_mels=8, coefficients=5, window_frames=7, time_stride=4)
    maps = torch.randn(1, 1, 20, 8, generator=torch.Generator().manual_seed(length))
    found = encoder(maps, torch.tensor([length / 20])).numpy()[0]
    mfcc = scipy.fft.dct(maps[0, 0].numpy(), norm="ortho")[:length, :5]
    steps = int(encoder.step_count(length))
    windows = [mfcc[max(0, 4 * step - 3) : 4 * step + 4] for step in range(steps)]
    expected = [statistics_of(window) for window in windows]
    np.testing.assert_allclose(found[:steps], expected, rtol=1e-4, atol=1e-4)
    assert (found[steps:] == 0).all()


def test_the_numbers_of_a_coefficient_are_those_of_the_paper():
    encoder = MFCCStatistics(n_mels=1, coefficients=1, window_frames=7, time_stride=8)
    found = encoder(torch.tensor([1.0, 3.0, 3.0, 9.0]).reshape(1, 1, 4, 1))
    # First differences 2, 0, 6; second -2, 6. Moments about the mean 4: 9, 24, 177.
    skewness, kurtosis = 24 / 9**1.5, 177 / 81 - 3
    expected = [1, 9, 3, 4, 9, skewness, kurtosis, 8 / 3, 56 / 9, 2, 16]
    assert found.flatten().tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_frames_that_are_alike_have_finite_numbers(frames):
    encoder = MFCCStatistics()
    found = encoder(torch.full((1, 1, frames, 40), 0.1)).reshape(11, 25)
    torch.testing.assert_close(found[4:], torch.zeros(7, 25))


def test_mfccs_are_the_cosine_transform_of_log_mel_that_librosa_takes():
    """That the log-mel features are librosa's is tested with LogMel."""
    features, encoder = LogMel(16000, 0.023, 0.0115, 40, power=2.0), MFCCStatistics()
    log_mel = features(torch.randn(1, 16000, generator=torch.Generator().manual_seed(0)))[0]
    expected = scipy.fft.dct(log_mel.numpy(), type=2, norm="ortho")[:, :25]
    np.testing.assert_allclose((log_mel @ encoder.dct).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"coefficients": 41}, "expected at most 40 coefficients, got 41"),
        ({"coefficients": 0}, "coefficients must be a whole number above 0, got 0"),
        ({"coefficients": 2.5}, "coefficients must be a whole number above 0, got 2.5"),
        ({"time_stride": 0}, "time_stride must be a whole number above 0, got 0"),
        ({"window_frames": 10}, "window_frames must be odd, got 10"),
    ],
)
def test_impossible_statistics_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        MFCCStatistics(**settings)


@pytest.mark.parametrize("shape", [(1, 16, 20, 40), (1, 1, 20, 64)])
def test_what_is_no_bare_spectrogram_is_refused(shape):
    with pytest.raises(ValueError, match="expected one channel of 40 mel bands and no front-end"):
        MFCCStatistics(n_mels=40)(torch.zeros(shape))
