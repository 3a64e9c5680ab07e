"""Our encoders where SpeechBrain's own recipes and its `EncoderClassifier` expect theirs."""

import math

import pytest
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain import Brain, Stage
from speechbrain.inference.classifiers import EncoderClassifier
from speechbrain.utils.fetching import LocalStrategy
from torch import nn

from aed_plugins.models import (
    AudioTagger,
    DilatedFrontEnd,
    DNNHead,
    EmbeddingModel,
    Features,
    ResNet,
)
from aed_plugins.models.base import Encoder

# The lines of SpeechBrain's UrbanSound8K recipe and of its published models; ours are those of
# `embedding_model` and the size that the classifier takes.
HPARAMS = """
n_mels: 64
emb_dim: 64
out_n_neurons: 2

compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
    left_frames: 0
    right_frames: 0
    deltas: False

mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False

embedding_model: !new:aed_plugins.models.EmbeddingModel
    front_end: !new:aed_plugins.models.DilatedFrontEnd
        channels: 4
        dilations: [1, 2]
    encoder: !new:aed_plugins.models.ResNet
        in_channels: 8
        width: 0.125

classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: !ref <emb_dim>
    out_neurons: !ref <out_n_neurons>

modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    classifier: !ref <classifier>

compute_cost: !new:speechbrain.nnet.losses.LogSoftmaxWrapper
    loss_fn: !new:speechbrain.nnet.losses.AdditiveAngularMargin
        margin: 0.2
        scale: 30

label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder

pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
"""
LABELS = ["low", "high"]


class StockBrain(Brain):
    """The steps of SpeechBrain's recipe."""

    def compute_forward(self, batch, stage):
        wavs, lens, _ = batch
        feats = self.modules.compute_features(wavs)
        feats = self.modules.mean_var_norm(feats, lens)
        embeddings = self.modules.embedding_model(feats, lens)
        return self.modules.classifier(embeddings)

    def compute_objectives(self, predictions, batch, stage):
        _, lens, labels = batch
        return self.hparams.compute_cost(predictions, labels.unsqueeze(1), lens)


@pytest.fixture
def batch():
    """Eight padded clips of two pitches in noise, at 16 kHz."""
    torch.manual_seed(0)
    lens = torch.tensor([1.0, 0.5, 0.8, 0.6, 0.7, 0.9, 0.55, 1.0])
    labels = torch.arange(8) % 2
    seconds = torch.arange(16000) / 16000
    hertz = 300 + 1700 * labels[:, None] + 50 * torch.arange(8)[:, None]
    wavs = 0.2 * torch.sin(2 * math.pi * hertz * seconds) + 0.02 * torch.randn(8, 16000)
    return wavs * (seconds < lens[:, None]), lens, labels


def test_a_stock_brain_trains_our_encoder_and_encoder_classifier_serves_it(batch, tmp_path):
    hparams = load_hyperpyyaml(HPARAMS)
    brain = StockBrain(
        hparams["modules"],
        lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
        hparams,
        {"device": "cpu"},
    )
    brain.modules.train()
    brain.on_fit_start()
    losses = [float(brain.fit_batch(batch)) for _ in range(15)]
    assert losses[-1] < 0.3 * losses[0]

    (tmp_path / "hyperparams.yaml").write_text(HPARAMS)
    hparams["label_encoder"].update_from_iterable(LABELS)
    hparams["label_encoder"].save(tmp_path / "label_encoder.ckpt")
    for name in ("embedding_model", "classifier"):
        torch.save(hparams[name].state_dict(), tmp_path / f"{name}.ckpt")
    served = EncoderClassifier.from_hparams(
        source=str(tmp_path), savedir=str(tmp_path), local_strategy=LocalStrategy.NO_LINK
    )
    wavs, lens, labels = batch
    brain.modules.eval()
    with torch.no_grad():
        feats = hparams["mean_var_norm"](hparams["compute_features"](wavs), lens)
        expected = brain.compute_forward(batch, Stage.TEST).squeeze(1)
        torch.testing.assert_close(
            served.encode_batch(wavs, lens), hparams["embedding_model"](feats, lens)
        )
        probabilities, _, index, text = served.classify_batch(wavs, lens)
    torch.testing.assert_close(probabilities, expected)
    assert torch.equal(index, labels)
    assert text == [LABELS[label] for label in labels]


class GivenFeatures(Features):
    """Features that are given as the waveform, one band per sample."""

    hop_samples, sample_rate = 1, 1

    def frame_count(self, samples):
        return samples

    def forward(self, waveform, lengths=None):
        return waveform[:, :, None] * torch.arange(1, 65)


@pytest.mark.parametrize("front_end", [None, DilatedFrontEnd(2, [1, 2])])
def test_the_embedding_is_the_mean_of_the_tagger_s_over_each_item_s_steps(front_end):
    torch.manual_seed(0)
    encoder = ResNet(1 if front_end is None else front_end.out_channels, width=0.125).eval()
    model = EmbeddingModel(encoder, front_end).eval()
    waveform, lengths = torch.rand(3, 200), torch.tensor([1.0, 0.33, 0.005])
    tagger = AudioTagger(
        GivenFeatures(), nn.Identity(), model.front_end, encoder, DNNHead(model.embedding_size, 2)
    )
    embeddings, step_lengths = tagger.embed(waveform, lengths)
    steps = (step_lengths * embeddings.shape[1]).round().int()
    expected = [item[:count].mean(0) for item, count in zip(embeddings, steps, strict=True)]
    feats = GivenFeatures()(waveform)
    assert steps.tolist() == [7, 3, 1]
    torch.testing.assert_close(model(feats, lengths), torch.stack(expected).unsqueeze(1))


class Untidy(Encoder):
    """An encoder that leaves something behind an item's end, as it may."""

    embedding_size, time_stride, kernels = 40, 1, ()

    def forward(self, maps, lengths=None):
        return maps.mean(dim=1) + 1.0


@pytest.mark.parametrize("encoder", [ResNet(width=0.125), Untidy()])
def test_a_padded_item_gives_what_it_gives_alone_and_no_lengths_are_full_lengths(encoder):
    model = EmbeddingModel(encoder).eval()
    feats = torch.randn(2, 100, 40)
    with torch.no_grad():
        padded, alone = model(feats, torch.tensor([1.0, 0.37])), model(feats[1:, :37])
        torch.testing.assert_close(padded[1:], alone)
        torch.testing.assert_close(model(feats), model(feats, torch.ones(2)))


def test_gradients_behind_an_item_s_end_are_zero():
    model = EmbeddingModel(ResNet(width=0.125)).eval()
    feats = torch.randn(1, 100, 40, requires_grad=True)
    model(feats, torch.tensor([0.37])).sum().backward()
    assert feats.grad[:, :37].abs().sum() > 0
    assert not feats.grad[:, 37:].any()
