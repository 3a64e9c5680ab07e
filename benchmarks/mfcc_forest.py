"""Accuracy of a random forest on statistics of MFCCs, the baseline of UrbanSound8K's authors.

    python benchmarks/mfcc_forest.py --data_folder=data/UrbanSound8K --test_folds 1 2 3 --seeds 1 2

A network that is not better than this has learnt nothing that needs one. Trains on the clips that
our recipe prepares, on all folds but the tested one, and prints accuracy and macro-F1 of every
fold and seed with their means; `--output` keeps them.

Source: Salamon, Jacoby, Bello, "A Dataset and Taxonomy for Urban Sound Research" (ACM MM 2014),
section 5: 25 MFCCs of 40 mel bands in windows of 23 ms, half overlapping; of each over the clip
minimum, maximum, median, mean, variance, skewness, kurtosis, and mean and variance of its first and
second differences: 275 numbers; 500 trees. Deviations: the sound is that of our recipe (16 kHz
in place of 44.1), differences are from frame to frame, and classes weigh alike.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor
from torchaudio.transforms import MFCC
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "recipes/urbansound"))

from urbansound_prepare import LABELS, find_data, prepare  # noqa: E402

from aed_plugins.arguments import Parser  # noqa: E402
from aed_plugins.errors import InputError  # noqa: E402
from aed_plugins.experiment import run  # noqa: E402
from aed_plugins.files import write_json  # noqa: E402
from aed_plugins.folds import plan_folds  # noqa: E402
from aed_plugins.manifest import read_manifest, waveforms  # noqa: E402
from aed_plugins.metrics import Predictions  # noqa: E402
from aed_plugins.results import about, origin  # noqa: E402
from aed_plugins.tasks import SingleLabel  # noqa: E402

SAMPLE_RATE = 16000
WINDOW, HOP = 371, 186  # samples: 23.2 ms
MELS, COEFFICIENTS = 40, 25

Array = NDArray[np.float64]


def statistics(mfcc: Array) -> Array:
    """Summarise MFCCs `(coefficient, frame)` over time: eleven numbers per coefficient.

    Where all frames are alike, skewness and kurtosis are 0, as are differences of a single frame.
    """
    first = np.diff(mfcc) if mfcc.shape[1] > 1 else np.zeros_like(mfcc)
    second = np.diff(first) if first.shape[1] > 1 else np.zeros_like(first)
    # What varies by rounding alone has no shape.
    varies = mfcc.std(1, keepdims=True) > 1e-6
    shaped = np.where(varies, mfcc, 0.0)
    with np.errstate(invalid="ignore"):
        shape = [scipy.stats.skew(shaped, axis=1), scipy.stats.kurtosis(shaped, axis=1)]
    level = [mfcc.min(1), mfcc.max(1), np.median(mfcc, axis=1), mfcc.mean(1), mfcc.var(1)]
    changes = [first.mean(1), first.var(1), second.mean(1), second.var(1)]
    return np.concatenate([*level, *np.nan_to_num(shape), *changes])


def mfcc_transform() -> MFCC:
    """Give the transform of a waveform `(sample,)` to MFCCs `(coefficient, frame)`."""
    spectrum = {"n_fft": 512, "win_length": WINDOW, "hop_length": HOP, "n_mels": MELS}
    return MFCC(SAMPLE_RATE, COEFFICIENTS, melkwargs=spectrum)


def summarised(clips: Any) -> tuple[list[str], Array]:
    """Give the clips' names and their statistics, `(clip, 275)`."""
    transform = mfcc_transform()
    names, rows = [], []
    for place in tqdm(range(len(clips)), "MFCC", unit=" clips", dynamic_ncols=True):
        clip = clips[place]
        waveform: Tensor = clip["waveform"]
        with torch.inference_mode():
            rows.append(statistics(transform(waveform).double().numpy()))
        names.append(clip["id"])
    return names, np.stack(rows)


def forest(trees: int, seed: int) -> RandomForestClassifier:
    """Give an untrained forest whose classes weigh alike."""
    return RandomForestClassifier(trees, class_weight="balanced", random_state=seed, n_jobs=-1)


def figures(model: RandomForestClassifier, names: list[str], x: Array, y: Array) -> dict[str, Any]:
    """Test a trained forest."""
    probabilities = np.zeros((len(x), len(LABELS)))
    probabilities[:, model.classes_] = model.predict_proba(x)
    found = SingleLabel(list(LABELS)).figures(Predictions(names, y, probabilities))
    return {key: found[key] for key in ("accuracy", "macro_f1")}


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data_folder", help="by default the recipe's")
    parser.add_argument("--prepared_folder", help="decoded audio; by default the recipe's")
    parser.add_argument("--test_folds", type=int, nargs="+", help="by default all that are there")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--output", type=Path, help="a JSON file")
    given = parser.parse_args(arguments)
    if given.trees < 1 or min(given.seeds) < 0:
        raise InputError("expected --trees above 0 and --seeds not below")
    return given


def main(arguments: list[str]) -> None:
    """Train, test, print and write."""
    given = parsed(arguments)
    data = prepare(
        find_data(given.data_folder), given.prepared_folder, SAMPLE_RATE, allow_partial=True
    )
    print(about(data.summary()))
    manifest = read_manifest(data.manifest)
    plans = plan_folds(data.folds, given.test_folds or "all", [])
    names, x = summarised(waveforms(manifest))
    y = np.array([LABELS.index(manifest[name]["labels"][0]) for name in names])
    folds = np.array([manifest[name]["fold"] for name in names])
    rows = []
    for plan in plans:
        train, test = np.isin(folds, plan.train), folds == plan.test
        tested = [name for name, chosen in zip(names, test, strict=True) if chosen]
        for seed in given.seeds:
            model = forest(given.trees, seed).fit(x[train], y[train])
            row = {"fold": plan.test, "seed": seed, "clips": len(tested)}
            rows.append(row | figures(model, tested, x[test], y[test]))
            print("fold {fold}, seed {seed}: {accuracy:.1%} of {clips}".format(**rows[-1]))
    means = {key: float(np.mean([row[key] for row in rows])) for key in ("accuracy", "macro_f1")}
    print("mean: accuracy {accuracy:.1%}, macro-F1 {macro_f1:.1%}".format(**means), end="")
    print()
    if given.output:
        settings = {"trees": given.trees, "data": data.summary()}
        write_json(given.output, {**settings, "runs": rows, **means, **origin()})


if __name__ == "__main__":
    run(main)
