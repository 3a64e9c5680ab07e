"""Several models as one: from Python, from the command line and in ONNX."""

import csv

import numpy as np
import pytest
import soundfile
import torch
from tiny_model import LABELS, RUN_TEXT, TEXT, write_model, write_run
from torch import nn

from aed_plugins.cli.command import main
from aed_plugins.core import InputError
from aed_plugins.inference import PretrainedTagger
from aed_plugins.models import AudioTagger, DNNHead, Ensemble, LogMel, ResNet, RNNHead
from aed_plugins.models.ensemble import mean_logits

RATE = 8000


def tagger(seed, hop=0.023, classes=3, rnn=False):
    torch.manual_seed(seed)
    encoder = ResNet(width=0.0625)
    head = RNNHead(32, classes, hidden_size=8) if rnn else DNNHead(32, classes)
    components = (LogMel(hop_length=hop), nn.Identity(), nn.Identity(), encoder, head)
    return AudioTagger(*components).eval()


def sounds(seconds, rate=RATE):
    torch.manual_seed(7)
    return 0.1 * torch.randn(2, int(seconds * rate))


@pytest.fixture
def pair(tmp_path):
    """A model and another one, with other weights and of another depth."""
    one = write_model(tmp_path / "one")
    other = write_run(
        tmp_path / "other", RUN_TEXT.replace("    width: 0.02", "    depth: 34\n    width: 0.02")
    )
    return str(one), str(other)


@pytest.mark.parametrize("multi_label", [True, False])
def test_probabilities_are_means_for_clips_and_steps(multi_label):
    taggers = [tagger(1), tagger(2, rnn=True)]
    waveform, lengths = sounds(4, 16000), torch.tensor([1.0, 0.5])
    together = Ensemble(taggers, multi_label)(waveform, lengths)
    apart = [each(waveform, lengths) for each in taggers]

    def said(logits):
        return logits.sigmoid() if multi_label else logits.softmax(-1)

    for kind in ("clip_logits", "step_logits"):
        expected = sum(said(getattr(each, kind)) for each in apart) / 2
        torch.testing.assert_close(said(getattr(together, kind)), expected)
    torch.testing.assert_close(
        together.embeddings, torch.cat([each.embeddings for each in apart], dim=2)
    )


@pytest.mark.parametrize("multi_label", [True, False])
def test_certain_models_give_finite_logits(multi_label):
    certain = torch.tensor([200.0, -200.0, 0.0])
    found = mean_logits([certain, certain], multi_label)
    assert found.isfinite().all()
    if multi_label:
        torch.testing.assert_close(found, certain)
    else:
        torch.testing.assert_close(found, certain - 200)


def test_models_whose_steps_lie_elsewhere_are_refused():
    with pytest.raises(ValueError, match="expected taggers whose steps lie alike, got Steps"):
        Ensemble([tagger(1), tagger(2, hop=0.01)], True)
    with pytest.raises(ValueError, match="expected a tagger at least"):
        Ensemble([], True)


def test_a_model_and_a_run_are_loaded_as_one(pair):
    apart = [PretrainedTagger.from_hparams(source) for source in pair]
    both = PretrainedTagger.from_hparams(pair)
    waveform = sounds(3)
    expected = sum(each.classify_batch(waveform)[0] for each in apart) / 2
    torch.testing.assert_close(both.classify_batch(waveform)[0], expected)
    assert not torch.allclose(
        apart[0].classify_batch(waveform)[0], apart[1].classify_batch(waveform)[0]
    )
    assert both.name == f"{apart[0].name} + {apart[1].name}"
    # The model has no thresholds.
    np.testing.assert_array_equal(both.thresholds, [0.5, 0.5, 0.5])


def test_thresholds_are_means(pair):
    one = PretrainedTagger.from_hparams(pair[1])
    both = PretrainedTagger.from_hparams([pair[1], pair[1]])
    assert set(one.thresholds) != {0.5}
    np.testing.assert_allclose(both.thresholds, one.thresholds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT.replace('"dog"', '"cat"'), "expected the same labels in the same order as .*one,"),
        (TEXT.replace("multi_label: true", "multi_label: false"), "one label per clip or several"),
        (TEXT.replace("8000", "16000"), "expected the same sample rate as"),
        (TEXT.replace("log_offset: 1e-5", "hop_length: 0.01"), "one and .*odd: expected taggers"),
    ],
)
def test_models_that_do_not_fit_are_named(pair, tmp_path, text, said):
    odd = str(write_model(tmp_path / "odd", text))
    with pytest.raises(InputError, match=said) as told:
        PretrainedTagger.from_hparams([pair[0], odd])
    assert odd in str(told.value)


def test_nothing_and_onnx_files_are_refused(pair, tmp_path):
    with pytest.raises(InputError, match="expected a model at least"):
        PretrainedTagger.from_hparams([])
    pytest.importorskip("onnxscript")
    file = str(tmp_path / "one.onnx")
    assert main(["export", pair[0], file]) == 0
    with pytest.raises(InputError, match=r"one\.onnx: a \.onnx file cannot be joined"):
        PretrainedTagger.from_hparams([pair[0], file])


def tagged(path):
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    found = {row[f"class_{n}"]: float(row[f"probability_{n}"]) for n in (1, 2, 3)}
    return np.array([found[label] for label in LABELS])


def test_the_command_line_averages_and_exports_several_models(pair, tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", sounds(3)[0].numpy(), RATE)
    runs = {"one": pair[:1], "other": pair[1:], "both": pair}
    for name, models in runs.items():
        options = [option for model in models for option in ("--model", model)]
        assert main(["tag", "a.wav", *options, "--top=3", "--output", f"{name}.csv"]) == 0
    assert main(["export", *pair, "both.onnx"]) == 0
    assert main(["tag", "a.wav", "--model", "both.onnx", "--top=3", "--output", "onnx.csv"]) == 0
    found = {name: tagged(tmp_path / f"{name}.csv") for name in (*runs, "onnx")}
    np.testing.assert_allclose(found["both"], (found["one"] + found["other"]) / 2, atol=1e-4)
    np.testing.assert_allclose(found["onnx"], found["both"], atol=1e-4)
    assert (
        main(["timeline", "a.wav", "--output", "line.csv", "--model", pair[0], "--model", pair[1]])
        == 0
    )
