from pathlib import Path

import numpy as np
import pytest
import torch
from golden.make_vggish import signal
from torch import nn
from vggish_weights import NARROW, as_in_torchaudio, formula_state

from aed_plugins.core import InputError
from aed_plugins.models import (
    AudioTagger,
    DNNHead,
    VGGish,
    VGGishLogMel,
    compute_receptive_field,
)

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def torchaudio():
    return np.load(GOLDEN / "vggish.npz")


@pytest.fixture(scope="module")
def whole():
    """The network in its released size, with the weights that torchaudio's had."""
    encoder = VGGish(last_patch="drop").eval()
    encoder.load_state_dict(formula_state())
    return encoder


@pytest.fixture
def waveform():
    return 0.1 * torch.randn(2, 70001, generator=torch.Generator().manual_seed(0))


def patches_of(encoder, log_mel):
    with torch.no_grad():
        return encoder(log_mel.unsqueeze(1))


def test_embeddings_equal_torchaudio_s_before_and_after_the_last_relu(whole, torchaudio):
    maps = torch.from_numpy(torchaudio["examples"]).reshape(1, 1, 192, 64)
    with torch.no_grad():
        before = whole(maps)[0]
    np.testing.assert_allclose(before.numpy(), torchaudio["before_relu"], atol=2e-4, rtol=1e-5)
    ends = VGGish(width=NARROW, activation="relu")
    rectified = ends.embeddings[-1](before)
    np.testing.assert_allclose(rectified.numpy(), torchaudio["after_relu"], atol=2e-4, rtol=1e-5)
    assert (torchaudio["before_relu"] < -1).any()


def test_from_waveform_to_embeddings_equals_torchaudio(whole, torchaudio):
    embeddings = patches_of(whole, VGGishLogMel()(torch.from_numpy(signal()).unsqueeze(0)))
    np.testing.assert_allclose(embeddings[0].numpy(), torchaudio["before_relu"], atol=1e-3)


def test_the_released_network_has_72_million_parameters(whole):
    assert sum(parameter.numel() for parameter in whole.parameters()) == 72141184


@pytest.mark.parametrize(
    ("samples", "steps"), [(15360, 1), (15599, 1), (15600, 1), (15760, 2), (160000, 11)]
)
def test_a_short_clip_has_a_step_and_every_frame_counts(samples, steps):
    features, encoder = VGGishLogMel(), VGGish(width=NARROW)
    assert patches_of(encoder, features(torch.zeros(1, samples))).shape == (1, steps, 128)
    assert int(encoder.step_count(features.frame_count(torch.tensor(samples)))) == steps


@pytest.mark.parametrize(("samples", "steps"), [(15360, 1), (15600, 1), (15760, 1), (160000, 10)])
def test_dropping_the_last_patch_leaves_what_google_s_code_has_and_never_none(samples, steps):
    features, encoder = VGGishLogMel(), VGGish(width=NARROW, last_patch="drop")
    assert patches_of(encoder, features(torch.zeros(1, samples))).shape == (1, steps, 128)
    assert int(encoder.step_count(features.frame_count(torch.tensor(samples)))) == steps


def test_15600_samples_are_exactly_one_patch(waveform):
    features, encoder = VGGishLogMel(), VGGish(width=NARROW).eval()
    exact = patches_of(encoder, features(waveform[:, :15600]))
    # 159 more samples complete no frame, and 96 frames need no silence.
    torch.testing.assert_close(patches_of(encoder, features(waveform[:, :15759])), exact)
    short = patches_of(encoder, features(waveform[:, :15599]))
    assert not torch.allclose(short, exact)


@pytest.mark.parametrize("last_patch", ["pad", "drop"])
def test_a_padded_clip_gives_what_it_gives_alone(last_patch, waveform):
    torch.manual_seed(0)
    encoder = VGGish(width=NARROW, last_patch=last_patch).eval()
    tagger = AudioTagger(VGGishLogMel(), nn.Identity(), nn.Identity(), encoder, DNNHead(128, 3))
    tagger.eval()
    samples = [70001, 200, 15360, 40000]
    batch = torch.zeros(len(samples), max(samples))
    for clip, size in enumerate(samples):
        batch[clip, :size] = waveform[0, :size]
    with torch.no_grad():
        together = tagger(batch, torch.tensor(samples) / max(samples))
        for clip, size in enumerate(samples):
            alone = tagger(batch[clip : clip + 1, :size])
            steps = alone.step_logits.shape[1]
            close = {"atol": 1e-4, "rtol": 1e-4}
            torch.testing.assert_close(together.clip_logits[clip], alone.clip_logits[0], **close)
            torch.testing.assert_close(
                together.embeddings[clip, :steps], alone.embeddings[0], **close
            )


def test_an_impulse_changes_only_the_patch_that_covers_it():
    torch.manual_seed(0)
    encoder = VGGish(width=NARROW).eval()
    tagger = AudioTagger(VGGishLogMel(), nn.Identity(), nn.Identity(), encoder, DNNHead(128, 3))
    silent = torch.zeros(1, 80000)
    with torch.no_grad():
        quiet = tagger.embed(silent)[0][0]
        centers = tagger.step_centers(len(quiet))
        assert centers[:2].tolist() == pytest.approx([0.4875, 0.4875 + 0.96])
        for step, center in enumerate(centers.tolist()):
            loud = silent.clone()
            loud[0, min(round(center * 16000), 79000)] = 1.0
            changed = (tagger.embed(loud)[0][0] - quiet).abs().amax(dim=1) > 1e-6
            assert changed.nonzero().flatten().tolist() == [step]
    assert tagger.step_length == pytest.approx(0.96)


def test_an_embedding_covers_0_975_seconds():
    field = compute_receptive_field(VGGishLogMel(), nn.Identity(), VGGish(width=NARROW))
    assert (field.frames, field.seconds) == (96, 0.975)


def test_the_flattening_order_is_frame_mel_channel():
    encoder = VGGish(width=NARROW).eval()
    with torch.no_grad():
        for layer in encoder.features:
            if isinstance(layer, nn.Conv2d):
                layer.weight.zero_()
        encoder.features[13].bias.copy_(torch.arange(32.0))
        encoder.embeddings[0] = nn.Identity()
        encoder.embeddings[2] = nn.Identity()
        encoder.embeddings[4] = nn.Identity()
        flat = encoder(torch.zeros(1, 1, 96, 64))[0, 0]
    assert flat.tolist() == list(range(32)) * 24


# Weights in two layouts


@pytest.fixture
def torchvggish_state():
    return formula_state(width=NARROW)


def test_both_layouts_load_to_the_same_outputs(torchvggish_state, tmp_path):
    torchvggish = {
        **torchvggish_state,
        "pproc.pca_eigen_vectors": torch.eye(128),
        "pproc.pca_means": torch.zeros(128, 1),
    }
    torch.save(torchvggish, tmp_path / "torchvggish.pth")
    torch.save(as_in_torchaudio(torchvggish_state), tmp_path / "torchaudio.pt")
    maps = torch.randn(1, 1, 192, 64, generator=torch.Generator().manual_seed(0))
    expected = VGGish(width=NARROW).eval()
    expected.load_state_dict(torchvggish_state)
    with torch.no_grad():
        for path in (tmp_path / "torchvggish.pth", tmp_path / "torchaudio.pt"):
            got = VGGish(width=NARROW, pretrained=path).eval()(maps)
            assert torch.equal(got, expected(maps))
    assert got.std() > 0


def test_tampered_and_truncated_files_are_named(torchvggish_state, tmp_path):
    path = tmp_path / "vggish.pth"
    torch.save(torchvggish_state, path)
    with pytest.raises(InputError, match=r"vggish\.pth: expected SHA-256 10086976, found"):
        VGGish(width=NARROW, pretrained=path, sha256="10086976")
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"vggish\.pth: expected weights saved with torch\.save"):
        VGGish(width=NARROW, pretrained=path)


def test_a_tensorflow_checkpoint_is_refused_with_where_to_get_the_same_weights(tmp_path):
    path = tmp_path / "vggish_model.ckpt"
    path.write_bytes(bytes(1000) + bytes.fromhex("57fb808b247547db"))
    message = r"model\.ckpt: expected .* got a TensorFlow checkpoint; .*-10086976\.pth, .*weights$"
    with pytest.raises(InputError, match=message) as error:
        VGGish(width=NARROW, pretrained=path)
    assert "\n" not in str(error.value)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"expected weights saved with torch\.save, got: "):
        VGGish(width=NARROW, pretrained=path)


def test_weights_of_another_network_are_named(tmp_path, torchvggish_state):
    path = tmp_path / "resnet.pth"
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, path)
    with pytest.raises(InputError, match=r"resnet\.pth: expected VGGish's weights as .* not fit"):
        VGGish(width=NARROW, pretrained=path)
    torch.save(torchvggish_state, path)
    with pytest.raises(InputError, match=r"resnet\.pth: .* 17 of 18 tensors do not fit"):
        VGGish(width=1 / 8, pretrained=path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "tanh"}, "'none' or 'relu', got 'tanh'"),
        ({"last_patch": "keep"}, "'pad' or 'drop', got 'keep'"),
    ],
)
def test_impossible_networks_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        VGGish(width=NARROW, **settings)


def test_spectrograms_of_another_size_are_refused():
    with pytest.raises(ValueError, match="1 channels and 64 mel bands, got 1 and 40"):
        VGGish(width=NARROW)(torch.zeros(1, 1, 96, 40))
