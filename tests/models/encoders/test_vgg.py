import pytest
import torch
from torch import nn

from aed_plugins.models import VGG, AudioTagger, DNNHead, VGGish, VGGishLogMel


def test_maps_have_the_sizes_of_the_paper_s_figure():
    encoder = VGG(width=1 / 64)
    maps, sizes = torch.zeros(1, 1, 96, 64), []
    for layer in encoder.features:
        maps = layer(maps)
        if isinstance(layer, nn.MaxPool2d):
            sizes.append((*maps.shape[2:], 64 * maps.shape[1]))
    assert sizes == [(48, 32, 64), (24, 16, 128), (12, 8, 256), (6, 4, 512), (3, 2, 512)]


def test_layers_are_those_of_the_paper():
    with torch.device("meta"):  # the whole size, without its memory
        encoder = VGG()
    channels = [m.out_channels for m in encoder.features if isinstance(m, nn.Conv2d)]
    assert channels == [64, 64, 128, 128] + [256] * 3 + [512] * 10
    dense = [m for m in encoder.embeddings if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in dense] == [
        (3 * 2 * 512, 4096),
        (4096, 4096),
        (4096, 128),
    ]


@pytest.mark.parametrize("encoder", [VGG, VGGish])
def test_stages_hold_every_parameter_once_and_in_order(encoder):
    network = encoder(width=1 / 64)
    stages = network.stages()
    assert len(stages) == {VGG: 5, VGGish: 4}[encoder] + 3
    inside = [parameter for stage in stages for parameter in stage.parameters()]
    assert [id(p) for p in inside] == [id(p) for p in network.parameters()]


@pytest.mark.parametrize("encoder", [VGG, VGGish])
def test_fresh_weights_keep_the_size_of_activations(encoder):
    torch.manual_seed(0)
    network = encoder(width=1 / 8).eval()
    maps = torch.randn(1, 1, 96, 64)
    with torch.no_grad():
        assert 0.1 < network(maps).std() < 10
    assert all((m.bias == 0).all() for m in network.modules() if isinstance(m, nn.Conv2d))


def test_blocks_of_patches_change_nothing():
    torch.manual_seed(0)
    encoder = VGG(in_channels=2, width=1 / 32).eval()
    maps = torch.randn(2, 2, 300, 64)
    with torch.no_grad():
        whole = encoder(maps)
        encoder.block_patches = 3
        torch.testing.assert_close(encoder(maps), whole, atol=1e-5, rtol=1e-5)


def test_an_impulse_changes_only_the_patch_that_covers_it():
    torch.manual_seed(0)
    encoder = VGG(width=1 / 32).eval()
    tagger = AudioTagger(VGGishLogMel(), nn.Identity(), nn.Identity(), encoder, DNNHead(128, 3))
    waveform = torch.zeros(1, 48000)
    with torch.no_grad():
        quiet = tagger.embed(waveform)[0][0]
        waveform[0, round(float(tagger.step_centers(3)[1]) * 16000)] = 1.0
        changed = (tagger.embed(waveform)[0][0] - quiet).abs().amax(dim=1) > 0
    assert changed.tolist() == [False, True, False, False]
