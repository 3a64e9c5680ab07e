"""The brain that trains what a hyperparameter file describes; mistakes in the file are named."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from speechbrain.utils.run_opts import RunOptions
from torch.optim import Optimizer

from aed_plugins.models import AudioTagger, FittedHead, check_tagger
from aed_plugins.training.brain import TaggingBrain
from aed_plugins.training.fine_tuning import FineTuning
from aed_plugins.training.fitted_head_brain import FittedHeadBrain
from aed_plugins.training.frozen_encoder_brain import FrozenEncoderBrain
from aed_plugins.training.settings import TrainingSettings
from aed_plugins.training.tasks.multi_label import MultiLabel
from aed_plugins.training.tasks.task import Task


def make_brain(
    hparams: Mapping[str, Any],
    run_options: RunOptions,
    *,
    from_shards: bool,
    pretrained: bool,
    from_initial_model: bool,
) -> TaggingBrain:
    """Return the brain for an encoder that is trained, one that is frozen, or a fitted head.

    Parameters
    ----------
    hparams : mapping
        What the file describes, built, and `task`.
    run_options : RunOptions
        SpeechBrain's own.
    from_shards : bool
        Whether the training clips are streamed from shards.
    pretrained : bool
        Whether the file names weights of the encoder.
    from_initial_model : bool
        Whether the training starts from the weights of another one.

    Raises
    ------
    ValueError
        If a value cannot be used, alone or with the others.
    """
    tagger, epochs = hparams["tagger"], hparams["epoch_counter"].limit
    if epochs < 1:
        raise ValueError("expected at least one epoch")
    settings = TrainingSettings.from_hparams(hparams)
    check_tagger(tagger, hparams["sample_rate"], len(hparams["task"].labels))
    _check_smoothing(settings, hparams["task"])
    fitted = isinstance(tagger.head, FittedHead)
    if fitted and epochs != 1:
        raise ValueError(f"a head that is fitted at once takes one epoch, got {epochs}")
    if fitted and from_initial_model and not any(True for _ in tagger.parameters()):
        raise ValueError(
            "nothing here can start from another model: the head is fitted at once, and the encoder"
            " has no weights: leave out --initial_model"
        )
    fine_tuning = settings.fine_tuning
    frozen = fitted or (fine_tuning is not None and fine_tuning.freezes_throughout(epochs))
    _check_stages(fine_tuning, epochs)
    if from_shards:
        _check_shards(settings.balance, frozen)
    if frozen and not from_initial_model:
        _check_not_random(tagger, pretrained)
    if not fitted:  # they are made later, when a mistake in them could no longer be named
        _try_optimizer(hparams["opt_class"], settings)
    kind = FittedHeadBrain if fitted else FrozenEncoderBrain if frozen else TaggingBrain
    return kind(
        modules={"head": tagger.head} if frozen else hparams["modules"],
        opt_class=hparams.get("opt_class"),
        hparams=hparams,
        run_opts=run_options,
        checkpointer=hparams["checkpointer"],
    )


def _check_stages(fine_tuning: FineTuning | None, epochs: int) -> None:
    if fine_tuning is None or not fine_tuning.stages or not fine_tuning.freezes_throughout(epochs):
        return
    raise ValueError(
        f"stages={fine_tuning.stages} would have no effect: the encoder stays frozen in all"
        f" {epochs} epochs: give a number of frozen_epochs below {epochs}, got"
        f" {fine_tuning.frozen_epochs}"
    )


def _check_not_random(tagger: AudioTagger, pretrained: bool) -> None:
    random = []
    if not pretrained and any(True for _ in tagger.encoder.parameters()):
        random.append("the encoder")
    if any(True for _ in tagger.front_end.parameters()):
        random.append("the front-end")
    if random:
        raise ValueError(
            f"{' and '.join(random)} would stay frozen with random weights: give pretrained ones,"
            " --initial_model or --frozen_epochs=0"
        )


def _check_smoothing(settings: TrainingSettings, task: Task) -> None:
    augmentation = settings.augmentation
    smoothing = 0.0 if augmentation is None else augmentation.label_smoothing
    if isinstance(task, MultiLabel) and smoothing > 0 and settings.balance == "class_weights":
        raise ValueError(
            f"balance=class_weights would multiply what label_smoothing={smoothing:g} adds to"
            " labels that a clip does not have: give --label_smoothing=0 or --balance=sampling"
        )


def _check_shards(balance: str, frozen: bool) -> None:
    if balance == "sampling":
        raise ValueError(
            "balance=sampling draws clips one by one, but shards are read in their order: give"
            " --balance=class_weights, or leave out --webdataset"
        )
    if frozen:
        raise ValueError(
            "with an encoder that stays frozen the head is trained on cached embeddings, not on"
            " shards: give fewer --frozen_epochs, or leave out --webdataset"
        )


def _try_optimizer(opt_class: Callable[..., Optimizer], settings: TrainingSettings) -> None:
    try:
        optimizer = opt_class([torch.nn.Parameter(torch.zeros(1))])
    except (TypeError, ValueError) as error:
        raise ValueError(f"opt_class: {error}") from error
    settings.lr_scheduler(optimizer, total_steps=1)
