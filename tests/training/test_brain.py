"""`TaggingBrain` in a program that is no recipe: what it needs, keeps and refuses."""

import functools

import pytest
import torch
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.epoch_loop import EpochCounter
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

from aed_plugins.core import InputError
from aed_plugins.data import collate
from aed_plugins.models import AudioTagger, DNNHead, LogMel, ResNet
from aed_plugins.training import (
    EMA,
    Augmentation,
    MultiLabel,
    SingleLabel,
    TaggingBrain,
    warmup_cosine,
)
from aed_plugins.training.running_loss import RunningLoss

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


def test_an_interrupted_training_over_a_range_trains_what_is_left(tmp_path):
    states = []
    for calls in ([range(1, 4)], [range(1, 3), range(1, 4)]):
        for epochs in calls:
            brain = make_brain(checkpointer=Checkpointer(tmp_path / str(len(calls))))
            clips = make_clips(brain.task)
            brain.fit(epochs, clips, train_loader_kwargs={**BATCHES, "shuffle": True})
        assert [row["epoch"] for row in brain.history.rows] == [1, 2, 3]
        states.append(brain.tagger.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_same_brain_trains_again():
    brain = make_brain()
    for _ in range(2):
        brain.fit(range(2), make_clips(brain.task), train_loader_kwargs=dict(BATCHES))
    assert [row["epoch"] for row in brain.history.rows] == [0, 1, 0, 1]


@pytest.mark.parametrize("option", [{"jit": True}, {"jit_module_keys": ["tagger"]}])
def test_torchscript_is_refused(option):
    with pytest.raises(ValueError, match=r"^jit: these modules are not for TorchScript"):
        make_brain(run_opts=option)


def test_an_optimizer_in_place_of_its_maker_is_refused():
    tagger = make_tagger()
    with pytest.raises(TypeError, match=r"^opt_class: expected what makes an optimizer"):
        TaggingBrain({"tagger": tagger}, SGD(tagger.parameters()), {"task": SingleLabel(["a"])})


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


@pytest.mark.parametrize("kind", [SingleLabel, MultiLabel])
def test_a_model_of_other_classes_than_the_task_s_is_refused(kind):
    task = kind(["a", "b", "c"])
    with pytest.raises(ValueError, match=r"^3 labels, but the model has 2 classes$"):
        make_brain(task).fit(range(1), make_clips(task), train_loader_kwargs=dict(BATCHES))


def test_an_epoch_without_a_step_is_refused():
    brain = make_brain(run_opts={"grad_accumulation_factor": 3})
    with pytest.raises(InputError, match="no step would be taken, as an epoch has 2 batches"):
        brain.fit(range(1, 2), make_clips(brain.task), train_loader_kwargs=BATCHES)


class CountReads(TorchDispatchMode):
    """Count how often a number is taken out of a tensor: on a GPU, each waits for the GPU."""

    reads = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.reads += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", [SingleLabel, MultiLabel])
def test_a_step_takes_no_number_out_of_a_tensor(kind):
    brain = make_brain(
        kind(["a", "b"]),
        hparams={
            "ema": EMA(0.9),
            "lr_scheduler": warmup_cosine,
            "augmentation": Augmentation(label_smoothing=0.1),
        },
    )
    clips = make_clips(brain.task)
    clips[1]["waveform"] = clips[1]["waveform"][:4000]
    brain.fit(range(1, 2), clips, train_loader_kwargs=BATCHES)  # makes the optimizer
    batch = collate(clips[:4])
    brain.modules.train()
    with CountReads() as counted:
        for brain.step in range(2, 5):
            brain.avg_train_loss = brain.update_average(brain.fit_batch(batch), 0.0)
    assert counted.reads == 0
    with CountReads() as counted:
        brain.step = 20
        brain.avg_train_loss = brain.update_average(brain.fit_batch(batch), 0.0)
    assert counted.reads == 2  # the mean of the loss, and how many were not finite
    assert brain.avg_train_loss > 0


def test_the_mean_of_the_loss_is_speechbrain_s():
    brain, ours, theirs = make_brain(), RunningLoss(0.7, "cpu"), 0.7
    losses = torch.rand(100, generator=torch.Generator().manual_seed(0))
    losses[13] = float("nan")
    for step, loss in enumerate(losses, start=5):
        brain.step = step
        theirs = brain.update_average(loss, theirs)  # not in training: SpeechBrain's
        ours.add(loss, step)
    assert ours.read() == (theirs, 1)


def test_losses_that_are_not_finite_end_the_training_in_one_line():
    brain = make_brain(run_opts={"nonfinite_patience": 1, "max_grad_norm": 1e30})
    with torch.no_grad():
        brain.tagger.head.classifier.bias.fill_(float("nan"))
    with pytest.raises(
        InputError, match=r"the training diverged .*: the loss of epoch 1 is not fi"
    ):
        brain.fit(range(1, 2), make_clips(brain.task), train_loader_kwargs=BATCHES)


@pytest.mark.parametrize("stage", ["training", "validation"])
def test_memory_that_runs_out_is_one_line_with_the_batch_size_to_try(stage):
    class Greedy(nn.Module):
        def forward(self, log_mel, lengths=None):
            if self.training == (stage == "training"):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return log_mel

    brain = make_brain()
    brain.tagger.normalization = Greedy()
    clips = make_clips(brain.task)
    with pytest.raises(
        InputError, match=r"^cpu: out of memory with a batch of 4; try a batch size of 2"
    ):
        brain.fit(range(1, 2), clips, clips, None, BATCHES, BATCHES)
