r"""Evaluate a trained model on the other dataset, by the labels that both have.

    python recipes/evaluate.py RUN --on=urbansound|audioset [--option=value ...]

For example

    python recipes/evaluate.py results/audioset/resnet_dilated/1986 --on=urbansound --folds=[10]
    python recipes/evaluate.py results/urbansound/resnet_dilated/1986/fold10 --on=audioset \
        --classes='["Children playing", "Siren"]'

RUN is the folder of a finished run, or of one of its folds. In it, evaluated_on_<dataset>/ gets
report.md, report.json, predictions.csv and per_class.png. On AudioSet the evaluation list is used,
on UrbanSound8K all folds or those that are chosen. --mapping maps the labels.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechbrain.utils.distributed import infer_device

from aed_plugins.core import InputError, Parser, parse_boolean, parse_yaml
from aed_plugins.data import Manifest, read_manifest
from aed_plugins.experiments import (
    EVALUATION_FILES,
    describe_evaluation,
    evaluate,
    run_program,
    write_evaluation_report,
)
from aed_plugins.labels import LabelPair, match_labels, read_mapping, read_ontology
from aed_plugins.pretrained import TrainedRun, find_run
from aed_plugins.training import make_task, predict_probabilities

RECIPES = Path(__file__).resolve().parent
MAPPING = RECIPES / "labels_urbansound_audioset.yaml"
# Options that only one dataset has.
OPTIONS = {
    "urbansound": ("folds", "allow_partial"),
    "audioset": ("ontology", "audio_folder", "train_segments", "eval_segments"),
}


@dataclass(frozen=True)
class EvaluationClips:
    """The clips that a model is evaluated on.

    Attributes
    ----------
    manifest : Manifest
        These clips.
    folds : list of int or str
        Their folds.
    summary : dict
        What there is to say of the whole dataset.
    """

    manifest: Manifest
    folds: list[Any]
    summary: dict[str, Any]


class UrbanSoundEvaluation:
    """UrbanSound8K, all folds or some."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.recipe = import_recipe("urbansound")
        self.given = given
        self.folder = self.recipe.find_data(given.data_folder)
        self.labels = list(self.recipe.LABELS)

    def clips(self, sample_rate: int, classes: list[str]) -> EvaluationClips:
        """Prepare the dataset, choose the folds."""
        del classes  # a clip of another label is a negative
        data = self.recipe.prepare(
            self.folder,
            self.given.prepared_folder,
            sample_rate,
            allow_partial=self.given.allow_partial or False,
            skip_bad_clips=self.given.skip_bad_clips,
        )
        folds = data.folds if self.given.folds is None else self.given.folds
        folds = folds if isinstance(folds, list) else [folds]
        if not folds or not set(folds) <= set(data.folds):
            there = ", ".join(map(str, data.folds))
            raise InputError(f"--folds: expected some of {there}, got {self.given.folds}")
        clips = read_manifest(data.manifest)
        chosen = {name: entry for name, entry in clips.items() if entry["fold"] in folds}
        return EvaluationClips(chosen, folds, data.summary())


class AudioSetEvaluation:
    """AudioSet's evaluation list."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.recipe = import_recipe("audioset")
        self.given = given
        self.folder = self.recipe.find_data(given.data_folder)
        self.labels = list(read_ontology(self.folder / self.recipe.LABELS, None).names.values())

    def clips(self, sample_rate: int, classes: list[str]) -> EvaluationClips:
        """Prepare the dataset, choose its evaluation clips."""
        chosen = {name: getattr(self.given, name) for name in OPTIONS["audioset"]}
        chosen["skip_bad_clips"] = self.given.skip_bad_clips
        selection = self.recipe.AudioSetSelection(classes=classes, **chosen)
        data = self.recipe.prepare(
            self.folder, self.given.prepared_folder, sample_rate, selection, needed=("eval",)
        )
        clips = read_manifest(data.manifest)
        chosen = {name: entry for name, entry in clips.items() if entry["fold"] == "eval"}
        return EvaluationClips(chosen, ["eval"], data.summary())


DATASETS = {"urbansound": UrbanSoundEvaluation, "audioset": AudioSetEvaluation}


def import_recipe(dataset: str) -> Any:
    """Import a recipe's prepare module, as Python does for a script in its folder."""
    sys.path.insert(0, str(RECIPES / dataset))
    return importlib.import_module(f"{dataset}_prepare")


def parser() -> Parser:
    """Describe the command line."""
    what = Parser(
        prog="evaluate.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    flag = {"nargs": "?", "const": True, "type": parse_boolean, "metavar": "BOOL"}
    what.add_argument("run", metavar="RUN", type=Path, help="a finished run, or a fold of it")
    what.add_argument("--on", required=True, choices=DATASETS, help="the dataset to evaluate on")
    what.add_argument("--data_folder", help="as for the recipe")
    what.add_argument("--prepared_folder", help="as for the recipe")
    what.add_argument(
        "--mapping", type=Path, default=MAPPING, help="UrbanSound8K label: AudioSet's"
    )
    what.add_argument(
        "--classes", type=parse_yaml, help="labels of the dataset; all that are shared"
    )
    what.add_argument("--skip_bad_clips", default=False, help="as for the recipe", **flag)
    what.add_argument("--folds", type=parse_yaml, help="of UrbanSound8K; all")
    what.add_argument("--allow_partial", help="as for the UrbanSound8K recipe", **flag)
    for name in OPTIONS["audioset"]:
        what.add_argument(f"--{name}", help="as for the AudioSet recipe")
    what.add_argument("--device", help="such as cpu or cuda:0")
    what.add_argument("--batch_size", type=int, default=32)
    what.add_argument("--num_workers", type=int, default=0)
    what.add_argument("--noprogressbar", default=False, **flag)
    return what


def check(given: argparse.Namespace, model: TrainedRun) -> None:
    """Refuse options of the other dataset, and the dataset that the model was trained on."""
    for dataset, names in OPTIONS.items():
        wrong = [name for name in names if getattr(given, name) is not None]
        if wrong and dataset != given.on:
            raise InputError(f"--{wrong[0]} belongs to --on={dataset}, not to --on={given.on}")
    if given.classes is not None and not isinstance(given.classes, list):
        raise InputError(f'--classes: expected a list such as ["Siren"], got {given.classes!r}')
    if given.batch_size < 1 or given.num_workers < 0:
        raise InputError("expected a --batch_size of 1 or more and --num_workers of 0 or more")
    if model.dataset.startswith(given.on):
        raise InputError(
            f"{model.folder} was trained on {model.dataset}; --on names the other dataset. To test"
            " it on its own once more, give its training command with --test_only"
        )


def read_pairs(given: argparse.Namespace, urbansound: Mapping[str, Any]) -> list[LabelPair]:
    """Read the mapping in the direction that is needed."""
    mapping = read_mapping(given.mapping, urbansound)
    if given.on == "audioset":
        return [LabelPair(model=own, data=other) for own, other in mapping.items()]
    return [LabelPair(model=other, data=own) for own, other in mapping.items()]


def main(arguments: list[str]) -> None:
    """Tag the clips of the other dataset, compare, report."""
    given = parser().parse_args(arguments)
    model = find_run(given.run)
    check(given, model)
    pairs = read_pairs(given, import_recipe("urbansound").LABELS)
    dataset = DATASETS[given.on](given)
    matching = match_labels(pairs, model.labels, dataset.labels, given.classes)
    data = dataset.clips(model.sample_rate, [pair.data for pair in matching.shared])
    demonstration = dataset.recipe.is_demonstration(dataset.folder)
    name = f"{given.on}_demonstration" if demonstration else given.on
    warnings = model.check_unseen(name, data.folds)
    predictions = predict_probabilities(
        model.tagger(),
        make_task(model.labels, model.multi_label),
        data.manifest,
        given.device or infer_device(),
        progress=not given.noprogressbar,
        batch_size=given.batch_size,
        num_workers=given.num_workers,
    )
    metrics, rows = evaluate(model, *predictions, data.manifest, matching.shared)
    about = data.summary | {
        "dataset": name,
        "folder": str(dataset.folder),
        "evaluated_folds": data.folds,
        "evaluated_clips": len(data.manifest),
        "mapping": str(given.mapping),
    }
    folder = model.folder / f"evaluated_on_{name}"
    print(
        write_evaluation_report(
            folder, describe_evaluation(model, about, matching, metrics, warnings), rows
        )
    )
    print("look at:", *(folder / file for file in EVALUATION_FILES), sep="\n  ")


if __name__ == "__main__":
    run_program(main)
