"""Predict the classes of recordings: a row per recording.

    aed tag dog.wav siren.flac --model mn10
    aed tag recordings/ --model MODEL --output tags.csv

With --output, rows are written as they come; after an interruption the same command continues where
it stopped.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.cli.inputs import Recording, add_inputs, find_recordings
from aed_plugins.cli.models import add_model, describe_run, load
from aed_plugins.cli.outputs import Table, add_progress, process_each
from aed_plugins.core import InputError

if TYPE_CHECKING:
    from aed_plugins.inference import Tags

FORMATS = ("text", "csv", "jsonl")


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    add_inputs(parser)
    add_model(parser)
    parser.add_argument("--top", type=int, default=5, help="how many classes to name; 5")
    parser.add_argument("--format", choices=FORMATS, help="text; with --output, by its suffix")
    parser.add_argument("--output", type=Path, help="a .csv or .jsonl file, else standard output")
    add_progress(parser)


def _format(given: Namespace) -> str:
    if given.output is None:
        return given.format or "text"
    kind = given.format or given.output.suffix.lstrip(".")
    if kind not in FORMATS[1:]:
        raise InputError(f"--output: expected a .csv or .jsonl file, got {given.output}")
    return kind


def _row(recording: Recording, tags: "Tags", count: int, kind: str) -> dict[str, Any]:
    row: dict[str, Any] = {"file": recording.shown, "seconds": round(tags.duration, 3)}
    top = [(label, round(probability, 6)) for label, probability in tags.top(count)]
    if kind == "jsonl":
        return row | {"tags": tags.predicted, "top": dict(top)}
    for place in range(count):
        label, probability = top[place] if place < len(top) else ("", "")
        row |= {f"class_{place + 1}": label, f"probability_{place + 1}": probability}
    return row | {"tags": json.dumps(tags.predicted, ensure_ascii=False)}


def run(given: Namespace) -> int:
    """Tag the recordings."""
    if given.top < 1:
        raise InputError(f"--top: expected 1 or more, got {given.top}")
    kind = _format(given)
    recordings = find_recordings(given.inputs)
    tagger = load(given)
    if kind == "text":

        def show(recording: Recording) -> None:
            tags = tagger.tag(recording.path)
            print(f"{recording.shown}  {tags.duration:.2f} s")
            for label, probability in tags.top(given.top):
                mark = "*" if label in tags.predicted else " "
                print(f"  {mark} {probability:6.1%}  {label}", flush=True)

        return process_each(given, recordings, show)
    numbers = [f"{name}_{n + 1}" for n in range(given.top) for name in ("class", "probability")]
    columns = ["file", "seconds", "tags", *numbers]
    table = Table(given.output, kind, columns, describe_run(given, tagger, top=given.top))

    def work(recording: Recording) -> None:
        table.write(_row(recording, tagger.tag(recording.path), given.top, kind))

    return process_each(given, table.missing(recordings), work)
