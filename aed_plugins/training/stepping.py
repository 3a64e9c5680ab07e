"""The steps of a training: random numbers, gradients, optimizer, schedule, moving average."""

import itertools
import random

import numpy as np
import torch
from speechbrain import Brain, Stage
from speechbrain.dataio.batch import PaddedBatch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LRScheduler

from aed_plugins.core import InputError
from aed_plugins.models import AudioTagger, TaggerOutput, name_out_of_memory
from aed_plugins.training.checkpoints import keep_in_checkpoints
from aed_plugins.training.distributed import process_rank
from aed_plugins.training.running_loss import RunningLoss
from aed_plugins.training.settings import TrainingSettings

READ_STEPS = 20  # from one look at the loss to the next, after that of the first step
DIVERGED = "the training diverged (a lower --lr may help)"


class SteppingBrain(Brain):
    """Take the steps of a training; `TaggingBrain` adds clips, task, epochs and evaluation.

    Attributes
    ----------
    settings : TrainingSettings
        What the training chose.
    tagger : AudioTagger
        What is trained, without a wrapper for several processes.
    lr_scheduler : LRScheduler
        Stepped with the optimizer.
    """

    settings: TrainingSettings
    tagger: AudioTagger
    lr_scheduler: LRScheduler
    _epochs = 0  # of the whole training
    _epoch = 0
    _steps_per_epoch = 0
    _stepped = False
    avg_train_loss: float  # as of the last look: see `update_average`
    _running_loss: RunningLoss | None = None  # in training

    def init_optimizers(self) -> None:
        """Make the optimizer and the schedule of its learning rate."""
        settings = self.settings
        self.optimizer = settings.make_optimizer(
            self.opt_class, self.tagger, decay_vectors=not self.remove_vector_weight_decay
        )
        self.optimizers_dict = {"opt_class": self.optimizer}
        total_steps = max(1, self._epochs * self._steps_per_epoch)
        self.lr_scheduler = settings.lr_scheduler(self.optimizer, total_steps=total_steps)
        kept = {"optimizer": self.optimizer, "lr_scheduler": self.lr_scheduler}
        if settings.ema is not None:
            settings.ema.start(self.tagger)
            kept["ema"] = settings.ema
        keep_in_checkpoints(self.checkpointer, **kept)

    def _wrap_distributed(self) -> None:
        """Wrap as SpeechBrain does, but on CPUs without SyncBatchNorm, which needs GPUs.

        Overrides a private method of SpeechBrain 1.1: it has no option for this, and fails on CPUs.
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
        """Train on one batch, with random numbers of its own.

        As `Brain.fit_batch`, which after each step waits for the loss to be on the CPU; here it is
        read now and then (see `update_average`), so that a GPU always has work.
        """
        entropy = [self.settings.seed, self._epoch, self.step, process_rank()]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  SpeechBrain's augmentation draws from it
        torch.manual_seed(seed)
        if self.settings.fine_tuning is not None:
            self.settings.fine_tuning.keep_frozen_in_eval(self.tagger)
        if self._running_loss is None:
            self._running_loss = RunningLoss(self.avg_train_loss, self.device)
        should_step = self.step % self.grad_accumulation_factor == 0
        self.on_fit_batch_start(batch, should_step)
        with name_out_of_memory(self.device, len(batch.id)):
            with self.no_sync(not should_step):
                with self.training_ctx:
                    outputs = self.compute_forward(batch, Stage.TRAIN)
                    loss = self.compute_objectives(outputs, batch, Stage.TRAIN)
                self.scaler.scale(loss / self.grad_accumulation_factor).backward()
            if should_step:
                self.optimizers_step()
        self.on_fit_batch_end(batch, outputs, loss, should_step)
        return loss.detach()

    def update_average(self, loss: Tensor, avg_loss: float) -> float:
        """Add a loss to the mean; in training, read it now and then: see `READ_STEPS`."""
        if self._running_loss is None:
            return float(super().update_average(loss, avg_loss))
        self._running_loss.add(loss, self.step)
        due = self.step == 1 or self.step % READ_STEPS == 0
        return self._read_loss(avg_loss) if due else avg_loss

    def _read_loss(self, known: float) -> float:
        """Return the mean loss of the epoch, or what is known of it if it had no step.

        Stop with one line when the training diverges: as many losses as SpeechBrain's
        `--nonfinite_patience` may be infinite or no number.
        """
        if self._running_loss is None:
            return float(known)
        mean, not_finite = self._running_loss.read()
        if not_finite > self.nonfinite_patience:
            raise InputError(f"{DIVERGED}: the loss of epoch {self._epoch} is not finite")
        return mean

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
        """Wait until gradients have added up to a step: no checkpoint holds them.

        Overrides a private method of SpeechBrain 1.1, which asks nothing else before it saves.
        """
        if self.step % self.grad_accumulation_factor:
            return False
        due = bool(super()._should_save_intra_epoch_ckpt(last_ckpt_time, steps_since_ckpt))
        if due:
            self.avg_train_loss = self._read_loss(self.avg_train_loss)  # the checkpoint has it
        return due

    def on_fit_batch_end(
        self, batch: PaddedBatch, outputs: TaggerOutput, loss: Tensor, should_step: bool
    ) -> None:
        """Update learning rate and moving average after every step of the optimizer."""
        if should_step and self._stepped:
            self.lr_scheduler.step()
            if self.settings.ema is not None:
                self.settings.ema.step()

    def learning_rate(self) -> float:
        """Return that of the first group of parameters, the head's."""
        return float(self.optimizer.param_groups[0]["lr"])
