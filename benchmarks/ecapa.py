"""Accuracy of SpeechBrain's own UrbanSound8K recipe, ECAPA-TDNN, beside a finished run of ours.

    python benchmarks/ecapa.py --data_folder=data/UrbanSound8K --test_fold=3 --seconds=600
    python benchmarks/ecapa.py --data_folder=data/UrbanSound8K --test_fold=3 --seconds=same \
        --ours=results/urbansound/resnet_dilated/1/fold3

Trains on the clips that our recipe prepares, on the folds of `--ours` or on all but the test fold,
until the training time (`--seconds`) or the passes over the clips (`--epochs`) are spent; `same`
takes either from our run. Tests the last weights. Prints accuracy, clips seen, seconds, parameters
and multiply-adds of both; writes them to `--output`. Every few minutes a checkpoint is written
beside it: the same command goes on from there. Neither that nor the test counts as training time.
Clips seen of ours are its epochs times the training clips, as without `--epoch_clips`.
Seconds are comparable only on the same machine with as many threads, and as busy.

Source: recipes/UrbanSound8k/SoundClassification of SpeechBrain 1.1, whose modules, losses and
augmentations are used as they are: 80 mel bands of 25 ms every 10 ms, each clip's mean taken off;
ECAPA-TDNN of 1024 channels that is not told where padding begins; additive angular margin; Adam;
batches of 32. Deviations:

- The learning rate's triangle is laid over the budget, once, from its floor to its peak and back.
  There it lasts 130,000 steps, of which 25 epochs make 6,000: it comes to a tenth of its peak.
- Noise and reverberation, whose files must be downloaded, are left out. There the first four of
  five augmentations are taken (speed, noise, reverberation, dropped frequencies) and dropped chunks
  never; here speed, frequencies and chunks are. The altered copies are trained on beside each clip,
  which makes a step four times as long (there five): `--augmentation=none` sees more clips instead.
  The copies pass in parts of 32, whose gradients are added: 128 at once would take some 20 GB.
- No fold validates: there the best of 25 epochs is tested, in its ten folds by the test fold.
- A pass is cut into even batches of at most 32: batch norm fails where one clip is left over.
"""

import argparse
import json
import math
import shutil
import sys
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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "recipes/urbansound"))

from urbansound_prepare import LABELS, find_data, prepare  # noqa: E402

from aed_plugins.core import (  # noqa: E402
    InputError,
    Parser,
    write_json,
)
from aed_plugins.data import (  # noqa: E402
    FoldSplit,
    collate,
    compute_manifest_fingerprint,
    describe_data,
    make_fold_dataset,
    make_fold_splits,
    read_manifest,
)
from aed_plugins.experiments import (  # noqa: E402
    FoldResult,
    provenance,
    run_program,
)
from aed_plugins.metrics import Predictions, concatenate_predictions  # noqa: E402
from aed_plugins.pretrained import load_model  # noqa: E402
from aed_plugins.training import (  # noqa: E402
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
        self.classifier = Classifier(input_size=EMBEDDING, out_neurons=len(LABELS))

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
            raise InputError("the training diverged: a lower --lr may mend it")
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
    """Give the figures of the test clips."""
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


def read_ours(folder: Path, test_fold: int) -> FoldResult:
    """Read the result of a run of ours, and see that it tells of one label per clip and fold."""
    path = folder / "result.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; --ours names a finished fold's folder")
    result = FoldResult.read(path)
    if "accuracy" not in result.metrics:
        raise InputError(f"{path}: expected a run with one label per clip, found no accuracy")
    if result.test_fold != test_fold:
        raise InputError(f"{path}: it tested fold {result.test_fold}, not --test_fold={test_fold}")
    return result


def figures_of_ours(ours: FoldResult, folder: Path, clips: int) -> dict[str, Any]:
    """Give of our run what is given of ECAPA; its size where its checkpoint is there."""
    figures = {key: ours.metrics[key] for key in ("accuracy", "macro_f1")}
    figures |= {"clips": clips * ours.epochs, "seconds": ours.seconds}
    try:
        return figures | size(load_model(folder).tagger)
    except InputError:
        return figures


def budget_of(given: argparse.Namespace, ours: FoldResult | None, clips: int) -> Budget:
    """Say how long to train on that many clips."""
    if given.seconds is None:
        epochs = ours.epochs if ours and given.epochs == "same" else given.epochs
        return Budget("clips", clips * epochs)
    if ours is None or given.seconds != "same":
        return Budget("seconds", given.seconds)
    if ours.device != "cpu":
        raise InputError(f"--seconds=same: {given.ours} was trained on {ours.device}, not a CPU")
    return Budget("seconds", round(ours.seconds, 1))


def lines(columns: dict[str, dict[str, Any]]) -> list[str]:
    """Lay figures out for reading, a column per model."""
    rows = {
        "accuracy": ("accuracy", "{:.1%}", 1),
        "macro-F1": ("macro_f1", "{:.1%}", 1),
        "clips seen": ("clips", "{:.0f}", 1),
        "seconds of training": ("seconds", "{:.0f}", 1),
        "clips per second": ("clips_per_second", "{:.2f}", 1),
        "million parameters": ("parameters", "{:.2f}", 1e6),
        "million multiply-adds, 4 s": ("multiply_adds", "{:.0f}", 1e6),
    }
    text = [f"{'':<26}" + "".join(f"{name:>12}" for name in columns)]
    for title, (key, form, unit) in rows.items():
        cells = [form.format(of[key] / unit) if key in of else "-" for of in columns.values()]
        text.append(f"{title:<26}" + "".join(f"{cell:>12}" for cell in cells))
    return text


def amount(kind: type) -> Any:
    """Read a number above zero, or `same`."""

    def read(text: str) -> Any:
        if text == "same":
            return text
        number = kind(text)
        if not 0 < number < math.inf:
            raise argparse.ArgumentTypeError(f"expected a number above 0 or same, got {text}")
        return number

    read.__name__ = "number"
    return read


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data_folder", help="by default the recipe's")
    parser.add_argument("--prepared_folder", help="decoded audio; by default the recipe's")
    parser.add_argument("--test_fold", type=int, default=10)
    parser.add_argument("--ours", type=Path, help="folder of a finished fold of our recipe")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--seconds", type=amount(float), help="of training, or same")
    length.add_argument("--epochs", type=amount(int), help="passes over the clips, or same")
    parser.add_argument("--augmentation", choices=("recipe", "none"), default="recipe")
    parser.add_argument("--channels", type=int, default=1024, help="a multiple of 8")
    parser.add_argument("--lr", type=float, default=0.001, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoint_minutes", type=float, default=3.0)
    parser.add_argument("--output", type=Path, help="by default results/ecapa/fold<n>-seed<n>.json")
    given = parser.parse_args(arguments)
    if given.ours is None and "same" in (given.seconds, given.epochs):
        raise InputError("same as what? --ours names the folder of a finished fold of our recipe")
    if given.channels < 8 or given.channels % 8:
        raise InputError(f"--channels: expected a multiple of 8, got {given.channels}")
    if given.threads < 1 or given.seed < 0 or given.lr <= 0:
        raise InputError("expected --threads and --lr above 0 and --seed not below")
    given.output = given.output or Path(
        f"results/ecapa/fold{given.test_fold}-seed{given.seed}.json"
    )
    if given.output.exists():
        raise InputError(f"{given.output}: a finished run; remove it or give another --output")
    return given


@dataclass(frozen=True)
class Data:
    """The clips of a comparison.

    Attributes
    ----------
    about : dict
        What there is to say of them.
    folds : FoldSplit
        Those that are tested and trained on.
    train, test : DynamicItemDataset
        The clips: `waveform` and `target`.
    """

    about: dict[str, Any]
    folds: FoldSplit
    train: DynamicItemDataset
    test: DynamicItemDataset


def gathered(given: argparse.Namespace, ours: FoldResult | None, task: SingleLabel) -> Data:
    """Prepare the data, partial or not, and fraction the clips out as our run does."""
    folder = find_data(given.data_folder)
    data = prepare(folder, given.prepared_folder, SAMPLE_RATE, allow_partial=True)
    manifest = read_manifest(data.manifest)
    train_folds = None if ours is None else ours.train_folds
    (split,) = make_fold_splits(data.folds, [given.test_fold], [], train_folds)
    train, test = (
        make_fold_dataset(manifest, task.target, folds) for folds in (split.train, [split.test])
    )
    if ours is not None and ours.clips != len(test):
        raise InputError(
            f"{given.ours}: it tested {ours.clips} clips of fold {split.test}, not the {len(test)}"
            f" that are in {folder}"
        )
    print(describe_data(data.summary()))
    print(f"test fold {split.test}, training folds {split.train}: {len(train)} clips", flush=True)
    told = {"state": data.state, "train_clips": len(train), "test_clips": len(test)}
    return Data(told | {"fingerprint": compute_manifest_fingerprint(manifest)}, split, train, test)


def main(arguments: list[str]) -> None:
    """Train, test, print and write."""
    given = parsed(arguments)
    torch.set_num_threads(given.threads)
    ours = None if given.ours is None else read_ours(given.ours, given.test_fold)
    task = SingleLabel(LABELS)
    data = gathered(given, ours, task)
    budget = budget_of(given, ours, len(data.train))
    settings = {
        **{name: getattr(given, name) for name in SETTINGS},
        budget.unit: budget.amount,
        "folds": asdict(data.folds),
        "data": data.about,
    }
    training = Training(data.train, given)
    kept = given.output.with_suffix(".checkpoints")
    training.run(budget, kept, given.checkpoint_minutes, json.dumps(settings))
    ecapa = tested(training.network, data.test, task) | size(training.network)
    columns = {"ECAPA-TDNN": ecapa | asdict(training.spent)}
    if ours is not None:
        columns = {"ours": figures_of_ours(ours, given.ours, len(data.train))} | columns
    for figures in columns.values():
        figures["clips_per_second"] = figures["clips"] / figures["seconds"]
    write_json(given.output, {"settings": settings, **columns, **provenance()})
    shutil.rmtree(kept)
    print("\n".join([*lines(columns), f"written to {given.output}"]))


if __name__ == "__main__":
    run_program(main)
