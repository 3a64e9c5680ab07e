"""Train and evaluate a model on UrbanSound8K, on its official folds.

    python recipes/urbansound/train.py hparams/resnet_dilated.yaml [--option=value ...]

README.md in this folder lists the options, the files that a run leaves and our scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from speechbrain.utils.distributed import if_main_process
from urbansound_prepare import LABELS, find_data, is_demonstration, prepare

from aed_plugins.data import make_fold_splits, read_manifest
from aed_plugins.experiments import (
    CrossValidation,
    join_processes,
    parse_experiment,
    results_table,
    run_program,
)
from aed_plugins.labels import map_labels
from aed_plugins.training import make_teacher, run_on_main

AUDIOSET_NAMES = Path(__file__).parents[1] / "labels_urbansound_audioset.yaml"
CROP = 2.0  # seconds of a training clip: a slice has its sound from beginning to end
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
    teacher: str | None = None  # a trained run whose probabilities to learn from, besides labels
    teacher_weight: float | None = None  # how much they count, from 0 to 1; 0.5
    teacher_temperature: float | None = None  # above 1 they are less certain; 2


def main(arguments: list[str]) -> None:
    """Prepare the data, run the folds, print the table."""
    experiment = parse_experiment(arguments, Options)
    join_processes(experiment.run_options)
    options = experiment.options
    folder = run_on_main(find_data, options.data_folder)
    dataset = "urbansound_demonstration" if is_demonstration(folder) else "urbansound"
    handed_in = {"dataset": dataset, "labels": list(LABELS), "multi_label": False}
    if experiment.has("crop"):
        handed_in["crop"] = experiment.overrides.get("crop", CROP)
    if experiment.has("audioset_names"):
        handed_in["audioset_names"] = map_labels(AUDIOSET_NAMES, LABELS)
    prepared_at = partial(
        prepare,
        folder,
        options.prepared_folder,
        allow_partial=options.allow_partial,
        skip_bad_clips=options.skip_bad_clips,
    )
    data = run_on_main(prepared_at, experiment.value("sample_rate", **handed_in))
    splits = run_on_main(
        make_fold_splits, data.folds, options.test_folds, options.valid_folds, options.train_folds
    )
    manifest = read_manifest(data.manifest)
    teacher = make_teacher(
        options.teacher,
        lambda sample_rate: read_manifest(prepared_at(sample_rate).manifest),
        options.teacher_weight,
        options.teacher_temperature,
    )
    cross_validation = CrossValidation(
        experiment, manifest, handed_in, data.summary(), options.initial_model, teacher=teacher
    )
    results = cross_validation.run(splits)
    if if_main_process():
        print(results_table(results, cross_validation.task))
        print("\nlook at:", *(cross_validation.output / name for name in FILES), sep="\n  ")


if __name__ == "__main__":
    run_program(main)
