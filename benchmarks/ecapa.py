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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from ecapa_training import SAMPLE_RATE, SETTINGS, Budget, Training, size, tested
from speechbrain.dataio.dataset import DynamicItemDataset

from aed_plugins.core import (
    InputError,
    Parser,
    write_json,
)
from aed_plugins.data import (
    FoldSplit,
    UrbanSound8K,
    compute_manifest_fingerprint,
    describe_data,
    make_fold_dataset,
    make_fold_splits,
    read_manifest,
)
from aed_plugins.experiments import (
    FoldResult,
    provenance,
    run_program,
)
from aed_plugins.pretrained import load_model
from aed_plugins.training import (
    SingleLabel,
)


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


def summarize_ours(ours: FoldResult, folder: Path, clips: int) -> dict[str, Any]:
    """Give of our run what is given of ECAPA; its size where its checkpoint is there."""
    scores = {key: ours.metrics[key] for key in ("accuracy", "macro_f1")}
    scores |= {"clips": clips * ours.epochs, "seconds": ours.seconds}
    try:
        return scores | size(load_model(folder).tagger)
    except InputError:
        return scores


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
    """Lay scores out for reading, a column per model."""
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
    """Prepare the data, partial or not, and split the clips as our run does."""
    dataset = UrbanSound8K(
        data_folder=given.data_folder, prepared_folder=given.prepared_folder, allow_partial=True
    )
    data = dataset.prepare(SAMPLE_RATE)
    manifest = read_manifest(data.manifest)
    train_folds = None if ours is None else ours.train_folds
    (split,) = make_fold_splits(data.folds, [given.test_fold], [], train_folds)
    train, test = (
        make_fold_dataset(manifest, task.target, folds) for folds in (split.train, [split.test])
    )
    if ours is not None and ours.clips != len(test):
        raise InputError(
            f"{given.ours}: it tested {ours.clips} clips of fold {split.test}, not the {len(test)}"
            f" that are in {dataset.place}"
        )
    print(describe_data(data.summary()))
    print(f"test fold {split.test}, training folds {split.train}: {len(train)} clips", flush=True)
    described = {"state": data.state, "train_clips": len(train), "test_clips": len(test)}
    return Data(
        described | {"fingerprint": compute_manifest_fingerprint(manifest)}, split, train, test
    )


def main(arguments: list[str]) -> None:
    """Train, test, print and write."""
    given = parsed(arguments)
    torch.set_num_threads(given.threads)
    ours = None if given.ours is None else read_ours(given.ours, given.test_fold)
    task = SingleLabel(UrbanSound8K().labels)
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
        columns = {"ours": summarize_ours(ours, given.ours, len(data.train))} | columns
    for scores in columns.values():
        scores["clips_per_second"] = scores["clips"] / scores["seconds"]
    write_json(given.output, {"settings": settings, **columns, **provenance()})
    shutil.rmtree(kept)
    print("\n".join([*lines(columns), f"written to {given.output}"]))


if __name__ == "__main__":
    run_program(main)
