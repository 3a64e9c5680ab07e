"""A recipe: train and test a model on a dataset, as a command line says.

A recipe's program is a call of `run_recipe` with its `Dataset`, such as `UrbanSound8K` or one that
the program defines itself.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from speechbrain.utils.distributed import if_main_process

from aed_plugins.core import InputError, combine_options, option, take_options
from aed_plugins.data import Dataset, FoldSplit, read_manifest
from aed_plugins.experiments.command_line import Experiment, join_processes, parse_experiment
from aed_plugins.experiments.cross_validation import CrossValidation
from aed_plugins.experiments.results import results_table
from aed_plugins.models import check_device
from aed_plugins.pretrained import TrainedRun, find_run
from aed_plugins.training import INITIAL_MODEL_OPTION, TEACHER_OPTION, make_teacher, run_on_main

LIST_OPTIONS = "--list_options"  # instead of a run: print the recipe's options as JSON
PICTURES = {"single": "confusion_matrix.png", "multi": "per_class.png"}
FILES = ("training_curve.png", "results.json", "predictions.csv")
AUDIOSET_NAMES = "audioset_names"  # in a YAML file: where a new classifier begins


@dataclass(frozen=True)
class TrainingOptions:
    """The options that all recipes have, besides those of their datasets."""

    initial_model: str | None = option(None, "a trained run whose weights to start from")
    teacher: str | None = option(
        None, "a trained run whose probabilities to learn from, besides the labels"
    )
    teacher_weight: float | None = option(
        None, "how much the teacher's probabilities count, from 0 to 1; 0.5"
    )
    teacher_temperature: float | None = option(
        None, "above 1 the teacher is less certain; above 0; 2"
    )
    threshold_metric: str | None = option(
        None, "for several labels per clip: what thresholds are tuned for on validation clips; f1"
    )


def run_recipe(kind: type[Dataset], arguments: list[str]) -> None:
    """Prepare a dataset, train and test a model on it, print a table of the results.

    Parameters
    ----------
    kind : type of Dataset
        The dataset; its fields are options of the command line.
    arguments : list of str
        The command line: `HPARAMS.yaml [--option=value ...]`.

    Raises
    ------
    InputError
        If the data, the file or an option cannot be used.
    """
    own = combine_options(kind, TrainingOptions)
    if arguments == [LIST_OPTIONS]:
        print(json.dumps({field.name: field.default for field in fields(own)}))  # noqa: T201
        return
    experiment = parse_experiment(arguments, own)
    if experiment.run_options.device is not None:
        check_device(experiment.run_options.device)
    join_processes(experiment.run_options)
    training = take_options(experiment.options, TrainingOptions)
    dataset: Dataset = run_on_main(_opened, take_options(experiment.options, kind))
    thresholds = _thresholds(training, dataset)
    teacher = make_teacher(
        training.teacher,
        lambda sample_rate: read_manifest(dataset.prepare(sample_rate).manifest),
        training.teacher_weight,
        training.teacher_temperature,
    )
    handed_in = _handed_in(experiment, dataset)
    data = run_on_main(dataset.prepare, experiment.value("sample_rate", **handed_in))
    splits = run_on_main(dataset.splits, data)
    run_on_main(_check_sources, training, dataset, splits)
    cross_validation = CrossValidation(
        experiment,
        read_manifest(data.manifest),
        handed_in,
        data.summary() | {"title": dataset.title, "license": dataset.license, "link": dataset.link},
        training.initial_model,
        **thresholds,
        shards=dataset.shards,
        teacher=teacher,
    )
    results = cross_validation.run(splits)
    if if_main_process():
        files = (PICTURES[dataset.label_type], *FILES)
        print(results_table(results, cross_validation.task))  # noqa: T201
        print("\nlook at:", *(cross_validation.output / name for name in files), sep="\n  ")  # noqa: T201


def check_same_clips(model: TrainedRun, dataset: Dataset, folds: Sequence[int | str]) -> None:
    """Refuse a model that was trained on clips to be tested, under another name of the dataset.

    Parameters
    ----------
    model : TrainedRun
        The model.
    dataset : Dataset
        What is going to be tested.
    folds : sequence of int or str
        Its folds that are tested.

    Raises
    ------
    InputError
        If it was.
    """
    for name, same_folds in dataset.same_clips.items():
        model.check_unseen(name, folds if same_folds else None)


def _opened(dataset: Dataset) -> Dataset:
    """Read what the dataset reads when asked for, so that the other processes need not."""
    _ = dataset.name, dataset.labels, dataset.label_type, dataset.audioset_mapping, dataset.shards
    return dataset


def _handed_in(experiment: Experiment[Any], dataset: Dataset) -> dict[str, Any]:
    """Return what the dataset fixes in the hyperparameter file."""
    handed_in = {
        "dataset": dataset.name,
        "labels": dataset.labels,
        "multi_label": dataset.label_type == "multi",
    }
    for key, value in dataset.hparams.items():
        if experiment.has(key):
            handed_in[key] = experiment.overrides.get(key, value)
    mapping = dataset.audioset_mapping
    if mapping is not None and experiment.has(AUDIOSET_NAMES):
        handed_in[AUDIOSET_NAMES] = [mapping.get(label) for label in dataset.labels]
    elif getattr(experiment.options, AUDIOSET_NAMES, None) is not None:
        raise InputError(
            f"--{AUDIOSET_NAMES}: {experiment.hparams_file} has no {AUDIOSET_NAMES}, so the names"
            " would change nothing: leave them out"
        )
    return handed_in


def _thresholds(training: TrainingOptions, dataset: Dataset) -> dict[str, str]:
    if training.threshold_metric is None:
        return {}
    if dataset.label_type == "single":
        raise InputError(
            f"--threshold_metric={training.threshold_metric}: only models with several labels per"
            f" clip have thresholds, and clips of {dataset.title} have one label: leave it out"
        )
    return {"threshold_metric": training.threshold_metric}


def _check_sources(
    training: TrainingOptions, dataset: Dataset, splits: Sequence[FoldSplit]
) -> None:
    """Check that no initial model or teacher was trained on clips to be tested by another name."""
    sources = {INITIAL_MODEL_OPTION: training.initial_model, TEACHER_OPTION: training.teacher}
    for name, source in sources.items():
        for split in splits if source is not None and dataset.same_clips else ():
            check_same_clips(find_run(Path(str(source)), split.name, name), dataset, [split.test])
