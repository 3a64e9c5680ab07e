"""The report of a model's evaluation on another dataset."""

import csv
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aed_plugins.core import atomic_write, markdown_table, write_json
from aed_plugins.data import describe_data
from aed_plugins.experiments.plots import draw_per_class
from aed_plugins.experiments.results import VERSIONS_OF
from aed_plugins.labels import LabelMatching
from aed_plugins.pretrained import TrainedRun

EVALUATION_FILES = ("report.md", "report.json", "predictions.csv", "per_class.png")
MEANS = {
    "mAP": "mean AP",
    "AUC": "mean AUC",
    "d_prime": "d' of the mean AUC",
    "lwlrap": "lwlrap",
    **{
        f"{average}_{rate}": f"{average} {shown}"
        for average in ("micro", "macro")
        for rate, shown in (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))
    },
}
COLUMNS = {
    "chance": "AP of a guess",
    "AP": "AP",
    "AUC": "AUC",
    "d_prime": "d'",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "threshold": "threshold",
}


def describe_evaluation(
    run: TrainedRun,
    data: Mapping[str, Any],
    matching: LabelMatching,
    metrics: Mapping[str, Any],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """Put together what `report.json` holds.

    Parameters
    ----------
    run : TrainedRun
        The model.
    data : mapping
        What there is to say of the dataset: as for `results.write_results`, and its `dataset`,
        `folder`, `evaluated_folds`, `evaluated_clips`, and the `mapping`: what maps the labels.
    matching : LabelMatching
        Which labels are evaluated.
    metrics : mapping
        What `evaluate` returned.
    warnings : sequence of str
        What a reader should know.
    """
    model = {
        "folder": str(run.folder),
        "dataset": run.dataset,
        "data_state": run.result["data_state"],
        "train_folds": run.result["train_folds"],
        "valid_folds": run.result["valid_folds"],
        "tested_epoch": run.result["tested_epoch"],
        "multi_label": run.multi_label,
        "labels": run.labels,
    }
    return {
        "model": model,
        "data": dict(data),
        "shared": [pair._asdict() for pair in matching.shared],
        "left_out": matching.left_out,
        "warnings": list(warnings),
        **metrics,
        "versions": {"python": platform.python_version()} | {n: version(n) for n in VERSIONS_OF},
        "command": shlex.join(["python", *sys.argv]),
    }


def write_evaluation_report(
    folder: Path, content: Mapping[str, Any], predictions: Sequence[Sequence[Any]]
) -> str:
    """Write `report.md`, `report.json`, `predictions.csv` and `per_class.png`.

    Parameters
    ----------
    folder : Path
        Where; made if missing.
    content : mapping
        What `describe_evaluation` gave.
    predictions : sequence of sequence
        Header and rows.

    Returns
    -------
    str
        The text of `report.md`.
    """
    text = "\n".join(_lines(content)) + "\n"
    write_json(folder / EVALUATION_FILES[1], content)
    with (
        atomic_write(folder / EVALUATION_FILES[2]) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows(predictions)
    draw_per_class(content["per_class"], _picture_title(content), folder / EVALUATION_FILES[3])
    demonstration = _demonstration(content)
    if demonstration:
        with atomic_write(folder / "DEMONSTRATION.txt") as temporary:
            temporary.write_text("\n".join(demonstration) + "\n", encoding="utf-8")
    with atomic_write(folder / EVALUATION_FILES[0]) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text


def _demonstration(content: Mapping[str, Any]) -> list[str]:
    """Say what of it is synthesized, if anything."""
    lines = []
    if content["model"]["data_state"] == "demonstration":
        lines.append(
            "DEMONSTRATION MODEL: it was trained on synthesized sounds; these scores say nothing"
            " about a model that was trained on real sound."
        )
    if content["data"]["state"] == "demonstration":
        lines.append(describe_data(content["data"]))
    return lines


def _picture_title(content: Mapping[str, Any]) -> str:
    model, data = content["model"], content["data"]
    states = {"trained on": model["data_state"], "evaluated on": data["state"]}
    notes = [f"{what} {state} data" for what, state in states.items() if state != "complete"]
    lines = [f"{model['dataset']} model evaluated on {data['dataset']}", ", ".join(notes)]
    lines.append(f"{data['evaluated_clips']} clips: mAP {_number(content['mAP'])}")
    return "\n".join(line for line in lines if line)


def _lines(content: Mapping[str, Any]) -> list[str]:
    model, data = content["model"], content["data"]
    lines = [f"# A model of {model['dataset']} evaluated on {data['dataset']}", ""]
    for line in (*_demonstration(content), *content["warnings"]):
        lines += [f"**{line}**", ""]
    lines += [*_about_model(model), *_about_data(data), ""]
    lines += ["## Label by label", "", *_per_class(content), "", *_means(content), ""]
    lines += ["## Left out", "", *_left_out(content["left_out"]), ""]
    return [*lines, "## Command", "", f"    {content['command']}"]


def _about_model(model: Mapping[str, Any]) -> list[str]:
    kind = "several labels" if model["multi_label"] else "one label"
    folds = ", ".join(map(str, model["train_folds"]))
    gives = f"it gives {kind} per clip, of {len(model['labels'])}"
    return [
        f"- model: `{model['folder']}`, epoch {model['tested_epoch']}; {gives}",
        f"- it was trained on {model['dataset']} ({model['data_state']} data), {_folds(folds)}",
    ]


def _about_data(data: Mapping[str, Any]) -> list[str]:
    folds = ", ".join(map(str, data["evaluated_folds"]))
    clips = f"{data['evaluated_clips']} clips of {data['dataset']}, {_folds(folds)}"
    return [
        f"- evaluated on {clips}: `{data['folder']}`",
        f"- {describe_data(data)}",
        f"- labels are mapped by {data['mapping']}",
    ]


def _folds(named: str) -> str:
    if not named[:1].isdigit():
        return named
    return f"folds {named}" if "," in named else f"fold {named}"


def _per_class(content: Mapping[str, Any]) -> list[str]:
    rows = [["model's label", "label there", "clips", *COLUMNS.values()]]
    for row in content["per_class"]:
        cells = [_number(row[name]) for name in COLUMNS]
        rows.append([row["label"], row["dataset_label"], str(row["support"]), *cells])
    if content["model"]["multi_label"]:
        rule = "A label is predicted when its probability reaches the model's own threshold"
        rule += ", tuned on its own validation clips."
    else:
        rule = "A label is predicted when it is the most probable of all that the model knows."
    total = content["data"]["evaluated_clips"]
    explained = f"Clips: how many of the {total} have the label; every other is a negative. {rule}"
    return [*markdown_table(rows, text_columns=2), "", explained]


def _means(content: Mapping[str, Any]) -> list[str]:
    rows = [["over these labels", "metric", "95 % of bootstrap samples"]]
    for name, shown in MEANS.items():
        if content[name] is not None:
            interval = content["intervals"][name]
            between = "-" if interval is None else " to ".join(f"{end:.3f}" for end in interval)
            rows.append([shown, _number(content[name]), between])
    return markdown_table(rows, text_columns=1)


def _left_out(left_out: Mapping[str, str]) -> list[str]:
    if not left_out:
        return ["Nothing: every label of the model has its counterpart."]
    return [f"- {label}: {reason}" for label, reason in left_out.items()]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
