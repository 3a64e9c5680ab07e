"""SpeechBrain's ECAPA-TDNN recipe for UrbanSound8K, as a training with a budget: see ecapa.py."""

import argparse
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from speechbrain.augment.augmenter import Augmenter
from speechbrain.augment.time_domain import DropChunk, DropFreq, SpeedPerturb
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.lobes.features import Fbank
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN, Classifier
from speechbrain.nnet.losses import AdditiveAngularMargin, LogSoftmaxWrapper
from speechbrain.nnet.schedulers import CyclicLRScheduler, update_learning_rate
from speechbrain.processing.features import InputNormalization
from speechbrain.utils.seed import seed_everything
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from aed_plugins.core import (
    InputError,
)
from aed_plugins.data import (
    URBANSOUND_CLASSES,
    collate,
)
from aed_plugins.metrics import Predictions, concatenate_predictions
from aed_plugins.training import (
    AtomicCheckpointer,
    SingleLabel,
)

SAMPLE_RATE = 16000
BATCH_SIZE = 32
MELS, EMBEDDING = 80, 192
MARGIN, SCALE = 0.2, 30
LOWEST_LR, WEIGHT_DECAY = 1e-8, 2e-6
CLIP_SECONDS = 4
BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f}{unit} [{elapsed}<{remaining}{postfix}]"
SETTINGS = ("channels", "augmentation", "lr", "seed", "threads")


class Ecapa(nn.Module):
    """The network of SpeechBrain's recipe, from the waveform to a cosine per class.

    Parameters
    ----------
    channels : int
        Of its blocks; the layer that joins them has three times as many. The recipe's: 1024.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = Fbank(n_mels=MELS, left_frames=0, right_frames=0, deltas=False)
        self.normalization = InputNormalization(norm_type="sentence", std_norm=False)
        self.embedding = ECAPA_TDNN(
            input_size=MELS,
            channels=[channels] * 4 + [3 * channels],
            kernel_sizes=[5, 3, 3, 3, 1],
            dilations=[1, 2, 3, 4, 1],
            attention_channels=128,
            lin_neurons=EMBEDDING,
        )
        self.classifier = Classifier(input_size=EMBEDDING, out_neurons=len(URBANSOUND_CLASSES))

    def forward(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        """Map `(batch, sample)` and fractions of the samples `(batch,)` to `(batch, 1, class)`."""
        log_mel = self.normalization(self.features(waveform), lengths)
        return self.classifier(self.embedding(log_mel))


def augmenter() -> Augmenter:
    """Give the recipe's augmentations that need no files: a batch becomes four times as large."""
    altered = [
        SpeedPerturb(orig_freq=SAMPLE_RATE, speeds=[95, 100, 105]),
        DropFreq(
            drop_freq_low=0,
            drop_freq_high=1,
            drop_freq_count_low=1,
            drop_freq_count_high=3,
            drop_freq_width=0.05,
        ),
        DropChunk(drop_length_low=1000, drop_length_high=2000, drop_count_low=1, drop_count_high=5),
    ]
    return Augmenter(
        parallel_augment=True,
        concat_original=True,
        min_augmentations=len(altered),
        max_augmentations=len(altered),
        augmentations=altered,
    )


@dataclass
class Spent:
    """What a training has taken so far."""

    steps: int = 0
    clips: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Budget:
    """How long to train: until `unit`, `seconds` or `clips`, comes to `amount`."""

    unit: str
    amount: float

    def fraction(self, spent: Spent) -> float:
        """Return the fraction of it that is spent."""
        return getattr(spent, self.unit) / self.amount


class Training:
    """Trains on a data set in batches drawn from the seed, so that it can be gone on with.

    Parameters
    ----------
    train_set : DynamicItemDataset
        The clips: `waveform` and `target`.
    given : Namespace
        The command line's `channels`, `lr`, `augmentation` and `seed`.
    """

    def __init__(self, train_set: DynamicItemDataset, given: argparse.Namespace) -> None:
        seed_everything(given.seed, verbose=False)
        self.train_set = train_set
        self.seed = given.seed
        self.network = Ecapa(given.channels)
        self.loss = LogSoftmaxWrapper(AdditiveAngularMargin(margin=MARGIN, scale=SCALE))
        self.augment = augmenter() if given.augmentation == "recipe" else None
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=given.lr, weight_decay=WEIGHT_DECAY
        )
        # Half a cycle is half the budget: `clr` is asked by the fraction that is spent.
        self.schedule = CyclicLRScheduler(LOWEST_LR, given.lr, step_size=0.5)
        self.spent = Spent()

    def batch(self) -> PaddedBatch:
        """Draw the next batch; every pass over the clips has an order of its own."""
        per_pass = math.ceil(len(self.train_set) / BATCH_SIZE)
        number, place = divmod(self.spent.steps, per_pass)
        rng = np.random.default_rng([self.seed, number])
        order = np.array_split(rng.permutation(len(self.train_set)), per_pass)
        return collate([self.train_set[int(index)] for index in order[place]])

    def step(self, fraction: float) -> float:
        """Take a step with the learning rate at a fraction of the budget; return the loss."""
        started = time.perf_counter()
        batch = self.batch()
        (waveform, lengths), targets = batch.waveform, batch.target.unsqueeze(1)
        if self.augment is not None:
            drawn = np.random.SeedSequence([self.seed, self.spent.steps]).generate_state(1)
            seed_everything(int(drawn[0]), verbose=False)
            waveform, lengths = self.augment(waveform, lengths)
            targets = self.augment.replicate_labels(targets)
        # That of the middle of the step, which may be a good part of the budget.
        middle = fraction + 0.5 * fraction / max(1, self.spent.steps)
        update_learning_rate(self.optimizer, self.schedule.clr(min(1.0, middle)))
        loss = self.gradients(waveform, lengths, targets)
        if not math.isfinite(loss):
            raise InputError("the training diverged: try a lower --lr")
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.spent.steps += 1
        self.spent.clips += len(batch.id)
        self.spent.seconds += time.perf_counter() - started
        return loss

    def gradients(self, waveform: Tensor, lengths: Tensor, targets: Tensor) -> float:
        """Add up the gradients of a batch, at most 32 clips at a time; give its loss."""
        total = 0.0
        parts = math.ceil(len(targets) / BATCH_SIZE)
        for part in range(parts):
            chosen = slice(part, None, parts)  # some of each kind of copy
            cosines = self.network(waveform[chosen], lengths[chosen])
            loss = self.loss(cosines, targets[chosen]) * len(targets[chosen]) / len(targets)
            loss.backward()
            total += loss.item()
        return total

    def run(self, budget: Budget, folder: Path, minutes: float, settings: str) -> None:
        """Train to the end of the budget, from the last checkpoint in a folder if there is one."""
        recovered = {"network": self.network, "optimizer": self.optimizer}
        checkpointer = AtomicCheckpointer(folder, recovered)
        last = checkpointer.find_checkpoint()
        if last is not None:
            if last.meta["settings"] != settings:
                raise InputError(
                    f"{folder}: it holds a training with other settings, {last.meta['settings']}:"
                    f" remove it or give another --output, now they are {settings}"
                )
            checkpointer.load_checkpoint(last)
            self.spent = Spent(**{name: last.meta[name] for name in asdict(self.spent)})
        saved = time.monotonic()
        self.network.train()
        bar = tqdm(
            total=budget.amount,
            initial=getattr(self.spent, budget.unit),
            desc="training",
            unit=f" {budget.unit}",
            bar_format=BAR,
            dynamic_ncols=True,
        )
        with bar:
            while (fraction := budget.fraction(self.spent)) < 1:
                loss = self.step(fraction)
                bar.set_postfix(clips=self.spent.clips, loss=f"{loss:.2f}", refresh=False)
                bar.update(min(getattr(self.spent, budget.unit), budget.amount) - bar.n)
                over = budget.fraction(self.spent) >= 1
                if over or time.monotonic() - saved >= 60 * minutes:
                    meta = asdict(self.spent) | {"settings": settings}
                    checkpointer.save_and_keep_only(meta=meta, num_to_keep=1)
                    saved = time.monotonic()


def tested(network: Ecapa, test_set: DynamicItemDataset, task: SingleLabel) -> dict[str, Any]:
    """Compute the metrics of the test clips."""
    parts = []
    network.eval()
    for start in tqdm(range(0, len(test_set), BATCH_SIZE), "test", dynamic_ncols=True):
        places = range(start, min(start + BATCH_SIZE, len(test_set)))
        batch = collate([test_set[place] for place in places])
        with torch.inference_mode():
            logits = SCALE * network(*batch.waveform).squeeze(1)
        probabilities = task.probabilities(logits.double()).numpy()
        parts.append(Predictions(list(batch.id), batch.target.numpy(), probabilities))
    return task.metrics(concatenate_predictions(parts))


def size(network: nn.Module) -> dict[str, int]:
    """Count parameters, and the multiply-adds of a clip of 4 s."""
    waveform = torch.zeros(1, CLIP_SECONDS * SAMPLE_RATE)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(waveform, torch.ones(1))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {"parameters": parameters, "multiply_adds": counter.get_total_flops() // 2}
