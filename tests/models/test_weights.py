import pytest
import safetensors.torch
import torch
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.models import load_weights, read_state_dict

# Reading


def saved(path, zipped=True):
    state = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return state


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_read_as_saved(zipped, tmp_path):
    state = saved(tmp_path / "w.pth", zipped)
    read = read_state_dict(tmp_path / "w.pth")
    assert list(read) == list(state)
    assert all(torch.equal(read[name], state[name]) for name in state)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_truncated_anywhere_is_refused_by_name(zipped, tmp_path):
    path = tmp_path / "w.pth"
    saved(path, zipped)
    whole = path.read_bytes()
    for size in range(0, len(whole), 13):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"w\.pth: expected weights saved with torch\.save"):
            read_state_dict(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_file_raises_nothing_but_its_name(zipped, tmp_path):
    path = tmp_path / "w.pth"
    saved(path, zipped)
    whole = path.read_bytes()
    messages = []
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x9C]) + whole[position + 1 :])
        try:
            read_state_dict(path)
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 20
    assert all(message.startswith(f"{path}: expected ") for message in messages)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"a": 1}, {1: torch.zeros(1)}])
def test_a_file_of_something_else_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth: expected a state dict of tensors"):
        read_state_dict(tmp_path / "w.pth")


def test_safetensors_are_read_and_damaged_ones_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    state = {"weight": torch.rand(3, 2), "count": torch.tensor(7)}
    safetensors.torch.save_file(state, path)
    read = read_state_dict(path)
    assert all(torch.equal(read[name], state[name]) for name in state)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"w\.safetensors: expected a safetensors file"):
            read_state_dict(path)


# Loading


def test_a_module_is_loaded_exactly_or_not_at_all():
    torch.manual_seed(0)
    module, other = (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)) for _ in range(2))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    wrong = other.state_dict() | {"extra": torch.zeros(1), "1.bias": torch.zeros(4)}
    del wrong["0.bias"]
    message = r"^w\.pth: expected a net, but 3 of 7 tensors do not fit: 0\.bias, extra, 1\.bias$"
    with pytest.raises(InputError, match=message):
        load_weights(module, wrong, "w.pth", "a net")
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    old = other.state_dict()
    del old["1.num_batches_tracked"]
    load_weights(module, old, "w.pth", "a net")
    assert torch.equal(module[0].weight, other[0].weight)
