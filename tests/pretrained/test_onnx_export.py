"""What is exported to ONNX, and what is refused."""

import sys

import numpy as np
import pytest
import torch
from onnx_taggers import LABELS
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.models import AudioTagger, DNNHead, LogMel, RNNHead
from aed_plugins.pretrained import OnnxTagger, export_onnx
from aed_plugins.pretrained.onnx_export import largest_difference

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


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


def test_a_missing_package_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"package onnxscript: pip install 'aed-plugins\[onnx\]'"):
        export_onnx(small(Untrue(0.0)), tmp_path / "m.onnx", labels=LABELS, multi_label=True)
