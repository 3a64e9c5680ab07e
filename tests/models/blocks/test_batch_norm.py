import copy

import pytest
import torch
from programs import run_together
from torch import nn

from aed_plugins.models import MobileNet, ResNet
from aed_plugins.models.blocks.batch_norm import MaskedBatchNorm2d
from aed_plugins.models.blocks.masks import frame_mask

LENGTHS = torch.tensor([1.0, 0.3, 0.7])
# Trains a step in two processes and writes what process 0 has then. Only process 1 has padding.
PROGRAM = """
import sys, torch
import torch.distributed as dist
from aed_plugins.models import ResNet
dist.init_process_group("gloo")
torch.manual_seed(0)
encoder = ResNet(width=1 / 16)
encoder = torch.nn.parallel.DistributedDataParallel(
    torch.nn.SyncBatchNorm.convert_sync_batchnorm(encoder)
)
whole, padded = torch.load(sys.argv[1])
given = (whole, None) if dist.get_rank() == 0 else (padded, torch.tensor([1.0, 0.5]))
encoder(*given).square().sum().backward()
if dist.get_rank() == 0:
    gradients = {name: p.grad for name, p in encoder.module.named_parameters()}
    torch.save((gradients, dict(encoder.module.named_buffers())), sys.argv[2])
dist.destroy_process_group()
"""


def make_norm(channels, momentum=0.3):
    norm = MaskedBatchNorm2d(channels, eps=0.01, momentum=momentum)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    return norm


def make_maps(memory_format=torch.contiguous_format):
    torch.manual_seed(0)
    maps = 3 + 2 * torch.randn(3, 5, 20, 4)
    return maps.to(memory_format=memory_format)


def as_torch(norm):
    """The batch norm of PyTorch in the same state."""
    twin = nn.BatchNorm2d(norm.num_features, norm.eps, norm.momentum).train(norm.training)
    twin.load_state_dict(norm.state_dict())
    return twin


def run(norm, maps, *mask, weights=1.0):
    maps = maps.detach().requires_grad_()
    out = norm(maps, *mask)
    (weights * out.square()).sum().backward()
    return out.detach(), maps.grad, norm.weight.grad, norm.bias.grad, *norm.buffers()


@pytest.mark.parametrize("momentum", [0.3, None])
@pytest.mark.parametrize("training", [True, False])
def test_without_padding_it_is_that_of_pytorch(training, momentum):
    norm = make_norm(5, momentum).train(training)
    twin = as_torch(norm)
    for ours, theirs in zip(run(norm, make_maps()), run(twin, make_maps()), strict=True):
        assert torch.equal(ours, theirs)
    assert norm.state_dict().keys() == twin.state_dict().keys()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_padding_is_left_out_of_statistics_and_gradients(memory_format):
    maps = make_maps(memory_format)
    mask = frame_mask(LENGTHS, 20)
    norm = make_norm(5)
    twin = as_torch(norm)
    own = run(norm, maps, mask, weights=mask)
    # The valid positions alone, as one item.
    valid = mask.expand_as(maps)[:, 0].flatten()
    alone = maps.permute(1, 0, 2, 3).flatten(1)[:, valid][None, :, :, None]
    expected = run(twin, alone)
    for ours, theirs in zip(own[:2], expected[:2], strict=True):
        ours = ours.permute(1, 0, 2, 3).flatten(1)  # noqa: PLW2901
        torch.testing.assert_close(ours[:, valid], theirs[0, :, :, 0])
    for ours, theirs in zip(own[2:], expected[2:], strict=True):
        torch.testing.assert_close(ours, theirs)
    assert own[1].permute(1, 0, 2, 3).flatten(1)[:, ~valid].eq(0).all()
    assert all(part.is_contiguous(memory_format=memory_format) for part in own[:2])


def test_the_gradient_is_that_of_the_statistics_too_wherever_it_comes_from():
    norm = make_norm(5).double()
    mask = frame_mask(LENGTHS, 20)

    def normalize(maps, weight, bias):
        given = {"weight": weight, "bias": bias}
        return torch.func.functional_call(norm, given, (maps, mask))

    inputs = (make_maps().double(), norm.weight.detach(), norm.bias.detach())
    inputs = [each.requires_grad_() for each in inputs]
    assert torch.autograd.gradcheck(normalize, inputs, check_batched_grad=False)


def test_in_evaluation_the_mask_changes_nothing():
    norm = make_norm(5)
    norm(make_maps(), frame_mask(LENGTHS, 20))
    norm.eval()
    maps = make_maps()
    assert torch.equal(norm(maps, frame_mask(LENGTHS, 20)), norm(maps))


def test_statistics_of_bfloat16_maps_are_computed_in_float32():
    norm = make_norm(5)
    coarse, fine = copy.deepcopy(norm), copy.deepcopy(norm)
    mask = frame_mask(LENGTHS, 20)
    maps = make_maps().bfloat16()
    out = coarse(maps, mask)
    torch.testing.assert_close(out.float(), fine(maps.float(), mask), atol=0.02, rtol=0.01)
    torch.testing.assert_close(coarse.running_var, fine.running_var)
    assert out.dtype == torch.bfloat16


@pytest.mark.parametrize("encoder", [ResNet(width=1 / 16), MobileNet(width=0.1)])
def test_conversion_to_sync_batch_norm_leaves_it(encoder):
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(encoder)
    assert not any(isinstance(part, nn.SyncBatchNorm) for part in converted.modules())


def test_processes_share_their_statistics_even_if_one_has_padding(tmp_path):
    torch.manual_seed(1)
    whole, padded = torch.randn(2, 1, 40, 64), torch.randn(2, 1, 64, 64)
    torch.save((whole, padded), tmp_path / "maps.pt")
    (tmp_path / "program.py").write_text(PROGRAM)
    done = run_together(["program.py", "maps.pt", "out.pt"], tmp_path)
    assert done.returncode == 0, done.stderr
    gradients, buffers = torch.load(tmp_path / "out.pt")

    torch.manual_seed(0)
    encoder = ResNet(width=1 / 16)
    maps = torch.cat([nn.functional.pad(whole, (0, 0, 0, 24)), padded])
    steps = encoder(maps, torch.tensor([40 / 64, 40 / 64, 1.0, 0.5]))
    loss = steps[:2, :2].square().sum() + steps[2:].square().sum()
    loss.backward()
    for name, parameter in encoder.named_parameters():
        # DistributedDataParallel takes the mean over the processes.
        torch.testing.assert_close(2 * gradients[name], parameter.grad, atol=1e-4, rtol=1e-3)
    for name, buffer in encoder.named_buffers():
        torch.testing.assert_close(buffers[name], buffer, atol=1e-5, rtol=1e-4)
