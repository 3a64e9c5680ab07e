"""Transfer learning: which stages are trained in which epoch, and at which learning rate.

The source for unfreezing from the last stage to the first: Howard and Ruder, "Universal Language
Model Fine-tuning for Text Classification" (ACL 2018), gradual unfreezing and discriminative
learning rates.
"""

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer

from aed_plugins.models import AudioTagger


class FineTuning:
    """Freeze the encoder (and what is before it), for the whole training or for some epochs.

    A frozen stage gets no gradient, and its batch norm and dropout work as in inference.

    Parameters
    ----------
    frozen_epochs : int
        Epochs in which the head alone is trained; as many as there are, or more, freeze throughout.
    epochs_per_stage : int
        After that, epochs between the unfreezing of one of the encoder's stages and of the one
        before it, from the last to the first; 0 unfreezes all at once. The front-end counts as the
        first stage.
    encoder_lr : float, optional
        Learning rate of the front-end and the encoder; by default the head's.
    stages : int, optional
        How many of the last stages are ever unfrozen; by default all.
    stage_lr_decay : float
        Learning rate of a stage as a fraction of that of the stage after it; the last one has
        `encoder_lr`.
    frozen_statistics : bool
        Whether batch norm before the head keeps its means and variances even where its stage is
        trained: for a pretrained encoder and few clips.

    Raises
    ------
    TypeError
        If something else is given for a number.
    ValueError
        If a number is negative, or `stage_lr_decay` is not 1 where there is no `encoder_lr`.

    Examples
    --------
    >>> FineTuning(frozen_epochs=3, epochs_per_stage=2).unfrozen_stages(epoch=6, stages=5)
    2
    >>> FineTuning().unfrozen_stages(epoch=1, stages=5)
    5
    """

    def __init__(
        self,
        frozen_epochs: int = 0,
        epochs_per_stage: int = 0,
        encoder_lr: float | None = None,
        stages: int | None = None,
        stage_lr_decay: float = 1.0,
        frozen_statistics: bool = False,
    ) -> None:
        numbers = {
            "frozen_epochs": frozen_epochs,
            "epochs_per_stage": epochs_per_stage,
            "encoder_lr": encoder_lr,
            "stages": stages,
            "stage_lr_decay": stage_lr_decay,
        }
        for name, number in numbers.items():
            if not isinstance(number, int | float | None):
                raise TypeError(f"{name} must be a number, got {number!r}")
            if number is not None and number < 0:
                raise ValueError(f"{name} must not be negative, got {number}")
        if encoder_lr is None and stage_lr_decay != 1:
            raise ValueError("stage_lr_decay needs encoder_lr, the last stage's learning rate")
        self.frozen_epochs = frozen_epochs
        self.epochs_per_stage = epochs_per_stage
        self.encoder_lr = encoder_lr
        self.stages = stages
        self.stage_lr_decay = stage_lr_decay
        self.frozen_statistics = frozen_statistics

    def freezes_throughout(self, epochs: int) -> bool:
        """Return whether the encoder stays frozen in a training of so many epochs."""
        return self.frozen_epochs >= epochs or self.stages == 0

    def unfrozen_stages(self, epoch: int, stages: int) -> int:
        """Return how many of the last stages are trained in an epoch (counted from 1)."""
        if self.stages is not None:
            stages = min(stages, self.stages)
        if epoch <= self.frozen_epochs:
            return 0
        if self.epochs_per_stage == 0:
            return stages
        return min(stages, 1 + (epoch - self.frozen_epochs - 1) // self.epochs_per_stage)

    def unfreeze(self, tagger: AudioTagger, epoch: int) -> bool:
        """Freeze and unfreeze stages for an epoch.

        Parameters
        ----------
        tagger : AudioTagger
            Its front-end and encoder are frozen or not; the head never is.
        epoch : int
            Counted from 1.

        Returns
        -------
        bool
            Whether what is trained has changed.
        """
        stages = _stages(tagger)
        frozen = len(stages) - self.unfrozen_stages(epoch, len(stages))
        changed = False
        for number, stage in enumerate(stages):
            for parameter in stage.parameters():
                changed |= parameter.requires_grad != (number >= frozen)
                parameter.requires_grad = number >= frozen
        return changed

    def keep_frozen_in_eval(self, tagger: AudioTagger) -> None:
        """Set what is frozen to evaluation mode, which `tagger.train()` has ended."""
        for stage in _stages(tagger):
            if not any(parameter.requires_grad for parameter in stage.parameters()):
                stage.eval()
            elif self.frozen_statistics:
                for module in stage.modules():
                    if isinstance(module, _NormBase):
                        module.eval()

    def make_optimizer(
        self,
        opt_class: Callable[[Iterable[dict[str, Any]]], Optimizer],
        tagger: AudioTagger,
        decay_vectors: bool = True,
    ) -> Optimizer:
        """Make the optimizer: the head's parameters first, then those of the stages before it.

        Parameters
        ----------
        opt_class : callable
            Makes an optimizer of parameter groups.
        tagger : AudioTagger
            Whose parameters are trained.
        decay_vectors : bool
            Whether biases and the like have weight decay: SpeechBrain's
            `--remove_vector_weight_decay` says no.
        """
        groups: list[dict[str, Any]] = [{"params": list(tagger.head.parameters())}]
        for later, stage in enumerate(reversed(_stages(tagger))):
            group: dict[str, Any] = {"params": list(stage.parameters())}
            if self.encoder_lr is not None:
                group["lr"] = self.encoder_lr * self.stage_lr_decay**later
            groups.append(group)
        if not decay_vectors:
            groups = [part for group in groups for part in _vectors_apart(group)]
        return opt_class([group for group in groups if group["params"]])


def _vectors_apart(group: dict[str, Any]) -> list[dict[str, Any]]:
    matrices = [p for p in group["params"] if p.ndim > 1]
    vectors = [p for p in group["params"] if p.ndim <= 1]
    return [{**group, "params": matrices}, {**group, "params": vectors, "weight_decay": 0.0}]


def _stages(tagger: AudioTagger) -> list[nn.Module]:
    """Return the components before the head that have parameters, from input to output."""
    front_end = [tagger.front_end] if list(tagger.front_end.parameters()) else []
    return [*front_end, *tagger.encoder.stages()]
