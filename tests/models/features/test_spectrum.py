import pytest
import torch

from aed_plugins.models.features.spectrum import cut_frames, power_spectrum


@pytest.mark.parametrize(("samples", "size", "hop"), [(50, 7, 3), (7, 7, 7), (9, 6, 8), (40, 4, 9)])
def test_frames_are_those_of_unfold(samples, size, hop):
    waveform = torch.randn(2, samples)
    assert torch.equal(cut_frames(waveform, size, hop), waveform.unfold(1, size, hop))


@pytest.mark.parametrize("size", [15, 16, 11])
def test_products_give_the_power_of_the_fourier_transform(size):
    frames = torch.randn(2, 3, size)
    window = torch.hann_window(size, periodic=False)
    expected = torch.fft.rfft(frames * window, n=16).abs().square()[..., :7]
    torch.testing.assert_close(power_spectrum(frames, window, 16, 7), expected)
