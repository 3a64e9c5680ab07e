import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio.compliance.kaldi

from aed_plugins.models import EfficientATLogMel

GOLDEN = Path(__file__).parents[2] / "golden"
SAMPLES = (1, 2, 3, 200, 401, 513, 800, 6400, 6401, 9999)


def noise(samples, seed=0):
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def mel_bank(n_mels):
    bank, _ = torchaudio.compliance.kaldi.get_mel_banks(
        n_mels, 1024, 32000, 0.0, 15000.0, 100.0, -500.0, 1.0
    )
    return np.pad(bank.numpy(), ((0, 0), (0, 1)))


def by_torch_stft(waveform, hop=320, n_mels=128):
    """`(frame, mel)` of a clip of 514 samples or more, with the whole 1024 of the transform."""
    emphasised = waveform[1:] - 0.97 * waveform[:-1]
    window = torch.hann_window(800, periodic=False)
    spectrum = torch.stft(emphasised, 1024, hop, 800, window, center=True, return_complex=True)
    mel = torch.from_numpy(mel_bank(n_mels)) @ spectrum.abs().square()
    return (((mel + 1e-5).log() + 4.5) / 5).T


def by_numpy(waveform):
    """`(frame, mel)` of a clip of any length, in 64-bit floats, reflected by `np.pad`."""
    samples = waveform.double().numpy()
    emphasised = np.append(samples, 0.0)[1:2] if len(samples) == 1 else samples[1:]
    emphasised = emphasised - 0.97 * samples[: len(emphasised)]
    padded = np.pad(emphasised, 512, mode="reflect")
    window = np.pad(np.hanning(800), 112)
    starts = range(0, len(emphasised) + 1, 320)
    spectrum = np.fft.rfft([padded[start : start + 1024] * window for start in starts])
    return torch.from_numpy((np.log(np.abs(spectrum) ** 2 @ mel_bank(128).T + 1e-5) + 4.5) / 5)


def test_two_sines_give_what_the_original_gives():
    signal = runpy.run_path(str(GOLDEN / "make_efficientat_sine.py"))["signal"]()
    log_mel = EfficientATLogMel()(torch.from_numpy(signal).unsqueeze(0))
    golden = np.load(GOLDEN / "efficientat_sine.npz")
    assert log_mel.shape == (1, 200, 128)
    torch.testing.assert_close(
        log_mel[0, golden["frames"]], torch.from_numpy(golden["log_mel"]), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("samples", [514, 6400, 6401, 32000])
def test_noise_gives_what_torch_stft_gives(samples):
    waveform = noise(samples)
    torch.testing.assert_close(
        EfficientATLogMel()(waveform.unsqueeze(0))[0], by_torch_stft(waveform), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize(("n_mels", "hop"), [(64, 320), (256, 320), (128, 160), (128, 800)])
def test_the_published_variants_differ_in_bands_and_hop_only(n_mels, hop):
    waveform = noise(6401)
    features = EfficientATLogMel(n_mels=n_mels, hop_length=hop / 32000)
    expected = by_torch_stft(waveform, hop, n_mels)
    torch.testing.assert_close(features(waveform.unsqueeze(0))[0], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("samples", SAMPLES)
def test_a_clip_however_short_is_reflected_as_often_as_needed(samples):
    waveform = noise(samples)
    features = EfficientATLogMel()
    log_mel = features(waveform.unsqueeze(0))[0]
    torch.testing.assert_close(log_mel.double(), by_numpy(waveform), atol=1e-4, rtol=0)
    assert len(log_mel) == features.frame_count(torch.tensor(samples))


def test_every_clip_of_a_padded_batch_is_reflected_at_its_own_end():
    waveform = torch.zeros(len(SAMPLES), max(SAMPLES))
    for clip, samples in enumerate(SAMPLES):
        waveform[clip, :samples] = noise(samples, seed=clip)
    features = EfficientATLogMel()
    together = features(waveform, torch.tensor(SAMPLES) / max(SAMPLES))
    for clip, samples in enumerate(SAMPLES):
        alone = features(waveform[clip : clip + 1, :samples])[0]
        torch.testing.assert_close(together[clip, : len(alone)], alone, atol=1e-4, rtol=0)


def test_frames_do_not_depend_on_how_many_are_computed_at_a_time():
    features, waveform = EfficientATLogMel(), noise(9999).unsqueeze(0)
    whole = features(waveform)
    features.block_frames = 3
    torch.testing.assert_close(features(waveform), whole)


def test_frame_t_is_centered_on_t_hops():
    click = torch.zeros(1, 6400)
    click[0, 3200] = 1.0
    # At high frequencies pre-emphasis is symmetric; at low ones the two samples cancel out.
    energy = EfficientATLogMel()(click)[0, :, 64:].mean(dim=1)
    assert energy.argmax() == 10  # 0.1 s
    torch.testing.assert_close(energy[9], energy[11], atol=2e-3, rtol=0)


def test_numbers_stay_in_32_bits_under_autocast():
    features, waveform = EfficientATLogMel(), noise(6400).unsqueeze(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(features(waveform), features(waveform.double()).float())
        assert features(waveform).dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"n_mels": 3}, "4 or more, got 3"), ({"hop_length": 1e-6}, "a sample or more")],
)
def test_impossible_features_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        EfficientATLogMel(**settings)
