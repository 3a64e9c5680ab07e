"""Training and evaluation of a tagger with SpeechBrain's loop."""

import itertools
import logging
import random
import time
from typing import Any

import numpy as np
import torch
from speechbrain import Brain, Stage
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.utils.checkpoints import Checkpoint
from speechbrain.utils.distributed import is_distributed_initialized
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from aed_plugins.core import InputError
from aed_plugins.data import StreamedClips, collate
from aed_plugins.metrics import Predictions, concatenate_predictions
from aed_plugins.models import AudioTagger, TaggerOutput
from aed_plugins.training.augmentation.augmentation import Augmentation
from aed_plugins.training.balancing import count_labels
from aed_plugins.training.checkpoints import ends_an_epoch, has_validation
from aed_plugins.training.distributed import (
    broadcast_buffers,
    gather,
    mean_over_processes,
    number_of_processes,
    process_rank,
)
from aed_plugins.training.ema import EMA
from aed_plugins.training.epochs import arrange_epoch
from aed_plugins.training.history import History
from aed_plugins.training.tasks.task import Task

logger = logging.getLogger(__name__)
DIVERGED = "the training diverged (a lower --lr may help)"


class TaggingBrain(Brain):
    """Train and evaluate a tagger.

    Of the hparams it uses `seed`, `tagger`, `task` (a `Task`), `balance` (one of `BALANCES`),
    `fine_tuning`, `epoch_counter`, `lr_scheduler` (called with the optimizer and `total_steps`,
    stepped with it), `train_logger` and, if they are there, `augmentation` (an `Augmentation`),
    `ema` (an `EMA`) and `epoch_clips` (see `passes_per_epoch`; clips from shards are gone through
    once). `modules` holds what is trained: `{"tagger": tagger}`.

    A batch has `id`, `waveform` (padded) and `target` (the task's). The random number generators
    are seeded at each step from the seed, the epoch and the step, so that an interrupted run goes
    on exactly as it would have; on a GPU, as exactly as its sums in no fixed order allow.

    Attributes
    ----------
    history : History
        Metrics of the finished epochs.
    predictions : Predictions
        Those of the last evaluation, of all processes, on every process.
    evaluated_epoch : int
        The epoch whose checkpoint `evaluate` loaded.
    """

    history: History
    predictions: Predictions
    evaluated_epoch: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.task: Task = self.hparams.task
        self.tagger: AudioTagger = self.hparams.tagger.to(self.device)
        self.augmentation: Augmentation | None = getattr(self.hparams, "augmentation", None)
        self.ema: EMA | None = getattr(self.hparams, "ema", None)
        self.history = History()
        for name, state in {"history": self.history, **self.task.recoverables()}.items():
            self.checkpointer.add_recoverable(name, state)
        self._batch_predictions: list[Predictions] = []
        self._class_weights: Tensor | None = None
        self._validates = False
        self._shard_clips: StreamedClips | None = None
        self._steps_per_epoch = 0
        self._stepped = False
        self._epoch_started = 0.0

    def rank_checkpoint(self, checkpoint: Checkpoint) -> tuple[float, float, float]:
        """Rank checkpoints by the task's metric, then by validation loss, then earlier epoch."""
        meta = checkpoint.meta
        return (meta[f"valid_{self.task.selection_metric}"], -meta["valid_loss"], -meta["epoch"])

    def compute_forward(self, batch: PaddedBatch, stage: Stage) -> TaggerOutput:
        """Run the tagger on `batch.waveform`."""
        waveform, lengths = (tensor.to(self.device) for tensor in batch.waveform)
        change = None
        if stage == Stage.TRAIN and self.augmentation is not None:
            targets = batch.target.to(self.device)
            waveform, lengths, batch.target, change = self.augmentation(
                waveform, lengths, targets, self.task.soft_targets
            )
        # Nothing is padded: masks would change nothing and cost a tenth of the time.
        lengths = None if bool((lengths == 1.0).all()) else lengths
        # In evaluation processes have different numbers of batches; the wrapper would wait for all.
        tagger = self.modules["tagger"] if stage == Stage.TRAIN else self.tagger
        return tagger(waveform, lengths, change)

    def compute_objectives(self, output: TaggerOutput, batch: PaddedBatch, stage: Stage) -> Tensor:
        """Compute the loss; in evaluation, store the predictions."""
        logits = output.clip_logits.float()
        targets = batch.target.to(self.device)
        if stage == Stage.TRAIN:
            return self.task.loss(logits, targets, self._class_weights)
        probabilities = self.task.probabilities(logits.cpu().double()).numpy()
        predictions = Predictions(list(batch.id), batch.target.numpy(), probabilities)
        self._batch_predictions.append(predictions)
        return self.task.loss(logits, targets, None)

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
        loader_kwargs["collate_fn"] = collate
        return super().make_dataloader(dataset, stage, ckpt_prefix, **loader_kwargs)

    def fit(
        self,
        epoch_counter: Any,
        train_set: Any,
        valid_set: Any = None,
        progressbar: bool | None = None,
        train_loader_kwargs: dict[str, Any] | None = None,
        valid_loader_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Train on a dataset as `Brain.fit` does; count the steps for the schedule."""
        train_loader_kwargs = dict(train_loader_kwargs or {})
        if self.hparams.balance == "class_weights":
            weights = self.task.class_weights(*count_labels(train_set, self.task))
            self._class_weights = weights.to(self.device)
        epoch_clips = getattr(self.hparams, "epoch_clips", 0)
        train_set, sampler = arrange_epoch(
            train_set, self.hparams.balance, epoch_clips, self.hparams.seed
        )
        if sampler is not None:
            # SpeechBrain passes the epoch to samplers of its own only.
            self.train_sampler = train_loader_kwargs["sampler"] = sampler
        if isinstance(train_set, StreamedClips):
            self._shard_clips = train_set
        if sampler is not None or self._shard_clips is not None:
            train_loader_kwargs.pop("shuffle", None)  # they have an order of their own
        loader = self.make_dataloader(train_set, Stage.TRAIN, **train_loader_kwargs)
        if isinstance(self.train_sampler, DistributedSampler):
            self.train_sampler.seed = self.hparams.seed
        self._steps_per_epoch = len(loader) // self.grad_accumulation_factor
        if self._steps_per_epoch == 0:
            raise InputError(
                f"--grad_accumulation_factor={self.grad_accumulation_factor}: no step would be"
                f" taken, as an epoch has {len(loader)} batches"
            )
        self._validates = valid_set is not None
        super().fit(
            epoch_counter,
            loader,
            valid_set,
            progressbar,
            valid_loader_kwargs=dict(valid_loader_kwargs or {}),
        )

    def init_optimizers(self) -> None:
        """Make the optimizer and the schedule of its learning rate."""
        self.optimizer = self.hparams.fine_tuning.make_optimizer(
            self.opt_class, self.tagger, decay_vectors=not self.remove_vector_weight_decay
        )
        self.optimizers_dict = {"opt_class": self.optimizer}
        self.checkpointer.add_recoverable("optimizer", self.optimizer)
        total_steps = max(1, self.hparams.epoch_counter.limit * self._steps_per_epoch)
        self.lr_scheduler = self.hparams.lr_scheduler(self.optimizer, total_steps=total_steps)
        self.checkpointer.add_recoverable("lr_scheduler", self.lr_scheduler)
        if self.ema is not None:
            self.ema.start(self.tagger)
            self.checkpointer.add_recoverable("ema", self.ema)

    def _wrap_distributed(self) -> None:
        """Wrap as SpeechBrain does, but on CPUs without SyncBatchNorm, which needs GPUs.

        Call it again when other parameters are trained: the wrapper looks only when it is made.
        """
        for name, module in self.modules.items():
            if isinstance(module, DistributedDataParallel):
                self.modules[name] = module.module
        if not (self.distributed_launch and self.device_type == "cpu"):
            super()._wrap_distributed()
            return
        for name, module in self.modules.items():
            self.modules[name] = DistributedDataParallel(module)

    def fit_batch(self, batch: PaddedBatch) -> Tensor:
        """Train on one batch, with random numbers of its own."""
        entropy = [self.hparams.seed, self.hparams.epoch_counter.current, self.step, process_rank()]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  SpeechBrain's augmentation draws from it
        torch.manual_seed(seed)
        self.hparams.fine_tuning.keep_frozen_in_eval(self.tagger)
        return super().fit_batch(batch)

    def optimizers_step(self) -> None:
        """Take a step as `Brain` does, the norm of all gradients clipped to `max_grad_norm`.

        SpeechBrain clips those of the first group of parameters alone, which is the head.
        """
        self.scaler.unscale_(self.optimizer)
        groups = [group["params"] for group in self.optimizer.param_groups]
        torch.nn.utils.clip_grad_norm_(itertools.chain(*groups), self.max_grad_norm)
        if not self.scaler.is_enabled() and self.skip_nonfinite_grads:
            self.check_gradients()
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._stepped = self.scaler.get_scale() >= scale  # it falls where fp16 overflowed
        self.optimizer.zero_grad(set_to_none=True)
        self.optimizer_step += 1

    def _should_save_intra_epoch_ckpt(self, last_ckpt_time: float, steps_since_ckpt: int) -> bool:
        """Wait until gradients have added up to a step: no checkpoint holds them."""
        if self.step % self.grad_accumulation_factor:
            return False
        return bool(super()._should_save_intra_epoch_ckpt(last_ckpt_time, steps_since_ckpt))

    def check_loss_isfinite(self, loss: Tensor) -> None:
        """Stop with one line when the training diverges."""
        try:
            super().check_loss_isfinite(loss)
        except ValueError as error:
            epoch = self.hparams.epoch_counter.current
            raise InputError(f"{DIVERGED}: the loss of epoch {epoch} is not finite") from error

    def on_fit_batch_end(
        self, batch: PaddedBatch, outputs: TaggerOutput, loss: Tensor, should_step: bool
    ) -> None:
        """Update learning rate and moving average after every step of the optimizer."""
        if should_step and self._stepped:
            self.lr_scheduler.step()
            if self.ema is not None:
                self.ema.step()

    def on_stage_start(self, stage: Stage, epoch: int | None = None) -> None:
        """Start the clock of an epoch; drop the predictions of the last evaluation."""
        self._batch_predictions = []
        if stage == Stage.TRAIN:
            if self.ema is not None:
                self.ema.restore()
            self._epoch_started = time.monotonic()
            if self._shard_clips is not None:
                self._shard_clips.start_at(epoch or 1, self.step)
            changed = self.hparams.fine_tuning.unfreeze(self.tagger, epoch or 1)
            if changed and is_distributed_initialized():
                self._wrap_distributed()
        else:
            # After its last step each process has batch norm statistics of its own.
            broadcast_buffers(self.tagger)

    def on_stage_end(self, stage: Stage, stage_loss: float, epoch: int | None = None) -> None:
        """Gather the predictions of the processes; end the epoch after its last stage."""
        if stage == Stage.TRAIN:
            self._train_loss = mean_over_processes(float(stage_loss), self.device)
            if self.ema is not None:
                self.ema.apply()
            if not self._validates:
                self._end_epoch(epoch, {})
            return
        self.predictions = concatenate_predictions(gather(self._batch_predictions))
        if not np.isfinite(self.predictions.probabilities).all():
            raise InputError(f"{DIVERGED}: its predictions are not finite")
        if stage == Stage.VALID:
            self._end_epoch(epoch, self.task.validate(self.predictions))

    def learning_rate(self) -> float:
        """Return that of the first group of parameters, the head's."""
        return float(self.optimizer.param_groups[0]["lr"])

    def _end_epoch(self, epoch: int | None, valid: dict[str, float]) -> None:
        """Write the epoch's row into history, checkpoint and logs."""
        train = {
            "loss": self._train_loss,
            "learning_rate": self.learning_rate(),
            "seconds": time.monotonic() - self._epoch_started,
        }
        # SpeechBrain ends the epoch only after this, and would count on when it resumes.
        self.step, self.avg_train_loss = 0, 0.0
        row: dict[str, Any] = {"epoch": epoch, "train_loss": train["loss"]}
        row |= {name: train[name] for name in ("learning_rate", "seconds")}
        row |= {f"valid_{name}": value for name, value in valid.items()}
        self.history.rows.append(row)
        self.checkpointer.save_and_keep_only(
            meta=row,
            importance_keys=[self.rank_checkpoint] if valid else [],
            keep_recent=True,
            ckpt_predicate=has_validation if valid else None,
            verbosity=logging.DEBUG,
        )
        logger.info(self._line(row))
        self.hparams.train_logger.log_stats(
            {"epoch": epoch}, train_stats=train, valid_stats=valid or None, verbose=False
        )

    def _line(self, row: dict[str, Any]) -> str:
        text = f"epoch {row['epoch']}/{self.hparams.epoch_counter.limit}: {row['seconds']:.0f} s,"
        text += f" loss {row['train_loss']:.3f}"
        if "valid_loss" in row:
            metric = self.task.selection_metric
            text += f", validation loss {row['valid_loss']:.3f}"
            text += f", {metric} {row[f'valid_{metric}']:.1%}"
        return text

    def trained_epochs(self) -> int:
        """Return how many epochs were finished before the last checkpoint."""
        last = self.checkpointer.find_checkpoint(ckpt_predicate=ends_an_epoch)
        return 0 if last is None else int(last.meta["epoch"])

    def on_evaluate_start(self, max_key: str | None = None, min_key: str | None = None) -> None:
        """Load the best checkpoint by validation; without validation, the last."""
        last = self.checkpointer.find_checkpoint(ckpt_predicate=ends_an_epoch)
        best = self.checkpointer.find_checkpoint(
            importance_key=self.rank_checkpoint, ckpt_predicate=has_validation
        )
        tested = best or last
        self.checkpointer.load_checkpoint(tested)
        self.history.load(last.paramfiles["history"])  # the tested one ends at its own epoch
        self.evaluated_epoch = int(tested.meta["epoch"])
