import pytest
import torch
from speechbrain.utils.epoch_loop import EpochCounter
from speechbrain.utils.run_opts import RunOptions
from torch import nn
from torch.optim import SGD

from aed_plugins.models import AudioTagger, DilatedFrontEnd, DNNHead, LogMel, ResNet
from aed_plugins.training import (
    AtomicCheckpointer,
    FineTuning,
    SingleLabel,
    TaggingBrain,
    constant,
    make_brain,
)
from aed_plugins.training.frozen_encoder_brain import FrozenEncoderBrain

STAGES = ["front_end", "stem", "layer1", "layer2", "layer3", "layer4"]


@pytest.fixture
def tagger():
    return AudioTagger(
        LogMel(), nn.Identity(), DilatedFrontEnd(), ResNet(16, width=0.0625), DNNHead(32, 3)
    )


def trained(tagger):
    """Name the stages of which every parameter is trained; none may be trained in part."""
    parts = [tagger.front_end, *tagger.encoder.stages()]
    names = []
    for name, part in zip(STAGES, parts, strict=True):
        wanted = {parameter.requires_grad for parameter in part.parameters()}
        assert len(wanted) == 1
        names += [name] if wanted == {True} else []
    return names


@pytest.mark.parametrize(
    ("settings", "by_epoch"),
    [
        ({}, {1: STAGES, 9: STAGES}),
        ({"frozen_epochs": 2}, {1: [], 2: [], 3: STAGES}),
        (
            {"frozen_epochs": 1, "epochs_per_stage": 2},
            {1: [], 2: STAGES[-1:], 3: STAGES[-1:], 4: STAGES[-2:], 12: STAGES, 99: STAGES},
        ),
        ({"frozen_epochs": 1, "stages": 2}, {1: [], 2: STAGES[-2:], 9: STAGES[-2:]}),
        ({"epochs_per_stage": 1, "stages": 2}, {1: STAGES[-1:], 2: STAGES[-2:], 9: STAGES[-2:]}),
    ],
)
def test_stages_are_unfrozen_from_the_last_to_the_first(tagger, settings, by_epoch):
    fine_tuning = FineTuning(**settings)
    for epoch, expected in by_epoch.items():
        fine_tuning.unfreeze(tagger, epoch)
        assert trained(tagger) == expected
        assert all(parameter.requires_grad for parameter in tagger.head.parameters())


def test_stages_of_an_encoder_that_stays_frozen_are_refused(tagger, tmp_path):
    checkpointer = AtomicCheckpointer(tmp_path, {"tagger": tagger})
    hparams = {"tagger": tagger, "modules": {"tagger": tagger}, "sample_rate": 16000, "seed": 1}
    hparams |= {"opt_class": SGD, "lr_scheduler": constant, "checkpointer": checkpointer}
    hparams |= {"task": SingleLabel(["a", "b", "c"]), "epoch_counter": EpochCounter(3)}

    def make(**settings):
        return make_brain(
            hparams | {"fine_tuning": FineTuning(**settings)},
            RunOptions(device="cpu"),
            from_shards=False,
            pretrained=True,
            from_initial_model=True,
        )

    with pytest.raises(ValueError, match=r"^stages=2 would have no effect: .* frozen_epochs below"):
        make(frozen_epochs=3, stages=2)
    assert isinstance(make(frozen_epochs=2, stages=2), TaggingBrain)
    assert isinstance(make(frozen_epochs=3), FrozenEncoderBrain)


def test_it_tells_when_what_is_trained_changes(tagger):
    fine_tuning = FineTuning(frozen_epochs=2)
    assert [fine_tuning.unfreeze(tagger, epoch) for epoch in (1, 2, 3, 4)] == [
        True,
        False,
        True,
        False,
    ]


def test_a_frozen_stage_keeps_its_weights_and_batch_norm_statistics(tagger):
    fine_tuning = FineTuning(frozen_epochs=1)
    optimizer = fine_tuning.make_optimizer(lambda groups: torch.optim.AdamW(groups, lr=0.1), tagger)
    fine_tuning.unfreeze(tagger, 1)
    tagger.train()
    fine_tuning.keep_frozen_in_eval(tagger)
    before = {name: value.clone() for name, value in tagger.state_dict().items()}
    tagger(torch.randn(2, 16000)).clip_logits.square().sum().backward()
    optimizer.step()
    changed = {n for n, value in tagger.state_dict().items() if not value.equal(before[n])}
    assert changed == {name for name in before if name.startswith("head.")}
    fine_tuning.unfreeze(tagger, 2)
    tagger.train()
    fine_tuning.keep_frozen_in_eval(tagger)
    optimizer.zero_grad()
    tagger(torch.randn(2, 16000)).clip_logits.square().sum().backward()
    optimizer.step()
    # After the first step outside the head all of it moves.
    same = {n for n, value in tagger.state_dict().items() if value.equal(before[n])}
    assert not same


def test_the_encoder_has_learning_rates_of_its_own(tagger):
    def rates(fine_tuning):
        optimizer = fine_tuning.make_optimizer(lambda g: torch.optim.AdamW(g, lr=0.1), tagger)
        return {p: group["lr"] for group in optimizer.param_groups for p in group["params"]}

    head, encoder = list(tagger.head.parameters()), tagger.encoder
    chosen = rates(FineTuning(encoder_lr=0.01))
    assert {chosen[p] for p in head} == {0.1}
    assert {rate for p, rate in chosen.items() if p not in set(head)} == {0.01}
    assert set(rates(FineTuning()).values()) == {0.1}

    falling = rates(FineTuning(encoder_lr=0.01, stage_lr_decay=0.5))
    assert set(falling) == set(tagger.parameters())
    for stage, rate in ((encoder.layer4, 0.01), (encoder.layer3, 0.005), (encoder.layer1, 0.00125)):
        assert {falling[p] for p in stage.parameters()} == {rate}
    assert falling[encoder.conv1.weight] == 0.000625


def test_falling_rates_need_one_to_fall_from():
    with pytest.raises(ValueError, match="stage_lr_decay needs encoder_lr"):
        FineTuning(stage_lr_decay=0.5)


@pytest.mark.parametrize(
    "name", ["frozen_epochs", "epochs_per_stage", "encoder_lr", "stages", "stage_lr_decay"]
)
def test_a_negative_number_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must not be negative, got -1"):
        FineTuning(**{name: -1})


def test_batch_norm_can_keep_its_statistics_where_weights_are_trained(tagger):
    before = {n: b.clone() for n, b in tagger.named_buffers() if "running" in n}
    for frozen_statistics in (True, False):
        fine_tuning = FineTuning(frozen_statistics=frozen_statistics)
        fine_tuning.unfreeze(tagger, 1)
        tagger.train()
        fine_tuning.keep_frozen_in_eval(tagger)
        tagger(torch.randn(2, 16000)).clip_logits.sum().backward()
        after = {n: b for n, b in tagger.named_buffers() if "running" in n}
        same = [after[name].equal(value) for name, value in before.items()]
        assert all(same) if frozen_statistics else not any(same)
    assert tagger.encoder.bn1.weight.grad is not None


def test_biases_can_be_kept_from_decaying(tagger):
    optimizer = FineTuning().make_optimizer(torch.optim.AdamW, tagger, decay_vectors=False)
    for group in optimizer.param_groups:
        assert len({parameter.ndim > 1 for parameter in group["params"]}) == 1
        assert (group["weight_decay"] == 0) == (group["params"][0].ndim <= 1)
    trained = sum(len(group["params"]) for group in optimizer.param_groups)
    assert trained == len(list(tagger.parameters()))


def test_an_encoder_without_a_stage_to_unfreeze_is_frozen_throughout():
    assert FineTuning(stages=0).freezes_throughout(epochs=99)
    assert FineTuning(frozen_epochs=5).freezes_throughout(epochs=5)
    assert not FineTuning(frozen_epochs=4).freezes_throughout(epochs=5)


def brain_of(tagger, folder, **options):
    hparams = {"tagger": tagger, "task": SingleLabel(["x", "y", "z"]), "lr_scheduler": constant}
    hparams |= {"epoch_counter": EpochCounter(1), "fine_tuning": FineTuning()}
    brain = TaggingBrain(
        {"tagger": tagger},
        lambda groups: torch.optim.SGD(groups, lr=1.0),
        hparams,
        options,
        AtomicCheckpointer(folder, {"tagger": tagger}),
    )
    brain.init_optimizers()
    return brain


@pytest.mark.parametrize("decay_vectors", [True, False])
def test_gradients_of_all_stages_are_clipped_together(tagger, tmp_path, decay_vectors):
    """SpeechBrain clips the first group of parameters alone, which is the head."""
    brain = brain_of(
        tagger, tmp_path, max_grad_norm=2.0, remove_vector_weight_decay=not decay_vectors
    )
    assert len(brain.optimizer.param_groups) > 5
    parameters = list(tagger.parameters())
    before = [parameter.detach().clone() for parameter in parameters]
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 10.0)
    brain.optimizers_step()
    moved = [old - new.detach() for old, new in zip(before, parameters, strict=True)]
    assert torch.cat([part.flatten() for part in moved]).norm().item() == pytest.approx(2.0, 1e-4)
    assert all((part > 0).all() for part in moved)
    assert all(parameter.grad is None for parameter in parameters)
    assert brain.optimizer_step == 1


@pytest.mark.parametrize(("gradient", "steps"), [(1.0, 1), (float("inf"), 0)])
def test_a_step_that_overflowed_moves_no_schedule(tagger, tmp_path, gradient, steps):
    brain = brain_of(tagger, tmp_path)
    brain.scaler = torch.amp.GradScaler("cpu")
    brain.scaler.scale(torch.tensor(1.0))  # it makes its scale with the first loss
    for parameter in tagger.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    before = brain.lr_scheduler.last_epoch
    brain.optimizers_step()
    brain.on_fit_batch_end(None, None, None, should_step=True)
    assert brain.lr_scheduler.last_epoch - before == steps
