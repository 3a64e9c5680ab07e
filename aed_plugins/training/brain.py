"""Training and evaluation of a tagger with SpeechBrain's loop."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from speechbrain import Stage
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.utils.checkpoints import Checkpoint, Checkpointer
from speechbrain.utils.distributed import is_distributed_initialized
from speechbrain.utils.run_opts import RunOptions
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from aed_plugins.core import InputError
from aed_plugins.data import collate
from aed_plugins.metrics import Predictions, concatenate_predictions
from aed_plugins.models import AudioTagger, TaggerOutput, name_out_of_memory
from aed_plugins.training.checkpoints import ends_an_epoch, has_validation, keep_in_checkpoints
from aed_plugins.training.distributed import (
    broadcast_buffers,
    gather,
    mean_over_processes,
    number_of_processes,
)
from aed_plugins.training.history import History, describe_epoch
from aed_plugins.training.settings import TrainingSettings
from aed_plugins.training.stepping import DIVERGED, SteppingBrain
from aed_plugins.training.tasks.task import Task
from aed_plugins.training.training_clips import ListedClips, TrainingClips, count_epochs

logger = logging.getLogger(__name__)


class TaggingBrain(SteppingBrain):
    """Train and evaluate a tagger.

    A batch has `id`, `waveform` (padded) and `target` (the task's). The random number generators
    are seeded at each step from the seed, the epoch and the step, so that an interrupted run goes
    on exactly as it would have; on a GPU, as exactly as its sums in no fixed order allow.

    Parameters
    ----------
    modules : mapping of str to Module, optional
        What is trained: `{"tagger": tagger}`.
    opt_class : callable, optional
        Makes the optimizer of parameters, as for any `Brain`. To evaluate takes none.
    hparams : mapping
        `task` (a `Task`), `tagger` if it is not in `modules`, and what of `TrainingSettings` is not
        to have its default.
    run_opts : mapping or RunOptions, optional
        SpeechBrain's.
    checkpointer : Checkpointer, optional
        SpeechBrain's or an `AtomicCheckpointer`; the tagger and the counter of epochs are added to
        what it keeps. Without one, the last weights are evaluated.

    Attributes
    ----------
    history : History
        Metrics of the finished epochs.
    predictions : Predictions
        Those of the last evaluation, of all processes, on every process.
    evaluated_epoch : int
        The epoch whose weights `evaluate` took.

    Raises
    ------
    ValueError
        If task or tagger are missing, or a setting cannot be used.
    TypeError
        If `opt_class` is an optimizer.
    """

    takes_embeddings: ClassVar[bool] = False  # instead of waveforms, in a batch
    history: History
    predictions: Predictions
    evaluated_epoch: int

    def __init__(
        self,
        modules: Mapping[str, nn.Module] | None = None,
        opt_class: Callable[..., Optimizer] | None = None,
        hparams: Mapping[str, Any] | None = None,
        run_opts: Mapping[str, Any] | RunOptions | None = None,
        checkpointer: Checkpointer | None = None,
    ) -> None:
        given = {**(modules or {}), **(hparams or {})}
        for key in ("task", "tagger"):
            if key not in given:
                raise ValueError(f"a TaggingBrain needs a {key} among its hparams")
        if isinstance(opt_class, Optimizer):
            raise TypeError(
                "opt_class: expected what makes an optimizer of parameters, such as"
                " functools.partial(torch.optim.AdamW, lr=0.001), got an optimizer"
            )
        tagger: AudioTagger = given["tagger"]
        super().__init__(modules or {"tagger": tagger}, opt_class, hparams, run_opts, checkpointer)
        if self.jit or self.jit_module_keys:
            raise ValueError("jit: these modules are not for TorchScript; give compile instead")
        self.task: Task = given["task"]
        self.tagger = tagger.to(self.device)
        self.settings = TrainingSettings.from_hparams(hparams or {})
        self.history = History()
        kept = {"tagger": tagger, "history": self.history, **self.task.recoverables()}
        keep_in_checkpoints(checkpointer, **kept)
        self._batch_predictions: list[Predictions] = []
        self._class_weights: Tensor | None = None
        self._validates = False
        self._clips: TrainingClips | None = None
        self._epoch_started = 0.0

    def rank_checkpoint(self, checkpoint: Checkpoint) -> tuple[float, float, float]:
        """Rank checkpoints by the task's metric, then by validation loss, then earlier epoch."""
        meta = checkpoint.meta
        return (meta[f"valid_{self.task.selection_metric}"], -meta["valid_loss"], -meta["epoch"])

    def compute_forward(self, batch: PaddedBatch, stage: Stage) -> TaggerOutput:
        """Run the tagger on `batch.waveform`."""
        waveform, lengths = (tensor.to(self.device) for tensor in batch.waveform)
        full, change = _are_full(batch.waveform.lengths), None
        augmentation = self.settings.augmentation
        if stage == Stage.TRAIN and augmentation is not None:
            targets = batch.target.to(self.device)
            waveform, lengths, batch.target, change = augmentation(
                waveform, lengths, targets, self.task.soft_targets
            )
            # What an augmenter leaves on a GPU is not looked at: that would wait for the GPU.
            full = _are_full(lengths) or (full and augmentation.waveform is None)
        # Nothing is padded: masks would change nothing and cost a tenth of the time.
        lengths = None if full else lengths
        # In evaluation processes have different numbers of batches; the wrapper would wait for all.
        tagger = self.modules["tagger"] if stage == Stage.TRAIN else self.tagger
        return tagger(waveform, lengths, change)

    def compute_objectives(self, output: TaggerOutput, batch: PaddedBatch, stage: Stage) -> Tensor:
        """Compute the loss; in evaluation, store the predictions."""
        logits = output.clip_logits.float()
        if logits.shape[-1] != len(self.task.labels):
            raise ValueError(
                f"{len(self.task.labels)} labels, but the model has {logits.shape[-1]} classes"
            )
        targets = batch.target.to(self.device)
        if stage == Stage.TRAIN:
            return self.task.loss(logits, targets, self._class_weights)
        probabilities = self.task.probabilities(logits.cpu().double()).numpy()
        predictions = Predictions(list(batch.id), batch.target.numpy(), probabilities)
        self._batch_predictions.append(predictions)
        return self.task.loss(logits, targets, None)

    def evaluate_batch(self, batch: PaddedBatch, stage: Stage) -> Tensor:
        """Evaluate one batch."""
        with name_out_of_memory(self.device, len(batch.id)):
            return super().evaluate_batch(batch, stage)

    def make_dataloader(
        self,
        dataset: Dataset,
        stage: Stage,
        ckpt_prefix: str | None = "dataloader-",
        **loader_kwargs: Any,
    ) -> DataLoader:
        """Make a loader; of an evaluation set each process gets a part, each clip once."""
        if stage != Stage.TRAIN and self.distributed_launch:
            loader_kwargs["sampler"] = range(self.rank, len(dataset), number_of_processes())  # type: ignore[arg-type]
        loader_kwargs.setdefault("collate_fn", collate)
        return super().make_dataloader(dataset, stage, ckpt_prefix, **loader_kwargs)

    def fit(
        self,
        epoch_counter: Iterable[int],
        train_set: Any,
        valid_set: Any = None,
        progressbar: bool | None = None,
        train_loader_kwargs: dict[str, Any] | None = None,
        valid_loader_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Train as `Brain.fit` does; count the steps for the schedule.

        Parameters
        ----------
        epoch_counter : iterable of int
            The epochs: an `EpochCounter`, a range or a list, as the schedule needs their number.
        train_set : TrainingClips, Dataset or DataLoader
            What is trained on; settings about clips and balance need one of the first two.
        valid_set : Dataset or DataLoader, optional
            What is validated on after each epoch.
        progressbar : bool, optional
            Whether to show one; by default as the run options say.
        train_loader_kwargs, valid_loader_kwargs : dict, optional
            For the `DataLoader`s.

        Raises
        ------
        InputError
            If an epoch would have no step, or the training diverges.
        """
        self._epochs = count_epochs(epoch_counter)
        if hasattr(epoch_counter, "current"):
            keep_in_checkpoints(self.checkpointer, epoch_counter=epoch_counter)
        else:
            epoch_counter = self._unfinished(epoch_counter, len(self.history.rows))
        loader = train_set
        if not isinstance(train_set, DataLoader):
            loader = self._make_train_loader(train_set, dict(train_loader_kwargs or {}))
        self._steps_per_epoch = len(loader) // self.grad_accumulation_factor
        if self._steps_per_epoch == 0:
            raise InputError(
                f"grad_accumulation_factor={self.grad_accumulation_factor}: no step would be"
                f" taken, as an epoch has {len(loader)} batches"
            )
        self._validates = valid_set is not None
        if self.settings.fine_tuning is not None:  # before modules are wrapped and averaged
            self.settings.fine_tuning.unfreeze(self.tagger, 1)
        super().fit(
            epoch_counter,
            loader,
            valid_set,
            progressbar,
            valid_loader_kwargs=dict(valid_loader_kwargs or {}),
        )

    def _unfinished(self, epochs: Iterable[int], known: int) -> Iterator[int]:
        """Yield the epochs that are not in the history of a checkpoint that was loaded since."""
        finished = {row["epoch"] for row in self.history.rows[known:]}
        yield from (epoch for epoch in epochs if epoch not in finished)

    def _make_train_loader(self, train_set: Any, options: dict[str, Any]) -> DataLoader:
        settings = self.settings
        self._clips = train_set if isinstance(train_set, TrainingClips) else ListedClips(train_set)
        if settings.balance == "class_weights":
            weights = self.task.class_weights(*self._clips.count_labels(self.task.labels))
            self._class_weights = weights.to(self.device)
        dataset, sampler, in_order = self._clips.arrange(
            settings.balance, settings.epoch_clips, settings.seed
        )
        if sampler is not None:
            # SpeechBrain passes the epoch to samplers of its own only.
            self.train_sampler = options["sampler"] = sampler
        if in_order:
            options.pop("shuffle", None)
        loader = self.make_dataloader(dataset, Stage.TRAIN, **options)
        if isinstance(self.train_sampler, DistributedSampler):
            self.train_sampler.seed = settings.seed
        return loader

    def on_stage_start(self, stage: Stage, epoch: int | None = None) -> None:
        """Start the clock of an epoch; drop the predictions of the last evaluation."""
        self._batch_predictions = []
        self._running_loss, settings = None, self.settings
        if stage == Stage.TRAIN:
            self._epoch = 1 if epoch is None else epoch
            if settings.ema is not None:
                settings.ema.restore()
            self._epoch_started = time.monotonic()
            if self._clips is not None:
                self._clips.start_at(self._epoch, self.step)
            if settings.fine_tuning is not None:
                changed = settings.fine_tuning.unfreeze(self.tagger, self._epoch)
                if changed and settings.ema is not None:
                    settings.ema.follow()
                if changed and is_distributed_initialized():
                    self._wrap_distributed()
        else:
            # After its last step each process has batch norm statistics of its own.
            broadcast_buffers(self.tagger)

    def on_stage_end(self, stage: Stage, stage_loss: float, epoch: int | None = None) -> None:
        """Gather the predictions of the processes; end the epoch after its last stage."""
        if stage == Stage.TRAIN:
            self._train_loss = mean_over_processes(self._read_loss(stage_loss), self.device)
            if self.settings.ema is not None:
                self.settings.ema.apply()
            if not self._validates:
                self._end_epoch({})
            return
        self.predictions = concatenate_predictions(gather(self._batch_predictions))
        if not np.isfinite(self.predictions.probabilities).all():
            raise InputError(f"{DIVERGED}: its predictions are not finite")
        if stage == Stage.VALID:
            self._end_epoch(self.task.validate(self.predictions))

    def _end_epoch(self, valid: dict[str, float]) -> None:
        """Write the epoch's row into history, checkpoint and logs."""
        train = {
            "loss": self._train_loss,
            "learning_rate": self.learning_rate(),
            "seconds": time.monotonic() - self._epoch_started,
        }
        # SpeechBrain ends the epoch only after this, and would count on when it resumes.
        self.step, self.avg_train_loss = 0, 0.0
        row: dict[str, Any] = {"epoch": self._epoch, "train_loss": train["loss"]}
        row |= {name: train[name] for name in ("learning_rate", "seconds")}
        row |= {f"valid_{name}": value for name, value in valid.items()}
        self.history.rows.append(row)
        if self.checkpointer is not None:
            self.checkpointer.save_and_keep_only(
                meta=row,
                importance_keys=[self.rank_checkpoint] if valid else [],
                keep_recent=True,
                ckpt_predicate=has_validation if valid else None,
                verbosity=logging.DEBUG,
            )
        logger.info(describe_epoch(row, self._epochs, self.task.selection_metric))
        if self.settings.train_logger is not None:
            self.settings.train_logger.log_stats(
                {"epoch": self._epoch}, train_stats=train, valid_stats=valid or None, verbose=False
            )

    def trained_epochs(self) -> int:
        """Return how many epochs were finished before the last checkpoint."""
        last = self.checkpointer.find_checkpoint(ckpt_predicate=ends_an_epoch)
        return 0 if last is None else int(last.meta["epoch"])

    def on_evaluate_start(self, max_key: str | None = None, min_key: str | None = None) -> None:
        """Load the best checkpoint by validation; without validation, the last.

        Without a checkpointer, or before there is a checkpoint, the tagger stays as it is.
        """
        self.evaluated_epoch = self._epoch
        if self.checkpointer is None:
            return
        last = self.checkpointer.find_checkpoint(ckpt_predicate=ends_an_epoch)
        if last is None:
            return
        best = self.checkpointer.find_checkpoint(
            importance_key=self.rank_checkpoint, ckpt_predicate=has_validation
        )
        tested = best or last
        self.checkpointer.load_checkpoint(tested)
        self.history.load(last.paramfiles["history"])  # the tested one ends at its own epoch
        self.evaluated_epoch = int(tested.meta["epoch"])


def _are_full(lengths: Tensor) -> bool:
    """Return whether no item of a batch is padded, as far as is known without asking a GPU."""
    return lengths.device.type == "cpu" and bool((lengths.numpy() == 1.0).all())
