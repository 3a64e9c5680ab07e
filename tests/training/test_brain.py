"""`TaggingBrain` in a program that is no recipe: what it needs, keeps and refuses."""

import functools

import pytest
import torch
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn
from torch.utils.data import DataLoader

from aed_plugins.core import InputError
from aed_plugins.data import collate
from aed_plugins.models import AudioTagger, DNNHead, LogMel, ResNet
from aed_plugins.training import EMA, MultiLabel, SingleLabel, TaggingBrain

SGD = functools.partial(torch.optim.SGD, lr=0.01)
BATCHES = {"batch_size": 4}


def make_tagger():
    torch.manual_seed(0)
    encoder = ResNet(width=0.0625)
    head = DNNHead(encoder.embedding_size, 2)
    return AudioTagger(LogMel(), nn.Identity(), nn.Identity(), encoder, head)


def make_clips(task, count=8):
    generator = torch.Generator().manual_seed(1)
    return [
        {
            "id": str(number),
            "waveform": torch.randn(8000, generator=generator),
            "target": task.target([task.labels[number % 2]]),
        }
        for number in range(count)
    ]


def make_brain(task=None, **given):
    task = SingleLabel(["a", "b"]) if task is None else task
    given.setdefault("modules", {"tagger": make_tagger()})
    options = {"noprogressbar": True, **given.pop("run_opts", {})}
    hparams = {"task": task, **given.pop("hparams", {})}
    return TaggingBrain(opt_class=SGD, hparams=hparams, run_opts=options, **given)


def test_it_goes_on_with_speechbrain_s_own_checkpointer(tmp_path):
    """Tagger, counter, optimizer and history are kept though the checkpointer was given nothing."""
    rows, states = [], []
    for limits in ([4], [2, 4]):
        folder = tmp_path / str(len(limits))
        for limit in limits:
            task = SingleLabel(["a", "b"])
            clips = make_clips(task)
            brain = make_brain(task, checkpointer=Checkpointer(folder), hparams={"ema": EMA(0.9)})
            options = {**BATCHES, "shuffle": True}
            brain.fit(EpochCounter(limit), clips, clips, None, options, BATCHES)
        brain.evaluate(clips, test_loader_kwargs=dict(BATCHES))
        assert brain.evaluated_epoch in range(1, 5)
        rows.append([{**row, "seconds": 0} for row in brain.history.rows])
        states.append(brain.tagger.state_dict())
    assert rows[0] == rows[1]
    assert len(rows[0]) == 4
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


def test_it_trains_on_a_loader_of_its_user_s_with_several_labels():
    task = MultiLabel(["a", "b"])
    loader = DataLoader(make_clips(task), 4, collate_fn=collate)
    brain = make_brain(task)
    brain.fit(range(1, 4), loader, loader)
    assert len(brain.history.rows) == 3
    assert "mAP" in brain.task.metrics(brain.predictions)


def test_the_tagger_may_be_among_the_hparams_alone():
    tagger = make_tagger()
    brain = make_brain(modules=None, hparams={"tagger": tagger})
    assert brain.modules["tagger"] is tagger is brain.tagger


def test_what_its_user_has_frozen_stays_frozen():
    brain = make_brain()
    brain.tagger.encoder.requires_grad_(False)
    before = brain.tagger.encoder.conv1.weight.clone()
    brain.fit(range(1, 2), make_clips(brain.task), train_loader_kwargs=BATCHES)
    assert torch.equal(brain.tagger.encoder.conv1.weight, before)


def test_without_a_checkpoint_the_last_weights_are_evaluated(tmp_path):
    for checkpointer in (None, Checkpointer(tmp_path)):
        brain = make_brain(checkpointer=checkpointer)
        before = brain.tagger.head.classifier.weight.clone()
        brain.evaluate(make_clips(brain.task), test_loader_kwargs=dict(BATCHES))
        assert len(brain.predictions.ids) == 8
        assert torch.equal(brain.tagger.head.classifier.weight, before)


@pytest.mark.parametrize("key", ["task", "tagger"])
def test_what_is_missing_is_named(key):
    given = {"task": SingleLabel(["a", "b"]), "tagger": make_tagger()}
    del given[key]
    with pytest.raises(ValueError, match=f"a TaggingBrain needs a {key} among its hparams"):
        TaggingBrain(hparams=given)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"seed": -1}, "seed must be a whole number, 0 or more, got -1"),
        ({"epoch_clips": "many"}, "epoch_clips must be a whole number, 0 or more, got 'many'"),
        ({"balance": "weights"}, "balance must be one of none, class_weights, sampling"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        make_brain(hparams=setting)


def test_a_training_needs_an_optimizer():
    brain = TaggingBrain({"tagger": make_tagger()}, hparams={"task": SingleLabel(["a", "b"])})
    with pytest.raises(ValueError, match="a training needs an opt_class"):
        brain.fit(range(1, 2), make_clips(brain.task), train_loader_kwargs=BATCHES)


def test_an_epoch_without_a_step_is_refused():
    brain = make_brain(run_opts={"grad_accumulation_factor": 3})
    with pytest.raises(InputError, match="no step would be taken, as an epoch has 2 batches"):
        brain.fit(range(1, 2), make_clips(brain.task), train_loader_kwargs=BATCHES)
