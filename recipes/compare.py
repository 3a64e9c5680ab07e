"""Compare finished runs in tables, as the paper does.

    python recipes/compare.py FOLDER [FOLDER ...] [--output=FILE.md]

A FOLDER is the output folder of a finished run of any recipe, with its results.json, such as
results/urbansound/resnet_dilated/1986. Runs that cannot be compared stand in tables of their own:
those of another dataset, of other labels, with one label per clip or several.
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError, Parser, atomic_write, markdown_table
from aed_plugins.experiments import run_program
from aed_plugins.pretrained import build_tagger

RATES = ("precision", "recall", "f1")
SINGLE = {"accuracy": "accuracy (%)", "macro_f1": "macro F1 (%)"}
SEVERAL = {
    **{f"micro_{rate}": f"micro {rate.replace('f1', 'F1')} (%)" for rate in RATES},
    **{f"macro_{rate}": f"macro {rate.replace('f1', 'F1')} (%)" for rate in RATES},
    "mAP": "mAP",
    "AUC": "AUC",
    "d_prime": "d'",
    "lwlrap": "lwlrap",
}


def read_results(folder: Path) -> dict[str, Any]:
    """Read what a finished run left.

    Parameters
    ----------
    folder : Path
        Its output folder.

    Raises
    ------
    InputError
        If there is no finished run.
    """
    path = folder / "results.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        lacking = {"name", "data", "labels", "folds"} - set(content)
    except FileNotFoundError as error:
        above = (folder / "result.json").is_file()
        hint = f"did you mean {folder.parent}?" if above else "is the run finished?"
        raise InputError(f"{folder}: expected results.json of a run, found none; {hint}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: expected what a recipe writes: {error}") from error
    if lacking:
        raise InputError(f"{path}: expected what a recipe writes, but it has no {min(lacking)}")
    if not content["folds"]:
        raise InputError(f"{path}: expected a fold that is finished, found none")
    model, _, dataset = content["name"].rpartition(" on ")
    return content | {"folder": folder, "model": model, "dataset": dataset}


def format_tables(results: Sequence[Mapping[str, Any]]) -> str:
    """Return Markdown tables of the runs that can be compared with each other.

    Parameters
    ----------
    results : sequence of mapping
        What `read_results` returned.
    """
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for content in results:
        key = (content["dataset"], "accuracy" in content, tuple(content["labels"]))
        groups.setdefault(key, []).append(content)
    lines: list[str] = []
    for (dataset, single, labels), runs in groups.items():
        kind = "one label" if single else "several labels"
        lines += [f"## {dataset}: {kind} per clip, of {len(labels)}", ""]
        if not single:
            lines += [f"{'; '.join(labels)}", ""]
        lines += [
            *markdown_table(list(_rows(runs, SINGLE if single else SEVERAL)), text_columns=4),
            "",
        ]
        lines += [*_notes(runs), ""]
    return "\n".join(lines).rstrip() + "\n"


def _rows(runs: Sequence[Mapping[str, Any]], metrics: Mapping[str, str]) -> Iterable[list[str]]:
    yield ["model", "run", "data", "test folds", *metrics.values(), "parameters (M)"]
    for content in runs:
        yield [
            content["model"],
            str(content["folder"]),
            _state(content["data"]),
            _tested(content["folds"]),
            *(_format_metric(content[name], in_percent="%" in metrics[name]) for name in metrics),
            _parameters(content["folder"]),
        ]


def _state(data: Mapping[str, Any]) -> str:
    if data["state"] == "demonstration":
        return "DEMONSTRATION"
    if data["state"] == "partial":
        return f"PARTIAL: {data['clips']} of {data['expected_clips']} clips"
    return f"complete: {data['clips']} clips"


def _tested(folds: Sequence[Mapping[str, Any]]) -> str:
    """Name the folds that were tested; a row of numbers by its ends.

    Examples
    --------
    >>> _tested([{"test_fold": 1}, {"test_fold": 2}, {"test_fold": 3}, {"test_fold": 10}])
    '1-3, 10'
    """
    spans: list[list[Any]] = []
    for fold in (fold["test_fold"] for fold in folds):
        if spans and isinstance(fold, int) and fold == spans[-1][1] + 1:
            spans[-1][1] = fold
        else:
            spans.append([fold, fold])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def _format_metric(found: Mapping[str, float | None], in_percent: bool) -> str:
    """Return mean and deviation as text.

    Examples
    --------
    >>> _format_metric({"mean": 0.8349, "deviation": 0.0412}, in_percent=True)
    '83.5 ± 4.1'
    >>> _format_metric({"mean": 0.4349, "deviation": None}, in_percent=False)
    '0.435'
    """
    if found["mean"] is None:
        return "-"
    known = [found["mean"], found["deviation"]]
    shown = [
        f"{100 * part:.1f}" if in_percent else f"{part:.3f}" for part in known if part is not None
    ]
    return " ± ".join(shown)


def _parameters(folder: Path) -> str:
    """Count the model's parameters in millions; nothing where the run's folders are not there."""
    described = sorted(folder.glob("*/hyperparams.yaml"))
    if not described:
        return "-"
    try:
        tagger = build_tagger(described[0])
    except InputError:  # such as a run of an older version: its scores stand
        return "-"
    return f"{sum(parameter.numel() for parameter in tagger.parameters()) / 1e6:.2f}"


def _notes(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    notes = []
    if any(len(content["folds"]) > 1 for content in runs):
        notes.append("Mean ± sample standard deviation over the test folds.")
    if len({_tested(content["folds"]) for content in runs}) > 1:
        notes.append("Not the same test folds: these rows cannot be compared with one another.")
    states = {content["data"]["state"] for content in runs}
    if "demonstration" in states:
        notes.append("DEMONSTRATION: synthesized sounds; its scores say nothing about real sound.")
    if "partial" in states:
        notes.append("PARTIAL: clips are lacking; not comparable with published scores.")
    return [" ".join(notes)] if notes else []


def main(arguments: list[str]) -> None:
    """Print the tables, and write them."""
    what = Parser(
        prog="compare.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="a finished run")
    what.add_argument("--output", type=Path, metavar="FILE.md", help="where to write them, too")
    given = what.parse_args(arguments)
    text = format_tables([read_results(folder) for folder in given.folders])
    if given.output is not None:
        with atomic_write(given.output) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    run_program(main)
