"""What ONNX Runtime gives against what PyTorch gives."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from onnx_taggers import LABELS, SETTINGS, TAGGERS

from aed_plugins.core import InputError
from aed_plugins.pretrained import OnnxTagger
from aed_plugins.pretrained.onnx_model import INPUT

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SECONDS = (0.05, 0.31, 1.0, 2.37, 30.0)
CLOSE = {"atol": 1e-4, "rtol": 0}


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
    assert np.ptp(rows, axis=0).max() > 0.01  # not the same for any sound


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
