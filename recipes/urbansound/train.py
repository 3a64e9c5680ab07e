"""Train and judge a model on UrbanSound8K, on its official folds.

    python recipes/urbansound/train.py hparams/resnet_dilated.yaml [--option=value ...]

README.md beside this file lists the options, the files that a run leaves and our figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from speechbrain.utils.distributed import ddp_init_group, if_main_process, run_on_main
from urbansound_prepare import LABELS, find_data, is_demonstration, prepare

from aed_plugins.crossvalidation import cross_validate, plan_folds
from aed_plugins.experiment import parse, run
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


def main(arguments: list[str]) -> None:
    """Prepare the data, run the folds, print the table."""
    experiment = parse(arguments, Options)
    ddp_init_group(experiment.run_options)
    options = experiment.options
    folder = run_on_main(find_data, [options.data_folder])
    dataset = "urbansound_demonstration" if is_demonstration(folder) else "urbansound"
    handed_in = {"dataset": dataset, "labels": list(LABELS)}
    data = run_on_main(
        prepare,
        [folder, options.prepared_folder, experiment.resolved(**handed_in)["sample_rate"]],
        {"allow_partial": options.allow_partial, "skip_bad_clips": options.skip_bad_clips},
    )
    plans = plan_folds(data.folds, options.test_folds, options.valid_folds, options.train_folds)
    output, results = cross_validate(experiment, plans, data.manifest, handed_in, data.summary())
    if if_main_process():
        print(table(results))
        print("\nlook at:", *(output / name for name in FILES), sep="\n  ")


if __name__ == "__main__":
    run(main)
