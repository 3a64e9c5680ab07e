"""The program that evaluates a trained model on another dataset, by the labels that both have."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError, Parser, parse_boolean, parse_yaml
from aed_plugins.data import DATASETS, Dataset, PreparedData, find_dataset, read_manifest
from aed_plugins.experiments.evaluation import evaluate
from aed_plugins.experiments.evaluation_report import (
    EVALUATION_FILES,
    describe_evaluation,
    write_evaluation_report,
)
from aed_plugins.experiments.recipe import check_same_clips
from aed_plugins.labels import LabelPair, match_labels, pair_labels, read_mapping
from aed_plugins.models import check_device
from aed_plugins.pretrained import TrainedRun, find_run
from aed_plugins.training import make_task, predict_probabilities

FLAG: dict[str, Any] = {"nargs": "?", "const": True, "type": parse_boolean, "metavar": "BOOL"}


def evaluation_parser(description: str, on: str | None) -> Parser:
    """Describe the command line.

    Parameters
    ----------
    description : str
        What `--help` begins with.
    on : str, optional
        The key of the dataset in `DATASETS`, whose options are added.
    """
    parser = Parser(
        prog="evaluate.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a finished run, or a fold of it")
    parser.add_argument(
        "--on",
        required=True,
        choices=DATASETS,
        help="the dataset to evaluate on; with --help it lists the dataset's options",
    )
    parser.add_argument(
        "--mapping",
        type=Path,
        help="a YAML file, the model's label: the dataset's, or the other way round; by default"
        " the names in AudioSet, or else labels that are the same",
    )
    parser.add_argument(
        "--classes", type=parse_yaml, help="labels of the dataset; all that are shared"
    )
    parser.add_argument("--folds", type=parse_yaml, help="of the dataset; all that are for tests")
    parser.add_argument("--device", help="such as cpu or cuda:0")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--num_workers", type=int, default=0)
    parser.add_argument("--noprogressbar", default=False, **FLAG)
    if on is not None:
        group = parser.add_argument_group(f"options of {on}")
        for field in _options(DATASETS[on]):
            how = FLAG if isinstance(field.default, bool) else {"type": parse_yaml}
            text = field.metadata["help"]
            group.add_argument(f"--{field.name}", default=field.default, help=text, **how)
    return parser


def run_evaluation(arguments: list[str], description: str) -> None:
    """Tag the clips of another dataset with a trained model, compare, report.

    Parameters
    ----------
    arguments : list of str
        The command line.
    description : str
        What `--help` begins with.

    Raises
    ------
    InputError
        If the model, the dataset or an option cannot be used.
    """
    chosen = Parser(add_help=False, allow_abbrev=False)
    chosen.add_argument("--on", choices=DATASETS)
    on = chosen.parse_known_args(arguments)[0].on
    given = evaluation_parser(description, on).parse_args(arguments)
    device = check_device(given.device)
    model, kind = find_run(given.run), DATASETS[on]
    _check(given, model, kind)
    dataset = kind(**{field.name: getattr(given, field.name) for field in _options(kind)})
    if dataset.name == model.dataset:
        raise _trained_on_it(model)
    pairs, mapped_by = find_pairs(model, dataset, given.mapping)
    matching = match_labels(pairs, model.labels, dataset.known_labels, given.classes)
    data = dataset.prepare_evaluation(model.sample_rate, [pair.data for pair in matching.shared])
    folds = _choose_folds(given.folds, dataset, data)
    warnings = model.check_unseen(dataset.name, folds)
    check_same_clips(model, dataset, folds)
    manifest = {
        name: entry
        for name, entry in read_manifest(data.manifest).items()
        if entry["fold"] in folds
    }
    predictions = predict_probabilities(
        model.tagger(),
        make_task(model.labels, model.multi_label),
        manifest,
        device,
        progress=not given.noprogressbar,
        batch_size=given.batch_size,
        num_workers=given.num_workers,
    )
    metrics, rows = evaluate(model, *predictions, manifest, matching.shared)
    about = data.summary() | {
        "dataset": dataset.name,
        "folder": dataset.place,
        "evaluated_folds": folds,
        "evaluated_clips": len(manifest),
        "mapping": mapped_by,
    }
    folder = model.folder / f"evaluated_on_{dataset.name}"
    content = describe_evaluation(model, about, matching, metrics, warnings)
    print(write_evaluation_report(folder, content, rows))  # noqa: T201
    print("look at:", *(folder / file for file in EVALUATION_FILES), sep="\n  ")  # noqa: T201


def find_pairs(
    model: TrainedRun, dataset: Dataset, mapping: Path | None = None
) -> tuple[list[LabelPair], str]:
    """Find which label of a model is which of a dataset.

    Parameters
    ----------
    model : TrainedRun
        The model.
    dataset : Dataset
        The dataset.
    mapping : Path, optional
        A YAML file, `label of the one: label of the other`. Otherwise labels are the same that have
        the same name in AudioSet, or that are spelled the same, where such names are not known.

    Returns
    -------
    tuple of list of LabelPair and str
        The pairs, and what they were found by.

    Raises
    ------
    InputError
        If the file is no such mapping.
    """
    if mapping is not None:
        read = read_mapping(mapping)
        reverse = len(read.keys() & set(dataset.known_labels)) > len(
            read.keys() & set(model.labels)
        )
        pairs = [LabelPair(*(item[::-1] if reverse else item)) for item in read.items()]
        return pairs, str(mapping)
    trained_on = find_dataset(model.dataset)
    ours = None if trained_on is None else trained_on.audioset_mapping
    theirs = dataset.audioset_mapping
    if ours is None or theirs is None:
        known = dataset.known_labels
        return [LabelPair(label, label) for label in model.labels if label in known], "spelling"
    return pair_labels(ours, theirs), "the names in AudioSet"


def _options(kind: type[Dataset]) -> list[dataclasses.Field[Any]]:
    """Return the dataset's options that mean something in an evaluation."""
    fields: Sequence[dataclasses.Field[Any]] = dataclasses.fields(kind)  # type: ignore[arg-type]
    return [field for field in fields if field.name not in kind.training_options]


def _check(given: argparse.Namespace, model: TrainedRun, kind: type[Dataset]) -> None:
    """Check what can be checked without the data."""
    if given.classes is not None and not isinstance(given.classes, list):
        raise InputError(f'--classes: expected a list such as ["Siren"], got {given.classes!r}')
    if given.batch_size < 1 or given.num_workers < 0:
        raise InputError("expected a --batch_size of 1 or more and --num_workers of 0 or more")
    if isinstance(find_dataset(model.dataset), kind):
        raise _trained_on_it(model)


def _trained_on_it(model: TrainedRun) -> InputError:
    return InputError(
        f"{model.folder} was trained on {model.dataset}; --on names another dataset. To test it on"
        " its own once more, give its training command with --test_only"
    )


def _choose_folds(wanted: Any, dataset: Dataset, data: PreparedData) -> list[int | str]:
    if wanted is None:
        return dataset.evaluation_folds(data)
    folds = wanted if isinstance(wanted, list) else [wanted]
    if not folds or not set(folds) <= set(data.folds):
        there = ", ".join(map(str, data.folds))
        raise InputError(f"--folds: expected some of {there}, got {wanted}")
    return folds
