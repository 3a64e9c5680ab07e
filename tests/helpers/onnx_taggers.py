"""Small taggers of every kind, to be exported to ONNX."""

import pytest
import torch
from torch import nn

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

LABELS = ["dog", "Hundegebell, draußen", "siren"]


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
