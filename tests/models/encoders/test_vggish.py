import math
from pathlib import Path

import numpy as np
import pytest
import torch
from golden.make_vggish import SAMPLES, signal, weights
from recipe_program import load_benchmark
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.models import (
    AudioTagger,
    DNNHead,
    VGGish,
    VGGishLogMel,
    VGGishPostprocessor,
    compute_receptive_field,
)
from aed_plugins.models.blocks.patches import SILENCE, cut_patches
from aed_plugins.models.features.vggish import vggish_mel_bank

GOLDEN = Path(__file__).parents[2] / "golden"
NARROW = 1 / 16


@pytest.fixture(scope="module")
def torchaudio():
    return np.load(GOLDEN / "vggish.npz")


@pytest.fixture(scope="module")
def whole():
    """The network in its released size, with the weights that torchaudio's had."""
    encoder = VGGish(last_patch="drop").eval()
    state = {
        name: torch.from_numpy(weights(name, tuple(tensor.shape)))
        for name, tensor in encoder.state_dict().items()
    }
    encoder.load_state_dict(state)
    return encoder


@pytest.fixture
def waveform():
    return 0.1 * torch.randn(2, 70001, generator=torch.Generator().manual_seed(0))


def patches_of(encoder, log_mel):
    with torch.no_grad():
        return encoder(log_mel.unsqueeze(1))


# The front-end


def test_examples_equal_torchaudio_s(torchaudio):
    log_mel = VGGishLogMel()(torch.from_numpy(signal()).unsqueeze(0))
    examples = cut_patches(log_mel.unsqueeze(1), last_patch="drop")[0]
    assert examples.shape == torchaudio["examples"].shape == (2, 1, 96, 64)
    np.testing.assert_allclose(examples.numpy(), torchaudio["examples"], atol=2e-4)


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


def test_scripted_features_are_the_same(waveform):
    features = VGGishLogMel()
    torch.testing.assert_close(torch.jit.script(features)(waveform), features(waveform))


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


# The network


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
def test_a_short_clip_has_a_step_and_every_frame_is_heard(samples, steps):
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


def test_an_embedding_has_heard_0_975_seconds():
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
    shapes = VGGish(width=NARROW).state_dict()
    return {
        name: torch.from_numpy(weights(name, tuple(tensor.shape)))
        for name, tensor in shapes.items()
    }


def as_in_torchaudio(state):
    parts = {"features.": "features_network.", "embeddings.": "embedding_network."}
    return {
        name.replace(part, parts[part]): tensor
        for name, tensor in state.items()
        for part in parts
        if name.startswith(part)
    }


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


# The post-processor


@pytest.fixture
def parameters():
    random = np.random.default_rng(0)
    return {
        "pca_eigen_vectors": random.normal(size=(128, 128)) / 8,
        "pca_means": random.normal(size=128),
    }


def test_postprocessor_is_the_published_formula(parameters, tmp_path):
    np.savez(tmp_path / "pca.npz", **parameters)
    embeddings = np.random.default_rng(1).normal(size=(5, 128)).astype(np.float32)
    columns = embeddings.T.astype(np.float64) - parameters["pca_means"][:, None]
    whitened = (parameters["pca_eigen_vectors"] @ columns).T
    steps = (np.clip(whitened, -2, 2) + 2) * 255 / 4
    assert 0 < (np.abs(whitened) > 2).mean() < 0.5
    for rounding, expected in {"nearest": np.rint(steps), "down": np.floor(steps)}.items():
        postprocessor = VGGishPostprocessor(tmp_path / "pca.npz", rounding=rounding)
        got = postprocessor(torch.from_numpy(embeddings))
        assert got.dtype == torch.uint8
        # A number within a rounding error of the border between two steps may take either.
        assert np.abs(got.numpy() - expected).max() <= 1
        assert (got.numpy() != expected).mean() < 0.005


def test_a_batch_of_one_keeps_its_axis(parameters, tmp_path):
    np.savez(tmp_path / "pca.npz", **parameters)
    postprocessor = VGGishPostprocessor(tmp_path / "pca.npz")
    assert postprocessor(torch.zeros(1, 128)).shape == (1, 128)
    assert postprocessor(torch.zeros(1, 1, 128)).shape == (1, 1, 128)


def test_parameters_in_every_layout_are_the_same(parameters, tmp_path):
    np.savez(tmp_path / "google.npz", **parameters)
    column = {**parameters, "pca_means": parameters["pca_means"].reshape(-1, 1)}
    # torchvggish's file: NumPy arrays of a NumPy before 2, in PyTorch's format before 1.6
    torch.save(column, tmp_path / "pca.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "pca.pth").read_bytes()
    (tmp_path / "pca.pth").write_bytes(content.replace(b"numpy._core", b"numpy.core"))
    tensors = {f"pproc.{name}": torch.from_numpy(array).float() for name, array in column.items()}
    torch.save({"features.0.weight": torch.zeros(2), **tensors}, tmp_path / "vggish.pth")
    for name in ("google.npz", "pca.pth", "vggish.pth"):
        postprocessor = VGGishPostprocessor(tmp_path / name)
        expected = torch.from_numpy(parameters["pca_means"]).float()
        assert torch.equal(postprocessor.pca_means, expected)
        expected = torch.from_numpy(parameters["pca_eigen_vectors"]).float()
        assert torch.equal(postprocessor.pca_eigen_vectors, expected)


def test_other_files_of_parameters_are_named(parameters, tmp_path):
    np.savez(tmp_path / "other.npz", mean=np.zeros(3))
    with pytest.raises(InputError, match=r"other\.npz: expected VGGish's PCA parameters, but 2"):
        VGGishPostprocessor(tmp_path / "other.npz")
    np.savez(tmp_path / "pca.npz", **parameters)
    (tmp_path / "short.npz").write_bytes((tmp_path / "pca.npz").read_bytes()[:5000])
    with pytest.raises(InputError, match=r"short\.npz: expected .* whole \.npz file"):
        VGGishPostprocessor(tmp_path / "short.npz")
    (tmp_path / "pca.pth").write_bytes(b"not weights")
    with pytest.raises(InputError, match=r"pca\.pth: expected VGGish's PCA parameters saved with"):
        VGGishPostprocessor(tmp_path / "pca.pth")
    with pytest.raises(ValueError, match="'nearest' or 'down', got 'up'"):
        VGGishPostprocessor(rounding="up")


# The check of the published weights


@pytest.fixture
def check_weights(monkeypatch):
    """Load benchmarks/check_weights.py, for files of a narrow VGGish."""
    module = load_benchmark("check_weights", monkeypatch)
    monkeypatch.setattr(module, "VGGish", lambda **named: VGGish(width=NARROW, **named))
    return module


def test_the_smoke_test_has_three_patches_of_a_sine(check_weights):
    embeddings = check_weights.smoke_embeddings(VGGish(width=NARROW, last_patch="drop").eval())
    assert embeddings.shape == (3, 128)


@pytest.mark.parametrize(("scale", "good"), [(1.0, True), (1.08, True), (1.2, False)])
def test_values_within_ten_percent_of_the_published_ones_agree(check_weights, scale, good):
    values = (0.343 * torch.tensor([-1.0, 1.0]) + 0.000657) * scale
    comparisons = check_weights.compare_moments("embeddings", values, (0.000657, 0.343))
    assert [comparison.agrees for comparison in comparisons] == [good, good]
    assert "published 0.343: " in str(comparisons[1])


def test_other_weights_fail_the_check_with_one_line(
    check_weights, torchvggish_state, tmp_path, capsys
):
    path = tmp_path / "vggish.pth"
    torch.save(torchvggish_state, path)
    assert check_weights.main([str(path)]) == 1
    captured = capsys.readouterr()
    assert "published 0.343: DIFFERS" in captured.out
    assert captured.err == f"error: {path}: not the published weights; get them again\n"


@pytest.mark.parametrize("rename", [dict, as_in_torchaudio])
def test_weights_with_the_published_values_pass_the_check(
    check_weights, torchvggish_state, parameters, rename, tmp_path, capsys, monkeypatch
):
    torch.save(rename(torchvggish_state), tmp_path / "vggish.pth")
    encoder = VGGish(width=NARROW, last_patch="drop", pretrained=tmp_path / "vggish.pth").eval()
    found = check_weights.smoke_embeddings(encoder)
    np.savez(tmp_path / "pca.npz", **parameters)
    steps = VGGishPostprocessor(tmp_path / "pca.npz", rounding="down")(found).double()
    pair = (found.mean().item(), found.std(correction=0).item())
    monkeypatch.setattr(check_weights, "EMBEDDINGS", pair)
    pair = (steps.mean().item(), steps.std(correction=0).item())
    monkeypatch.setattr(check_weights, "POSTPROCESSED", pair)
    files = [str(tmp_path / "vggish.pth"), "--pca", str(tmp_path / "pca.npz")]
    assert check_weights.main(files) == 0
    assert capsys.readouterr().out.count(": agrees") == 4


def test_the_fixed_signal_ends_inside_a_third_patch():
    frames = 1 + (SAMPLES - 400) // 160
    assert 192 < frames < 288
    assert pytest.approx(math.log(0.01)) == SILENCE
