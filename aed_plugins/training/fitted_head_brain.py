"""Fitting of a head, such as a random forest, to all cached embeddings at once."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from speechbrain import Stage
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.dataset import DynamicItemDataset
from torch.utils.data import DataLoader

from aed_plugins.core import FloatArray, InputError
from aed_plugins.models import FittedHead, absolute_lengths
from aed_plugins.training.balancing import clip_weights, list_labels
from aed_plugins.training.distributed import number_of_processes, run_on_main
from aed_plugins.training.frozen_encoder_brain import FrozenEncoderBrain


class FittedHeadBrain(FrozenEncoderBrain):
    """Fit a `FittedHead` to all cached embeddings; that is its only epoch.

    All clips have the same weight, however many steps they have. If `balance` is not none, they
    have those of `clip_weights`.
    """

    def fit(
        self,
        epoch_counter: Any,
        train_set: Any,
        valid_set: Any = None,
        progressbar: bool | None = None,
        train_loader_kwargs: dict[str, Any] | None = None,
        valid_loader_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Fit on a dataset, then validate; a finished epoch is not repeated.

        SpeechBrain's loop takes steps, so this has one of its own, and calls the private
        `_fit_valid` of SpeechBrain 1.1 for the validation.
        """
        run_on_main(_check_single_process)
        self._validates, self._epochs = valid_set is not None, 1
        for epoch in epoch_counter:
            self.on_stage_start(Stage.TRAIN, epoch)
            loss = self._fit_head(train_set, dict(train_loader_kwargs or {}) | {"shuffle": False})
            self.on_stage_end(Stage.TRAIN, loss, epoch)
            if valid_set is not None:
                loader = self.make_dataloader(valid_set, Stage.VALID, **(valid_loader_kwargs or {}))
                shown = not self.noprogressbar if progressbar is None else progressbar
                self._fit_valid(loader, epoch, enable=shown)

    def print_trainable_parameters(self) -> None:
        """Print nothing: SpeechBrain would warn that there are none."""

    def learning_rate(self) -> float:
        """Return 0: there are no steps."""
        return 0.0

    @torch.no_grad()
    def _fit_head(self, train_set: DynamicItemDataset, loader_kwargs: dict[str, Any]) -> float:
        """Fit the head and return its loss on the same clips."""
        self.modules.eval()
        loader = self.make_dataloader(train_set, Stage.VALID, ckpt_prefix=None, **loader_kwargs)
        weights: FloatArray = np.ones(len(train_set))
        if self.settings.balance != "none":
            weights = clip_weights(list_labels(train_set))
        steps, targets, counts = [], [], []
        for batch in self._batches(loader):
            embeddings, lengths = batch.embeddings
            for clip, count in zip(
                embeddings, absolute_lengths(lengths, embeddings.shape[1]).tolist(), strict=True
            ):
                steps.append(clip[:count].numpy())
                counts.append(count)
            targets.append(self.task.soft_targets(batch.target).numpy())
        step_weights = weights[: len(counts)] / counts
        head = self.tagger.head
        assert isinstance(head, FittedHead)
        head.fit(
            np.concatenate(steps),
            np.concatenate(targets).repeat(counts, axis=0),
            weights=step_weights.repeat(counts),
            seed=self.settings.seed,
        )
        loss = 0.0
        for batch in self._batches(loader):
            logits = self.compute_forward(batch, Stage.VALID).clip_logits.cpu()
            loss += float(self.task.loss(logits, batch.target, None)) * len(batch.id)
        return loss / len(counts)

    def _batches(self, loader: DataLoader[Any]) -> Iterator[PaddedBatch]:
        return itertools.islice(loader, self.debug_batches if self.debug else None)


def _check_single_process() -> None:
    if number_of_processes() > 1:
        raise InputError("a head that is fitted at once takes one process: leave out torchrun")
