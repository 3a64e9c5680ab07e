"""Taggers as ONNX files: what ONNX Runtime gives against what PyTorch gives."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.models import (
    AudioTagger,
    DilatedFrontEnd,
    DNNHead,
    EfficientATLogMel,
    FeatureNormalization,
    LogMel,
    MobileNet,
    PooledDNNHead,
    ResNet,
    RNNHead,
    VGGish,
    VGGishLogMel,
)
from aed_plugins.models.encoders import mobilenet
from aed_plugins.models.features.spectrum import cut_frames, power_spectrum
from aed_plugins.pretrained import OnnxTagger, TaggerWithProbabilities, export_onnx
from aed_plugins.pretrained.onnx_export import largest_difference
from aed_plugins.pretrained.onnx_model import INPUT

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

LABELS = ["dog", "Hundegebell, draußen", "siren"]
SECONDS = (0.05, 0.31, 1.0, 2.37, 30.0)
CLOSE = {"atol": 1e-4, "rtol": 0}


def resnet():
    front_end = DilatedFrontEnd()
    encoder = ResNet(front_end.out_channels, width=0.125)
    head = DNNHead(encoder.embedding_size, 3, hidden=[8], pooling="attention")
    tagger = AudioTagger(LogMel(), FeatureNormalization(64), front_end, encoder, head)
    sounds = torch.logspace(-4, 0, 8)[:, None] * torch.randn(8, 16000)
    tagger.normalization.fit([(tagger.features(sounds), None)])
    return tagger


def mobile_net(repeat_to=0.0):
    """A MobileNet with one row of its table for each stride and kind of layer."""
    rows = mobilenet.BLOCK_SETTINGS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mobilenet, "BLOCK_SETTINGS", tuple(rows[row] for row in (0, 1, 3, 6, 10, 12)))
        encoder = MobileNet(width=0.1)
    head = PooledDNNHead(encoder.embedding_size, 3, hidden=16)
    components = EfficientATLogMel(), nn.Identity(), nn.Identity(), encoder, head
    return AudioTagger(*components, repeat_to=repeat_to)


def vggish():
    encoder = VGGish(width=1 / 32)
    head = RNNHead(encoder.embedding_size, 3, hidden_size=6)
    return AudioTagger(VGGishLogMel(), nn.Identity(), nn.Identity(), encoder, head)


TAGGERS = {
    "resnet": (resnet, False),
    "mobilenet": (mobile_net, True),
    "mobilenet, short clips repeated": (lambda: mobile_net(repeat_to=2.0), True),
    "vggish": (vggish, True),
}
SETTINGS = {
    "thresholds": [0.25, 0.5, 0.75],
    "name": "a model",
    "license": "Apache-2.0",
    "timeline": {"window_length": 1.0},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Taggers with their probabilities in PyTorch, and their files; each is made once."""
    made = {}

    def export(name):
        if name not in made:
            make, multi_label = TAGGERS[name]
            torch.manual_seed(0)
            tagger = make()
            for module in tagger.modules():  # outputs that depend on the input
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = None
                if isinstance(module, nn.Linear):
                    nn.init.normal_(module.weight, std=module.in_features**-0.5)
            loudness = torch.logspace(-4, 0, 8)[:, None]
            tagger(loudness * torch.randn(8, 2 * tagger.features.sample_rate))
            path = tmp_path_factory.mktemp(name) / "model.onnx"
            model = TaggerWithProbabilities(tagger, multi_label)
            difference = export_onnx(
                tagger, path, labels=LABELS, multi_label=multi_label, **SETTINGS
            )
            assert tagger.training
            assert 0 < difference <= 1e-4
            made[name] = model.eval(), path
        return made[name]

    return export


@pytest.mark.parametrize("name", TAGGERS)
def test_any_batch_and_length_gives_what_pytorch_gives(name, exported):
    model, path = exported(name)
    tagger = OnnxTagger(path)
    rows = []
    for batch in (1, 3):
        for seconds in SECONDS:
            waveform = 0.1 * torch.randn(batch, round(seconds * tagger.sample_rate))
            with torch.no_grad():
                expected = model(waveform)
            got = tagger(waveform.numpy())
            for theirs, ours in zip(expected, got, strict=True):
                np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4, rtol=1e-4)
            rows.append(got.clip[0])
    assert np.ptp(rows, axis=0).max() > 0.01  # not the same whatever is heard


@pytest.mark.parametrize("name", TAGGERS)
def test_a_padded_clip_gives_what_it_gives_alone(name, exported):
    tagger = OnnxTagger(exported(name)[1], threads=1)
    sizes = np.array([1.0, 0.31, 1.0, 0.05, 2 / 3])
    samples = np.rint(sizes * 3 * tagger.sample_rate).astype(int)
    waveform = np.zeros((5, max(samples)), np.float32)
    generator = np.random.default_rng(0)
    for clip, count in enumerate(samples):
        waveform[clip, :count] = 0.1 * generator.standard_normal(count)
    lengths = (samples / max(samples)).astype(np.float32)
    together = tagger(waveform, lengths)
    for clip, count in enumerate(samples):
        alone = tagger(waveform[clip : clip + 1, :count])
        steps = alone.step.shape[1]
        np.testing.assert_allclose(together.clip[clip], alone.clip[0], **CLOSE)
        np.testing.assert_allclose(together.step[clip, :steps], alone.step[0], **CLOSE)
        np.testing.assert_allclose(together.embeddings[clip, :steps], alone.embeddings[0], **CLOSE)
        assert not together.step[clip, steps:].any()
        assert not together.embeddings[clip, steps:].any()


def test_a_single_sample_is_tagged(exported):
    model, path = exported("mobilenet")
    with torch.no_grad():
        expected = model(torch.full((1, 1), 0.5)).clip.numpy()
    np.testing.assert_allclose(OnnxTagger(path)(np.full((1, 1), 0.5)).clip, expected, **CLOSE)


def test_one_label_has_a_softmax_and_several_have_sigmoids(exported):
    waveform = 0.1 * np.random.default_rng(0).standard_normal((2, 40000))
    single = OnnxTagger(exported("resnet")[1])
    several = OnnxTagger(exported("vggish")[1])
    assert (single.multi_label, several.multi_label) == (False, True)
    np.testing.assert_allclose(single(waveform).clip.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(single(waveform).step.sum(axis=2), 1, atol=1e-6)
    assert (np.abs(several(waveform).clip.sum(axis=1) - 1) > 1e-3).all()


def test_the_file_says_what_the_model_is(exported):
    model, path = exported("vggish")
    tagger = OnnxTagger(path)
    assert tagger.labels == LABELS
    assert tagger.thresholds.tolist() == SETTINGS["thresholds"]
    assert tagger.timeline == SETTINGS["timeline"]
    assert (tagger.name, tagger.license) == ("a model", "Apache-2.0")
    assert tagger.steps == model.tagger.steps
    assert tagger.sample_rate == 16000
    assert tagger.step_length == model.tagger.step_length == 0.96
    assert tagger.first_center == pytest.approx(float(model.tagger.step_centers(1)))
    assert tagger.embedding_size == 128


def test_the_file_is_one_and_knows_nothing_of_this_machine(exported):
    path = exported("resnet")[1]
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert str(sys.prefix).encode() not in path.read_bytes()
    assert b"onnx_export.py" not in path.read_bytes()
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*proto.graph.input, *proto.graph.output)
    }
    assert shapes == {
        "waveform": ["batch", "sample"],
        "embeddings": ["batch", "step", 64],
        "step_probabilities": ["batch", "step", 3],
        "clip_probabilities": ["batch", 3],
    }


class Heads(nn.Module):
    """Every head and pooling, over embeddings of 8."""

    def __init__(self):
        super().__init__()
        poolings = ("mean", "max", "attention", "linear_softmax")
        self.heads = nn.ModuleList(DNNHead(8, 3, pooling=pooling) for pooling in poolings)
        self.heads.append(DNNHead(8, 3, pooling="linear_softmax", multi_label=True))
        self.heads.append(RNNHead(8, 3, "lstm", 5, layers=2, pooling="max"))
        self.heads.append(RNNHead(8, 3, "gru", 5, bidirectional=False, pooling="linear_softmax"))

    def forward(self, embeddings):
        return tuple(logits for head in self.heads for logits in head(embeddings))


def test_every_head_gives_what_it_gives_in_pytorch(tmp_path):
    torch.manual_seed(0)
    heads = Heads().eval()
    with torch.no_grad():
        program = torch.onnx.export(
            heads,
            (torch.zeros(2, 5, 8),),
            dynamo=True,
            verbose=False,
            dynamic_shapes={"embeddings": {0: "batch", 1: "step"}},
        )
    program.save(tmp_path / "heads.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "heads.onnx")
    for batch, steps in ((1, 1), (3, 1), (1, 4), (3, 17)):
        embeddings = torch.randn(batch, steps, 8)
        with torch.no_grad():
            expected = heads(embeddings)
        for theirs, ours in zip(
            expected, session.run(None, {"embeddings": embeddings.numpy()}), strict=True
        ):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


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


class Untrue(nn.Module):
    """Gives an exported graph another result."""

    def __init__(self, difference):
        super().__init__()
        self.difference = difference

    def forward(self, embeddings, lengths=None):
        clip = embeddings.mean(dim=1)[:, :3].tanh()
        if torch.compiler.is_exporting():
            clip = clip + self.difference
        return embeddings[..., :3].tanh(), clip


class Small(nn.Module):
    """An encoder that takes no time to export."""

    time_stride = 32
    first_center = 0.0

    def forward(self, maps, lengths=None):
        return nn.functional.avg_pool2d(maps, (32, 1), (32, 1), ceil_mode=True).squeeze(1)


def small(head):
    return AudioTagger(LogMel(), nn.Identity(), nn.Identity(), Small(), head)


def test_a_file_that_differs_is_not_left_behind(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(InputError, match=r"model.onnx: not written, .* differ .* at most 0.0001"):
        export_onnx(small(Untrue(0.01)), path, labels=LABELS, multi_label=True)
    assert not list(tmp_path.iterdir())


def test_what_is_not_a_number_is_a_difference(exported):
    model, path = exported("resnet")

    def broken(waveform):
        output = model(waveform)
        return output._replace(clip=output.clip * torch.nan)

    assert np.isnan(largest_difference(broken, OnnxTagger(path)))


class NotForExport(nn.Module):
    """Does what no graph can."""

    def forward(self, embeddings, lengths=None):
        return embeddings, embeddings[:, int(embeddings.sum() > 0)]


def test_a_model_that_cannot_be_exported_is_one_line(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(InputError, match=r"PyTorch cannot export this model") as caught:
        export_onnx(small(NotForExport()), path, labels=["x"] * 64, multi_label=True)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": ["dog"]}, "expected 3 labels for the model's classes, got 1"),
        ({"labels": LABELS, "thresholds": [0.5]}, r"expected 3 thresholds, got shape \(1,\)"),
    ],
)
def test_labels_and_thresholds_must_fit(settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        export_onnx(small(Untrue(0.0)), tmp_path / "model.onnx", multi_label=True, **settings)


def test_what_is_not_an_onnx_file_is_one_line(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(InputError, match="expected an ONNX file") as caught:
        OnnxTagger(path)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_one_line(exported, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(exported("resnet")[1].read_bytes()[:-1000])
    with pytest.raises(InputError, match="expected an ONNX file"):
        OnnxTagger(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": None}, "expected a file of 'aed export'.* say nothing of it"),
        ({"format": "aed_plugins 99"}, "say aed_plugins 99"),
        ({"labels": None}, r"metadata are damaged \('labels'\)"),
        ({"labels": "[dog"}, "metadata are damaged"),
        ({"labels": json.dumps(["dog"])}, "labels or thresholds do not fit its 3 classes"),
        ({"thresholds": "[0.5]"}, "labels or thresholds do not fit its 3 classes"),
        ({"steps": "{}"}, "metadata are damaged"),
    ],
)
def test_other_files_are_refused(changes, message, exported, tmp_path):
    proto = onnx.load(exported("resnet")[1])
    metadata = {entry.key: entry.value for entry in proto.metadata_props} | changes
    del proto.metadata_props[:]
    onnx.helper.set_model_props(
        proto, {key: value for key, value in metadata.items() if value is not None}
    )
    onnx.save(proto, tmp_path / "model.onnx")
    with pytest.raises(InputError, match=message):
        OnnxTagger(tmp_path / "model.onnx")


def test_impossible_waveforms_are_refused(exported):
    tagger = OnnxTagger(exported("resnet")[1])
    with pytest.raises(ValueError, match=r"waveform \(batch, sample\), got shape \(16000,\)"):
        tagger(np.zeros(16000))
    with pytest.raises(ValueError, match="expected 2 lengths"):
        tagger(np.zeros((2, 16000)), np.ones(3))
    with pytest.raises(ValueError, match="threads must be 1 or more, got 0"):
        OnnxTagger(exported("resnet")[1], threads=0)


def test_a_missing_package_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"package onnxscript: pip install 'aed-plugins\[onnx\]'"):
        export_onnx(small(Untrue(0.0)), tmp_path / "m.onnx", labels=LABELS, multi_label=True)


def test_running_a_file_needs_no_pytorch(exported):
    program = (
        "import sys, numpy; from aed_plugins.pretrained.onnx_model import OnnxTagger;"
        f"tagger = OnnxTagger({str(exported('resnet')[1])!r});"
        f"print(tagger(numpy.zeros((1, 800)), numpy.ones(1)).clip.shape);"
        "assert not {'torch', 'speechbrain'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("(1, 3)\n", "")


def test_the_input_is_named_as_documented(exported):
    session = onnxruntime.InferenceSession(exported("resnet")[1])
    (given,) = session.get_inputs()
    assert (given.name, given.type) == (INPUT, "tensor(float)") == ("waveform", "tensor(float)")
