"""The moving average of weights: what it is, and that it is what is tested and kept."""

import copy

import pytest
import torch
from torch import nn

from aed_plugins.training import EMA


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def trained(model, ema, steps):
    """Train a few steps; give what an average made by hand of the states is."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    expected = None
    for step in range(steps):
        loss = model(torch.randn(8, 3)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.step()
        state = copy.deepcopy(model.state_dict())
        if expected is None:
            expected = state
        decay = min(0.9, (1 + step) / (10 + step))
        for name, tensor in state.items():
            if tensor.is_floating_point():
                expected[name] = decay * expected[name] + (1 - decay) * tensor
            else:
                expected[name] = tensor
    return expected


def test_the_average_is_the_one_made_by_hand_with_batch_norm_s_statistics():
    model, ema = network(), EMA(decay=0.9)
    ema.start(model)
    expected = trained(model, ema, steps=200)
    last = copy.deepcopy(model.state_dict())
    ema.apply()
    ema.apply()  # a second time changes nothing
    for name, tensor in model.state_dict().items():
        assert torch.allclose(tensor.float(), expected[name].float(), atol=1e-6), name
    assert not torch.allclose(model.state_dict()["1.running_mean"], last["1.running_mean"])
    ema.restore()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, last[name]), name


@pytest.mark.parametrize("applied", [False, True])
def test_a_training_goes_on_from_a_checkpoint(tmp_path, applied):
    model, ema = network(), EMA(decay=0.9)
    ema.start(model)
    trained(model, ema, steps=5)
    if applied:
        ema.apply()
    ema.save(tmp_path / "average")
    saved = copy.deepcopy(model.state_dict())

    other, resumed = network(), EMA(decay=0.9)
    resumed.start(other)
    other.load_state_dict(saved)
    resumed.load(tmp_path / "average")
    for mine in (ema, resumed):
        mine.restore()
    for one, same in ((model, ema), (other, resumed)):
        torch.manual_seed(3)
        trained(one, same, steps=5)
        same.apply()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_only_what_is_trained_is_averaged_from_when_it_is_trained_on(tmp_path):
    model, ema = network(), EMA(decay=0.5)
    model[0].requires_grad_(False)
    ema.start(model)
    trained(model, ema, steps=2)
    ema.save(tmp_path / "average")
    kept = torch.load(tmp_path / "average", weights_only=True)["other"]
    assert sorted(kept) == sorted(n for n in model.state_dict() if not n.startswith("0."))
    model[0].requires_grad_(True)
    ema.follow()
    with torch.no_grad():
        before = model[0].weight.clone()
        model[0].weight += 4.0
    ema.step()
    decay = (1 + 2) / (10 + 2)
    ema.apply()
    assert torch.allclose(model[0].weight, before + (1 - decay) * 4.0)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_that_averages_nothing_is_refused(decay):
    with pytest.raises(ValueError, match="from 0 up to below 1"):
        EMA(decay)


def test_the_average_is_what_a_run_tests_and_keeps(recipe, tmp_path):
    """With a decay of 0 the average is the last weights, with another it is not."""
    states = {}
    for decay in (0.0, 0.9):
        out = tmp_path / str(decay)
        changed = (f"--ema={{decay: {decay}}}", f"--output_folder={out}")
        recipe(*changed, "--valid_folds=[]", check=0)
        (last,) = (out / "fold3/save").glob("CKPT*/ema.ckpt")
        state = torch.load(last, weights_only=True)
        tagger = torch.load(last.with_name("tagger.ckpt"), weights_only=True)
        assert state["applied"]
        states[decay] = (tagger, state["other"])
    tagger, trained_weights = states[0.0]
    for name, tensor in tagger.items():
        assert torch.equal(tensor, trained_weights[name]), name
    averaged, after = states[0.9]
    different = [n for n in tagger if not torch.equal(averaged[n], tagger[n])]
    assert "encoder.conv1.weight" in different
    assert "encoder.bn1.running_var" in different
    # The averaging does not touch the training itself.
    for name, tensor in trained_weights.items():
        assert torch.equal(tensor, after[name]), name
