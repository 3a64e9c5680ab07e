"""What a training can choose, each with a default."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from aed_plugins.training.augmentation.augmentation import Augmentation
from aed_plugins.training.balancing import check_balance
from aed_plugins.training.ema import EMA
from aed_plugins.training.fine_tuning import FineTuning
from aed_plugins.training.schedules import constant


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """What a training can choose: the keys of a `TaggingBrain`'s hparams besides tagger and task.

    Attributes
    ----------
    seed : int
        Of all random numbers, 0 or more.
    balance : {"none", "class_weights", "sampling"}
        What is done about rare classes.
    epoch_clips : int
        About how many clips an epoch has where there are fewer: see `passes_per_epoch`.
    fine_tuning : FineTuning, optional
        Which stages are trained in which epoch; without it, what requires a gradient is trained.
    lr_scheduler : callable
        Called with the optimizer and `total_steps`; what it returns is stepped with the optimizer.
    augmentation : Augmentation, optional
        What is done to a training batch.
    ema : EMA, optional
        The average of the weights that is validated, tested and saved.
    train_logger : TrainLogger, optional
        SpeechBrain's or an `EpochLogger`.

    Raises
    ------
    ValueError
        If seed, balance or epoch_clips cannot be used.
    """

    seed: int = 1986
    balance: str = "none"
    epoch_clips: int = 0
    fine_tuning: FineTuning | None = None
    lr_scheduler: Callable[..., LRScheduler] = constant
    augmentation: Augmentation | None = None
    ema: EMA | None = None
    train_logger: Any = None

    def __post_init__(self) -> None:
        for name in ("seed", "epoch_clips"):
            number = getattr(self, name)
            if not isinstance(number, int) or isinstance(number, bool) or number < 0:
                raise ValueError(f"{name} must be a whole number, 0 or more, got {number!r}")
        check_balance(self.balance)

    @classmethod
    def from_hparams(cls, hparams: Mapping[str, Any]) -> "TrainingSettings":
        """Take what hparams have of these; the rest keeps its default."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: hparams[name] for name in names if name in hparams})

    def make_optimizer(
        self, opt_class: Callable[..., Optimizer] | None, tagger: Any, *, decay_vectors: bool
    ) -> Optimizer:
        """Make the optimizer of a tagger's parameters: see `FineTuning.make_optimizer`.

        Raises
        ------
        ValueError
            If there is no `opt_class`.
        """
        if opt_class is None:
            raise ValueError("a training needs an opt_class, such as partial(AdamW, lr=0.001)")
        fine_tuning = FineTuning() if self.fine_tuning is None else self.fine_tuning
        return fine_tuning.make_optimizer(opt_class, tagger, decay_vectors=decay_vectors)
