"""Train or fine-tune a model on clips of one's own, and evaluate it.

    python recipes/custom/train.py hparams/mobilenet_transfer.yaml --clips=clips.csv
    python recipes/custom/train.py hparams/mobilenet_transfer.yaml --clips=FOLDER

README.md in this folder says what the CSV or the folder holds, and lists the options.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from custom_listing import read_listing
from custom_prepare import check_training_clips, prepare, split_folds
from speechbrain.utils.distributed import if_main_process

from aed_plugins.data import Fold, read_manifest
from aed_plugins.experiments import (
    CrossValidation,
    join_processes,
    parse_experiment,
    results_table,
    run_program,
)
from aed_plugins.labels import map_labels
from aed_plugins.training import run_on_main

PICTURES = {False: "confusion_matrix.png", True: "per_class.png"}
FILES = ("training_curve.png", "results.json", "predictions.csv")


@dataclass(frozen=True)
class Options:
    """What a run on one's own clips can choose, besides what is in the hyperparameter file."""

    clips: str | None = None  # a CSV, or a folder with a folder per class
    prepared_folder: str | None = None  # decoded audio; by default a folder in data/prepared
    multi_label: bool = False  # several labels per clip, or none, even where no clip has several
    folds: int = 5  # how many to make where the CSV has none
    test_folds: Sequence[Fold] | str | None = None  # the last; "all": every clip is tested once
    valid_folds: Sequence[Fold] | None = None  # the fold before the test fold; [] for none
    train_folds: Sequence[Fold] | None = None  # all others
    skip_bad_clips: bool = False  # leave out clips that cannot be used
    initial_model: str | None = None  # a trained run whose weights to start from
    audioset_names: str | None = None  # a YAML file: what AudioSet calls the labels


def main(arguments: list[str]) -> None:
    """Prepare the clips, run the folds, print the table."""
    experiment = parse_experiment(arguments, Options)
    join_processes(experiment.run_options)
    options = experiment.options
    listing = run_on_main(read_listing, options.clips)
    multi_label = run_on_main(listing.multi_label, options.multi_label)
    handed_in = {"dataset": listing.name, "labels": listing.labels, "multi_label": multi_label}
    if options.audioset_names is not None:
        path = Path(options.audioset_names)
        names = run_on_main(map_labels, path, listing.labels, known=listing.labels)
        handed_in["audioset_names"] = names
    data = run_on_main(
        prepare,
        listing,
        options.prepared_folder,
        experiment.value("sample_rate", **handed_in),
        folds=options.folds,
        skip_bad_clips=options.skip_bad_clips,
    )
    wanted = (options.test_folds, options.valid_folds, options.train_folds)
    splits = run_on_main(split_folds, data.folds, *wanted)
    manifest = read_manifest(data.manifest)
    run_on_main(check_training_clips, listing, manifest, splits)
    cross_validation = CrossValidation(
        experiment, manifest, handed_in, data.summary(), options.initial_model
    )
    results = cross_validation.run(splits)
    if if_main_process():
        print(results_table(results, cross_validation.task))
        files = (PICTURES[multi_label], *FILES)
        print("\nlook at:", *(cross_validation.output / name for name in files), sep="\n  ")


if __name__ == "__main__":
    run_program(main)
