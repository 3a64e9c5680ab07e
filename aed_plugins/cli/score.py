"""Judge time lines against annotations: F1 over segments and over events.

    aed timeline talks/ --model MODEL --output found/
    aed score found/ --truth annotations/

Each file of events is judged by the annotation of the same name, of any format. Segments last 1 s;
an event is found when an event of its class begins within --collar of it. --rename makes one class
count as another: --rename "Applause=Clapping".
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.cli.inputs import Recording, annotation_of, find_recordings
from aed_plugins.cli.outputs import (
    RUN,
    add_progress,
    each,
    text_table,
)
from aed_plugins.core import InputError

if TYPE_CHECKING:
    from aed_plugins.core import Event


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("inputs", metavar="FOUND", nargs="+", help="files of events, or folders")
    parser.add_argument("--truth", type=Path, required=True, help="an annotation, or a folder")
    parser.add_argument(
        "--rename", action="append", default=[], metavar="A=B", help="A counts as B"
    )
    parser.add_argument("--segment", type=float, default=1.0, metavar="X", help="seconds; 1")
    parser.add_argument("--collar", type=float, default=0.2, metavar="X", help="seconds; 0.2")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text")
    add_progress(parser)


def run(given: Namespace) -> int:
    """Judge the time lines; classes that are not annotated anywhere are left out."""
    from aed_plugins.annotations import FORMATS, read_timeline  # noqa: PLC0415  not for --help
    from aed_plugins.metrics import compute_event_metrics, compute_segment_metrics  # noqa: PLC0415

    names = dict(_pair(text) for text in given.rename)
    recordings = []

    def work(found: Recording) -> None:
        events = read_timeline(found.path)
        truth = read_timeline(annotation_of(found, given.truth))
        ends = [event.offset for event in (*truth.events, *events.events)]
        duration = truth.duration or events.duration or max(ends, default=0.0)
        recordings.append((_renamed(truth.events, names), _renamed(events.events, names), duration))

    suffixes = set(FORMATS.values())
    files = [f for f in find_recordings(given.inputs, suffixes) if f.name.name != RUN]
    status = each(given, files, work)
    if given.truth.is_dir():  # what was not found at all would raise the recall in silence
        judged = {file.name.with_suffix("") for file in files}
        truths = find_recordings([str(given.truth)], suffixes)
        for truth in [one for one in truths if one.name.with_suffix("") not in judged]:
            status = 1
            sys.stderr.write(f"not judged: {truth.path} has no counterpart\n")
    if not recordings:
        raise InputError("no time line is left to judge")
    labels = sorted({event.label for truth, _, _ in recordings for event in truth})
    if not labels:
        raise InputError(f"{given.truth}: no event is annotated that time lines could be judged by")
    figures = {
        "segments": compute_segment_metrics(
            recordings, labels=labels, segment_length=given.segment
        ),
        "events": compute_event_metrics(
            recordings, labels=labels, collar=given.collar, offsets=False
        ),
    }
    if given.format == "json":
        print(json.dumps(figures, indent=1, ensure_ascii=False))
    else:
        print(*text_table(_cells(figures)), sep="\n")
    return status


def _pair(text: str) -> tuple[str, str]:
    own, separator, other = text.partition("=")
    if not separator or not own or not other:
        raise InputError(f"--rename: expected A=B, got {text!r}")
    return own, other


def _renamed(events: "Sequence[Event]", names: Mapping[str, str]) -> "list[Event]":
    return [event._replace(label=names.get(event.label, event.label)) for event in events]


def _cells(figures: Mapping[str, Any]) -> list[list[str]]:
    header = ["class", "events", "precision", "recall", "F1 of segments", "F1 of onsets"]
    cells = [header]
    pairs = zip(*(figures[kind]["per_class"] for kind in ("segments", "events")), strict=True)
    for segment, event in pairs:
        rates = [segment["precision"], segment["recall"], segment["f1"], event["f1"]]
        cells.append([segment["label"], str(event["reference"]), *map(_number, rates)])
    for average in ("micro", "macro"):
        segments, events = figures["segments"], figures["events"]
        rates = [segments[f"{average}_{name}"] for name in ("precision", "recall", "f1")]
        cells.append([average, "", *map(_number, [*rates, events[f"{average}_f1"]])])
    return cells


def _number(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.3f}"
