import pytest
import torch
from torch import nn

from aed_plugins.models import DilatedFrontEnd, LogMel, ResNet, compute_receptive_field


def _dependence(function, positions, axis):
    """Find the positions along an axis of the input on which the output's middle depends."""
    maps = torch.rand(1, 1, *positions, dtype=torch.float64, requires_grad=True)
    out = function(maps)
    middle = out[..., out.shape[2] // 2, out.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle.sum(), maps)
    others = [other for other in range(4) if other != axis]
    seen = gradient.abs().sum(others).nonzero().flatten()
    return int(seen[0]), int(seen[-1])


@pytest.mark.parametrize(
    ("dilations", "settings", "frames"),
    [
        (None, {"depth": 18}, 435),
        ([1, 2, 3, 4], {"depth": 18}, 443),
        ([1, 2, 5], {"depth": 18, "stem_stride": 1}, 231),
        ([1, 1, 1, 1], {"depth": 34}, 901),
        ([1, 2, 3, 4], {"depth": 50}, 435),
    ],
)
def test_the_receptive_field_is_where_gradients_come_from(dilations, settings, frames):
    torch.manual_seed(0)
    front = nn.Identity() if dilations is None else DilatedFrontEnd(dilations=dilations)
    body = ResNet(1 if dilations is None else front.out_channels, width=0.125, **settings)
    for module in [*front.modules(), *body.modules()]:
        if isinstance(module, nn.Conv2d):  # positive everywhere: no ReLU hides a path
            nn.init.uniform_(module.weight, 0.5, 1.0)
            module.weight.data /= module.weight[0].numel()
    body = body.double().eval()
    body.maxpool = nn.AvgPool2d(3, 2, padding=1)  # the maximum has a gradient for one position only
    field = compute_receptive_field(LogMel(), front, body)

    def maps_before_the_mel_mean(maps):
        maps = front.double().eval()(maps)
        maps = body.maxpool(torch.relu(body.bn1(body.conv1(maps))))
        for stage in (body.layer1, body.layer2, body.layer3, body.layer4):
            for block in stage:
                maps, _ = block(maps, None)
        return maps

    # The middle of an input this long is far from the edges.
    size = 64 * (2 * field.frames // 64 + 2)
    first, last = _dependence(maps_before_the_mel_mean, (size, 64), axis=2)
    assert last - first + 1 == field.frames == frames
    first, last = _dependence(maps_before_the_mel_mean, (64, size), axis=3)
    assert last - first + 1 == field.mel_bands
    assert field.seconds == pytest.approx((field.frames - 1) * 0.023 + 0.046)
