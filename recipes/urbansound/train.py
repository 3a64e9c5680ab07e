"""Train and judge a model on UrbanSound8K, on its official folds.

    python recipes/urbansound/train.py hparams/resnet_dilated.yaml [--option=value ...]

README.md beside this file lists the options, the files that a run leaves and our figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from speechbrain.utils.distributed import if_main_process
from urbansound_prepare import LABELS, find_data, is_demonstration, prepare

from aed_plugins.crossvalidation import CrossValidation
from aed_plugins.experiment import join_processes, parse, run
from aed_plugins.folds import plan_folds
from aed_plugins.manifest import read_manifest
from aed_plugins.processes import on_main
from aed_plugins.results import table

FILES = ("confusion_matrix.png", "training_curve.png", "results.json", "predictions.csv")


@dataclass(frozen=True)
class Options:
    """What a run on UrbanSound8K can choose, besides what is in the hyperparameter file."""

    data_folder: str | None = None  # data/UrbanSound8K, or a demonstration corpus if there is none
    prepared_folder: str | None = None  # decoded audio; by default a folder in data/prepared
    test_folds: Sequence[int] | str = (10,)  # or "all": the official protocol
    valid_folds: Sequence[int] | None = None  # the fold before the test fold; [] for none
    train_folds: Sequence[int] | None = None  # all others
    allow_partial: bool = False  # go on when clips are missing
    skip_bad_clips: bool = False  # leave out clips that cannot be read
    initial_model: str | None = None  # a trained run whose weights to start from


def main(arguments: list[str]) -> None:
    """Prepare the data, run the folds, print the table."""
    experiment = parse(arguments, Options)
    join_processes(experiment.run_options)
    options = experiment.options
    folder = on_main(find_data, options.data_folder)
    dataset = "urbansound_demonstration" if is_demonstration(folder) else "urbansound"
    handed_in = {"dataset": dataset, "labels": list(LABELS), "multi_label": False}
    data = on_main(
        prepare,
        folder,
        options.prepared_folder,
        experiment.value("sample_rate", **handed_in),
        allow_partial=options.allow_partial,
        skip_bad_clips=options.skip_bad_clips,
    )
    plans = on_main(
        plan_folds, data.folds, options.test_folds, options.valid_folds, options.train_folds
    )
    manifest = read_manifest(data.manifest)
    cross_validation = CrossValidation(
        experiment, manifest, handed_in, data.summary(), options.initial_model
    )
    results = cross_validation.run(plans)
    if if_main_process():
        print(table(results, cross_validation.task))
        print("\nlook at:", *(cross_validation.output / name for name in FILES), sep="\n  ")


if __name__ == "__main__":
    run(main)
