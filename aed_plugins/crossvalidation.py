"""Official folds: which to train on, validate on and test, and a run for each."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch.distributed
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.distributed import (
    if_main_process,
    is_distributed_initialized,
    main_process_only,
    run_on_main,
)

from aed_plugins.errors import InputError
from aed_plugins.experiment import Experiment, flattened, start_log, write_resolved
from aed_plugins.files import write_json
from aed_plugins.manifest import clips_of_folds, fingerprint, read_manifest
from aed_plugins.metrics import accuracy, confusion_matrix, cross_entropy, macro_f1
from aed_plugins.results import FoldResult, write_predictions, write_results
from aed_plugins.training import TaggingBrain

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldPlan:
    """The folds of one run; no fold is in two of the three.

    Attributes
    ----------
    test : int
        The fold that is tested.
    valid : list of int
        The folds whose accuracy chooses the checkpoint; none to take the last one.
    train : list of int
        The folds that are trained on.
    """

    test: int
    valid: list[int]
    train: list[int]


def plan_folds(
    available: Sequence[int],
    test_folds: Sequence[int] | int | str,
    valid_folds: Sequence[int] | int | None = None,
    train_folds: Sequence[int] | int | None = None,
) -> list[FoldPlan]:
    """Plan a run for every test fold.

    Parameters
    ----------
    available : sequence of int
        The folds that have clips.
    test_folds : sequence of int, int or "all"
        The folds to test, one run each.
    valid_folds : sequence of int or int, optional
        The validation folds of every run; by default the fold before the test fold (before the
        first, the last). Empty for none.
    train_folds : sequence of int or int, optional
        The training folds of every run; by default all others.

    Raises
    ------
    InputError
        If a fold is not there, is named twice, serves two purposes, or none is left to train on.

    Examples
    --------
    >>> plan_folds([1, 2, 3], test_folds=[1])
    [FoldPlan(test=1, valid=[3], train=[2])]
    >>> plan_folds([1, 2, 3], test_folds="all", valid_folds=[])[2]
    FoldPlan(test=3, valid=[], train=[1, 2])
    """
    available = sorted(available)
    tests = available if test_folds == "all" else _folds("test_folds", test_folds, available)
    if not tests:
        raise InputError("--test_folds is empty: expected a list of folds such as [10], or all")
    plans = []
    for test in tests:
        if valid_folds is None:
            valid = [available[available.index(test) - 1]]
        else:
            valid = _folds("valid_folds", valid_folds, available)
        if train_folds is None:
            train = [fold for fold in available if fold != test and fold not in valid]
        else:
            train = _folds("train_folds", train_folds, available)
        _check_apart(test, valid, train)
        plans.append(FoldPlan(test, valid, train))
    return plans


def _folds(option: str, folds: Any, available: Sequence[int]) -> list[int]:
    folds = [folds] if isinstance(folds, int) else folds
    if isinstance(folds, str) or not all(type(fold) is int for fold in folds):
        raise InputError(f"--{option}: expected a list of folds such as [1,2], got {folds}")
    folds = [int(fold) for fold in folds]
    missing = [fold for fold in folds if fold not in available]
    if missing:
        there = ", ".join(map(str, available))
        raise InputError(f"--{option}: there is no clip of fold {missing[0]}; folds there: {there}")
    if len(set(folds)) < len(folds):
        raise InputError(f"--{option}: a fold is named twice in {folds}")
    return folds


def _check_apart(test: int, valid: Sequence[int], train: Sequence[int]) -> None:
    if test in valid or test in train:
        role = "validation" if test in valid else "training"
        raise InputError(
            f"fold {test} is both a test and a {role} fold: its figure would be worthless;"
            f" take it out of --{'valid' if test in valid else 'train'}_folds or --test_folds"
        )
    both = sorted(set(valid) & set(train))
    if both:
        raise InputError(f"fold {both[0]} is both a validation and a training fold")
    if not train:
        raise InputError(
            f"no fold is left to train on when fold {test} is tested and {list(valid)} validate:"
            " add clips of other folds, or give --valid_folds=[]"
        )


def cross_validate(
    experiment: Experiment[Any],
    plans: Sequence[FoldPlan],
    manifest: Path,
    handed_in: Mapping[str, Any],
    data: Mapping[str, Any],
) -> tuple[Path, dict[str, Any]]:
    """Run every planned fold that is not finished, and write the results after each.

    Parameters
    ----------
    experiment : Experiment
        The hyperparameter file, its overrides and the run options.
    plans : sequence of FoldPlan
        The runs.
    manifest : Path
        The clips.
    handed_in : mapping
        What the dataset fixes in the file: `dataset`, its name, and `labels`, all labels in the
        order of their indices.
    data : mapping
        What the results say of the data: see `write_results`.

    Returns
    -------
    tuple of Path and dict
        The output folder and the content of its `results.json`.

    Raises
    ------
    InputError
        If the output folder holds a run of another configuration.
    """
    output = Path(experiment.resolved(**handed_in)["output_folder"])
    if experiment.run_options.debug:  # a trial of the machinery, always from the start
        output = output.with_name(output.name + "_debug")
        run_on_main(shutil.rmtree, [output], {"ignore_errors": True})
    name = f"{experiment.hparams_file.stem} on {handed_in['dataset']}"
    results: list[FoldResult] = []
    content: dict[str, Any] = {}
    for plan in plans:
        folder = output / f"fold{plan.test}"
        for_fold = {**handed_in, "output_folder": str(folder)}
        run_on_main(_open_folder, [experiment, plan, folder, manifest, for_fold])
        _run_fold(experiment, plan, folder, manifest, for_fold)
        results.append(FoldResult.read(folder / "result.json"))
        content = run_on_main(write_results, [output, results, handed_in["labels"], name, data])
    return output, content


def _open_folder(
    experiment: Experiment[Any],
    plan: FoldPlan,
    folder: Path,
    manifest: Path,
    handed_in: Mapping[str, Any],
) -> None:
    """Make a fold's folder, or see that what it holds is of this configuration."""
    tree = experiment.resolved(**handed_in)
    leaves = flattened(tree)
    # The folder may be moved and the loader sped up: neither changes a figure.
    for key in [k for k in leaves if "num_workers" in k or k == "output_folder"]:
        del leaves[key]
    configuration = {
        "hyperparameters": {k: v.replace(str(folder), "<output>") for k, v in leaves.items()},
        "folds": {k: str(v) for k, v in asdict(plan).items()},
        "run": {"precision": experiment.run_options.precision},
        "data": {"fingerprint": fingerprint(read_manifest(manifest))},
    }
    path = folder / "configuration.json"
    if path.is_file():
        _check_same(json.loads(path.read_text(encoding="utf-8")), configuration, folder)
    write_json(path, configuration)
    write_resolved(folder / "hyperparams.yaml", tree)


def _check_same(old: Mapping[str, Any], new: Mapping[str, Any], folder: Path) -> None:
    for part, values in new.items():
        before = old.get(part, {})
        for key in {**before, **values}:
            was, now = before.get(key, "nothing"), values.get(key, "nothing")
            if was != now:
                raise InputError(
                    f"{folder} holds a run of another configuration: {part} {key} was {was}, now it"
                    f" is {now}; give another --output_folder, or delete that one"
                )


def _run_fold(
    experiment: Experiment[Any],
    plan: FoldPlan,
    folder: Path,
    manifest: Path,
    handed_in: Mapping[str, Any],
) -> None:
    """Train and test one fold, going on from its last checkpoint; nothing if it is finished."""
    finished = run_on_main((folder / "result.json").is_file)
    if finished and not experiment.run_options.test_only:
        logger.info("fold %d is finished: %s", plan.test, folder)
        return
    if if_main_process():
        start_log(folder)
    logger.info("test fold %d, validation %s, training %s", plan.test, plan.valid, plan.train)
    hparams = experiment.build(**handed_in)
    brain = TaggingBrain(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams=hparams,
        run_opts=experiment.run_options,
        checkpointer=hparams["checkpointer"],
    )
    entries = read_manifest(manifest)

    def clips(folds: Sequence[int]) -> DynamicItemDataset:
        return clips_of_folds(entries, handed_in["labels"], folds)

    loader = hparams["loader"]
    if not experiment.run_options.test_only:
        train = clips(plan.train)
        if run_on_main(brain.checkpointer.find_checkpoint) is None:
            brain.fit_standardization(train, **loader)
        brain.fit(
            hparams["epoch_counter"],
            train,
            clips(plan.valid) if plan.valid else None,
            train_loader_kwargs={**loader, "shuffle": True},
            valid_loader_kwargs=loader,
        )
    brain.evaluate(clips([plan.test]), test_loader_kwargs=dict(loader))
    _write_fold(brain, plan, folder, handed_in["labels"])


@main_process_only
def _write_fold(brain: TaggingBrain, plan: FoldPlan, folder: Path, labels: Sequence[str]) -> None:
    predictions = brain.predictions
    write_predictions(folder / "predictions.csv", predictions, labels, plan.test)
    rows = brain.history.rows
    result = FoldResult(
        test_fold=plan.test,
        valid_folds=plan.valid,
        train_folds=plan.train,
        clips=len(predictions.ids),
        accuracy=accuracy(predictions),
        macro_f1=macro_f1(predictions),
        cross_entropy=cross_entropy(predictions),
        epochs=len(rows),
        tested_epoch=brain.evaluated_epoch,
        seconds=sum(row["seconds"] for row in rows),
        processes=torch.distributed.get_world_size() if is_distributed_initialized() else 1,
        device=str(brain.device),
        precision=brain.precision,
        confusion_matrix=confusion_matrix(predictions).tolist(),
        history=rows,
    )
    result.write(folder / "result.json")
