"""EfficientAT's taggers by name or file; the networks are random, in the published layout."""

import hashlib

import numpy as np
import pytest
import soundfile
import torch
from file_server import Server
from mobilenet_weights import published, random_torchvision, tagger_with

from aed_plugins.core import InputError
from aed_plugins.inference import PretrainedTagger
from aed_plugins.labels import audioset_labels
from aed_plugins.models import PUBLISHED_MOBILENETS
from aed_plugins.pretrained import efficientat as released, load_efficientat
from aed_plugins.pretrained.efficientat import CHECKSUMS, RELEASED, is_efficientat


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of mn01's layout."""
    path = tmp_path_factory.mktemp("weights") / "mn01_as_mAP_298.pt"
    torch.save(published(random_torchvision(0.1)), path)
    return path


@pytest.fixture
def server(weights, monkeypatch, tmp_path):
    """What `mn01` is downloaded from, with its checksum known."""
    server = Server()
    server.files["/mn01.pt"] = weights.read_bytes()
    monkeypatch.setitem(RELEASED, "mn01", (0.1, f"{server.url}/mn01.pt"))
    monkeypatch.setitem(CHECKSUMS, "mn01", hashlib.sha256(weights.read_bytes()).hexdigest())
    monkeypatch.setenv("AED_PLUGINS_CACHE", str(tmp_path / "cache"))
    yield server
    server.go_away()


def test_a_name_is_downloaded_once_and_used_offline_from_then_on(server, weights):
    for _ in range(2):
        name, tagger = load_efficientat("mn01")
        server.go_away()
    assert name == "mn01"
    assert [request.split()[0] for request in server.requests] == ["GET"]
    waveform = torch.randn(1, 16000)
    with torch.no_grad():
        expected = tagger_with(weights, 0.1)(waveform)
        assert torch.equal(tagger(waveform).clip_logits, expected.clip_logits)


def test_another_file_in_its_place_is_refused(server):
    server.files["/mn01.pt"] += b"0"
    with pytest.raises(InputError, match=r"^mn01: .*expected SHA-256 [0-9a-f]{64}, found"):
        load_efficientat("mn01")


def test_a_download_that_fails_says_what_to_do(server):
    server.go_away()
    with pytest.raises(InputError, match=r"^mn01: .*without a network get .* give its path"):
        load_efficientat("mn01")


def test_a_file_is_a_ready_tagger_of_527_classes(weights, tmp_path):
    tagger = PretrainedTagger.from_hparams(weights, run_opts={"device": "cpu"})
    assert tagger.labels == audioset_labels()
    assert (tagger.multi_label, tagger.sample_rate, tagger.name) == (
        True,
        32000,
        "EfficientAT mn01",
    )
    assert tagger.timeline_settings == released.TIMELINE
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-1, 1, 32000), 32000)
    tags = tagger.tag(tmp_path / "a.wav")
    assert tags.probabilities.shape == (527,)
    tagger.choose(["paper"])
    assert len(tagger.tag(tmp_path / "a.wav").probabilities) == 10


def test_a_file_of_weights_is_read_once(weights, monkeypatch):
    opened, read = [], torch.load
    monkeypatch.setattr(torch, "load", lambda path, **how: opened.append(path) or read(path, **how))
    PretrainedTagger.from_hparams(weights, device="cpu")
    assert opened == [weights]


def test_every_published_width_has_a_name_that_tells_it_from_the_others():
    assert list(RELEASED) == ["mn01", "mn02", "mn04", "mn05", "mn10", "mn20", "mn30", "mn40"]
    assert [url for _, url in RELEASED.values()] == list(PUBLISHED_MOBILENETS.values())
    sizes = {released.round_channels(1280 * width) for width, _ in RELEASED.values()}
    assert len(sizes) == len(RELEASED)
    assert set(CHECKSUMS) <= set(RELEASED)
    assert is_efficientat("mn40")
    assert not is_efficientat("mn4")


@pytest.mark.parametrize(
    "state", [{}, {"fc.weight": torch.zeros(2)}, {"classifier.2.weight": torch.zeros(3, 4)}]
)
def test_other_weights_are_refused_by_name(state, tmp_path):
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(
        InputError, match=r"w\.pt: expected the weights of one of EfficientAT's mn01"
    ):
        load_efficientat(str(tmp_path / "w.pt"))
