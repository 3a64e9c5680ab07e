import math
from pathlib import Path

import numpy as np
import pytest
import torch
from golden.make_vggish import SAMPLES, signal
from torch import nn

from aed_plugins.models import VGGishLogMel
from aed_plugins.models.blocks.patches import SILENCE, cut_patches
from aed_plugins.models.features.vggish import vggish_mel_bank

GOLDEN = Path(__file__).parents[2] / "golden/vggish.npz"


@pytest.fixture
def waveform():
    return 0.1 * torch.randn(2, 70001, generator=torch.Generator().manual_seed(0))


def test_examples_equal_torchaudio_s():
    expected = np.load(GOLDEN)["examples"]
    log_mel = VGGishLogMel()(torch.from_numpy(signal()).unsqueeze(0))
    examples = cut_patches(log_mel.unsqueeze(1), last_patch="drop")[0]
    assert examples.shape == expected.shape == (2, 1, 96, 64)
    np.testing.assert_allclose(examples.numpy(), expected, atol=2e-4)


def test_mel_bank_is_the_published_formula():
    def mel(hertz):
        return 1127 * math.log(1 + hertz / 700)

    edges = [mel(125) + i * (mel(7500) - mel(125)) / 65 for i in range(66)]
    expected = np.zeros((257, 64))
    for k in range(1, 257):
        place = mel(k * 16000 / 512)
        for band in range(64):
            low, middle, high = edges[band : band + 3]
            up, down = (place - low) / (middle - low), (high - place) / (high - middle)
            expected[k, band] = max(0.0, min(up, down))
    np.testing.assert_allclose(vggish_mel_bank().numpy(), expected, atol=1e-6)


def test_log_mel_is_the_plain_computation(waveform):
    frames = waveform.double().unfold(1, 400, 160)
    spectrum = torch.fft.rfft(frames * torch.hann_window(400, dtype=torch.float64), n=512).abs()
    expected = torch.log(spectrum @ vggish_mel_bank().double() + 0.01)
    torch.testing.assert_close(VGGishLogMel()(waveform), expected.float(), atol=2e-5, rtol=1e-5)


def test_blocks_on_a_cpu_change_nothing(waveform):
    features = VGGishLogMel()
    whole = features(waveform)
    features.block_frames = 7
    torch.testing.assert_close(features(waveform), whole)


@pytest.mark.parametrize("samples", [1, 399, 400, 559, 560, 15599, 15600, 15760])
def test_frame_count_is_true_and_padding_changes_nothing(samples, waveform):
    features = VGGishLogMel()
    clip = waveform[:1, :samples]
    alone = features(clip)
    assert alone.shape[1] == int(features.frame_count(torch.tensor(samples)))
    assert alone.shape[1] == max(1, 1 + (samples - 400) // 160)
    padded = features(nn.functional.pad(clip, (0, 5000)))
    torch.testing.assert_close(padded[:, : alone.shape[1]], alone, atol=1e-5, rtol=1e-5)


def test_features_stay_exact_under_autocast(waveform):
    features = VGGishLogMel()
    with torch.autocast("cpu", torch.bfloat16):
        log_mel = features(waveform)
    assert log_mel.dtype == torch.float32
    torch.testing.assert_close(log_mel, features(waveform))


def test_gradients_reach_the_waveform_and_silence_has_finite_ones(waveform):
    clip = waveform[:1, :2000].clone()
    clip[:, 1000:] = 0.0
    clip.requires_grad_()
    log_mel = VGGishLogMel()(clip)
    torch.testing.assert_close(log_mel, VGGishLogMel()(clip.detach()), atol=1e-5, rtol=1e-5)
    (gradient,) = torch.autograd.grad(log_mel.sum(), clip)
    assert gradient.isfinite().all()
    assert gradient[:, 200:900].abs().min() > 0


def test_nothing_is_rebuilt_per_call(waveform):
    features = VGGishLogMel()
    before = {name: buffer.data_ptr() for name, buffer in features.named_buffers()}
    features(waveform)
    assert {name: buffer.data_ptr() for name, buffer in features.named_buffers()} == before


def test_the_fixed_signal_ends_inside_a_third_patch():
    frames = 1 + (SAMPLES - 400) // 160
    assert 192 < frames < 288
    assert pytest.approx(math.log(0.01)) == SILENCE
