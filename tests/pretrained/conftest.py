import os
import time

import pytest
import torch
from hub_server import Server
from huggingface_hub import constants
from onnx_taggers import LABELS, SETTINGS, TAGGERS
from tiny_model import write_model
from torch import nn

from aed_plugins.models.blocks.batch_norm import MaskedBatchNorm2d
from aed_plugins.pretrained import TaggerWithProbabilities, export_onnx
from aed_plugins.pretrained.model_folder import write_sums


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Start a Hub and set its client, which reads these settings from the environment once."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    server = Server()
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the client tries several times
    yield server
    server.go_away()


@pytest.fixture
def model(hub, tmp_path):
    """A model on the Hub, and its content."""
    folder = write_model(tmp_path / "uploaded")
    write_sums(folder)
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    strays = {"README.md": b"# a card", "custom_interface.py": b"raise SystemExit", "w.bin": b"x"}
    hub.models["owner/name"] = {"main": content | strays | {"sub/hyperparams.yaml": b"x"}}
    return content


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
                if isinstance(module, MaskedBatchNorm2d):
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
