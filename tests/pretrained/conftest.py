import pytest
import torch
from onnx_taggers import LABELS, SETTINGS, TAGGERS
from torch import nn

from aed_plugins.pretrained import TaggerWithProbabilities, export_onnx


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Make taggers with their probabilities in PyTorch, and their files, each once."""
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
