import pytest
import torch
import torchvision

from aed_plugins.core import InputError
from aed_plugins.models import ResNet

TORCHVISION = {
    18: torchvision.models.resnet18,
    34: torchvision.models.resnet34,
    50: torchvision.models.resnet50,
}


def random_torchvision(depth):
    torch.manual_seed(depth)
    model = TORCHVISION[depth]()
    model(torch.rand(2, 3, 64, 64))  # batch norm statistics other than the initial ones
    return model.eval()


@pytest.mark.parametrize("depth", TORCHVISION)
def test_imagenet_weights_give_what_torchvision_gives(depth, tmp_path):
    theirs = random_torchvision(depth)
    torch.save(theirs.state_dict(), tmp_path / "resnet.pth")
    ours = ResNet(in_channels=3, depth=depth, pretrained=tmp_path / "resnet.pth").eval()
    # The adapted stem sees the mean of the colours, so compare on grey images.
    grey = torch.rand(2, 1, 96, 64).expand(-1, 3, -1, -1)
    theirs.fc = torch.nn.Identity()
    with torch.no_grad():
        torch.testing.assert_close(ours(grey).mean(1), theirs(grey), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 16])
def test_stem_is_adapted_to_the_channel_count(channels, tmp_path):
    theirs = random_torchvision(18)
    ours = ResNet(in_channels=channels)
    ours.load_torchvision(theirs.state_dict())
    assert ours.conv1.weight.shape == (64, channels, 7, 7)
    # An image repeated over all channels is answered as a grey image by the original.
    image = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(
        ours.conv1(image.expand(-1, channels, -1, -1)), theirs.conv1(image.expand(-1, 3, -1, -1))
    )


def test_files_from_before_batch_norm_counted_batches_load():
    state = random_torchvision(18).state_dict()
    old = {name: tensor for name, tensor in state.items() if "num_batches_tracked" not in name}
    ours = ResNet(in_channels=3)
    ours.load_torchvision(old)
    assert torch.equal(ours.bn1.running_mean, state["bn1.running_mean"])


def test_weights_of_another_depth_are_refused(tmp_path):
    torch.save(random_torchvision(18).state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(InputError, match=r"resnet18.pth: expected .* tensors do not fit"):
        ResNet(depth=34, pretrained=tmp_path / "resnet18.pth")


def test_a_narrower_network_refuses_imagenet_weights():
    with pytest.raises(InputError, match="do not fit"):
        ResNet(width=0.5).load_torchvision(random_torchvision(18).state_dict())


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"not weights", "expected weights saved with torch.save")],
)
def test_a_file_that_holds_no_weights_is_named(content, message, tmp_path):
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"weights\.pth: {message}"):
        ResNet(pretrained=path)


def test_a_truncated_file_of_weights_is_named(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(random_torchvision(18).state_dict(), path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"weights\.pth: expected weights saved"):
        ResNet(pretrained=path)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "was_here"), "w"))

    torch.save({"conv1.weight": Hostile()}, tmp_path / "weights.pth")
    with pytest.raises(InputError, match="expected weights saved"):
        ResNet(pretrained=tmp_path / "weights.pth")
    assert not (tmp_path / "was_here").exists()


def test_a_file_of_something_else_is_named(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / "weights.pth")
    with pytest.raises(InputError, match="expected a state dict of tensors, got list"):
        ResNet(pretrained=tmp_path / "weights.pth")


@pytest.mark.parametrize("settings", [{"depth": 19}, {"stem_stride": 3}])
def test_impossible_networks_are_refused(settings):
    with pytest.raises(ValueError, match="must be"):
        ResNet(**settings)


def test_the_paper_s_network_has_the_size_of_resnet18():
    parameters = sum(p.numel() for p in ResNet(in_channels=3).parameters())
    theirs = TORCHVISION[18]()
    assert parameters == sum(p.numel() for n, p in theirs.named_parameters() if "fc" not in n)


def test_parts_of_the_mel_axis_are_kept_apart():
    torch.manual_seed(0)
    encoder = ResNet(width=0.125, mel_positions=2).eval()
    whole = ResNet(width=0.125).eval()
    whole.load_state_dict(encoder.state_dict())
    maps = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        parts, mean = encoder(maps), whole(maps)
    assert parts.shape == (2, 2, 128)
    assert encoder.embedding_size == 128
    low, high = parts.split(64, dim=2)
    torch.testing.assert_close((low + high) / 2, mean)
    assert not torch.allclose(low, high)


def test_more_parts_than_the_mel_axis_has_are_refused():
    with pytest.raises(ValueError, match="mel_positions must be at least 1, got 0"):
        ResNet(mel_positions=0)
    with pytest.raises(ValueError, match="2 mel positions are left, fewer than mel_positions"):
        ResNet(width=0.125, mel_positions=3)(torch.zeros(1, 1, 64, 64))


def test_a_stem_of_another_rank_is_refused():
    state = dict(ResNet().state_dict()) | {"conv1.weight": torch.zeros(64)}
    with pytest.raises(InputError, match=r"1 of \d+ tensors do not fit: conv1.weight"):
        ResNet().load_torchvision(state)
