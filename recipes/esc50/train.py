"""Train and evaluate a model on ESC-50 or ESC-10, on their official folds.

    python recipes/esc50/train.py hparams/mobilenet_transfer.yaml [--option=value ...]

README.md in this folder lists the options and our scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esc50_prepare import find_data, list_classes, prepare, select_rows
from speechbrain.utils.distributed import if_main_process

from aed_plugins.data import FoldSplit, make_fold_splits, read_manifest
from aed_plugins.experiments import (
    CrossValidation,
    join_processes,
    parse_experiment,
    results_table,
    run_program,
)
from aed_plugins.labels import map_labels
from aed_plugins.pretrained import find_run
from aed_plugins.training import INITIAL_MODEL_OPTION, run_on_main

AUDIOSET_NAMES = Path(__file__).parents[1] / "labels_esc50_audioset.yaml"
FILES = ("confusion_matrix.png", "training_curve.png", "results.json", "predictions.csv")
OFFICIAL, OWN = ("esc50", "esc10"), ("esc50_own_folds", "esc10_own_folds")


@dataclass(frozen=True)
class Options:
    """The options of a run on ESC-50, besides what is in the hyperparameter file."""

    data_folder: str | None = None  # data/ESC-50
    prepared_folder: str | None = None  # decoded audio; by default a folder in data/prepared
    esc10: bool = False  # the subset of ten classes
    test_folds: Sequence[int] | str | None = None  # the last; "all": the official protocol
    valid_folds: Sequence[int] | None = None  # the fold before the test fold; [] for none
    train_folds: Sequence[int] | None = None  # all others
    folds_by_recording: int | None = None  # so many folds of our own, where not all five are there
    allow_partial: bool = False  # go on when clips are missing
    skip_bad_clips: bool = False  # leave out clips that cannot be read
    initial_model: str | None = None  # a trained run whose weights to start from


def check_unseen(source: str, dataset: str, splits: Sequence[FoldSplit]) -> None:
    """Refuse a model that was trained on clips to be tested under another of the four names.

    ESC-10's folds are those of ESC-50. Folds of our own are not, so none of them may be known.

    Parameters
    ----------
    source : str
        The model to start from.
    dataset : str
        What is going to be tested.
    splits : sequence of FoldSplit
        The runs.

    Raises
    ------
    InputError
        If it has.
    """
    for split in splits:
        model = find_run(Path(source), split.name, INITIAL_MODEL_OPTION)
        for name in (*OFFICIAL, *OWN):
            same_folds = name in OFFICIAL and dataset in OFFICIAL
            model.check_unseen(name, [split.test] if same_folds else range(1, 2001))


def main(arguments: list[str]) -> None:
    """Prepare the data, run the folds, print the table."""
    experiment = parse_experiment(arguments, Options)
    join_processes(experiment.run_options)
    options = experiment.options
    folder = run_on_main(find_data, options.data_folder)
    rows = run_on_main(select_rows, folder, options.esc10)
    official = "esc10" if options.esc10 else "esc50"
    dataset = official if options.folds_by_recording is None else f"{official}_own_folds"
    handed_in = {"dataset": dataset, "labels": list_classes(rows), "multi_label": False}
    if experiment.has("audioset_names"):
        handed_in["audioset_names"] = map_labels(AUDIOSET_NAMES, list_classes(rows))
    data = run_on_main(
        prepare,
        folder,
        rows,
        official,
        options.prepared_folder,
        experiment.value("sample_rate", **handed_in),
        folds_by_recording=options.folds_by_recording,
        allow_partial=options.allow_partial,
        skip_bad_clips=options.skip_bad_clips,
    )
    tested = data.folds[-1:] if options.test_folds is None else options.test_folds
    splits = run_on_main(
        make_fold_splits, data.folds, tested, options.valid_folds, options.train_folds
    )
    if options.initial_model is not None:
        run_on_main(check_unseen, options.initial_model, dataset, splits)
    cross_validation = CrossValidation(
        experiment, read_manifest(data.manifest), handed_in, data.summary(), options.initial_model
    )
    results = cross_validation.run(splits)
    if if_main_process():
        print(results_table(results, cross_validation.task))
        print("\nlook at:", *(cross_validation.output / name for name in FILES), sep="\n  ")


if __name__ == "__main__":
    run_program(main)
