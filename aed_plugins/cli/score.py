"""Evaluate timelines against annotations: F1 over segments and over events.

    aed timeline talks/ --model MODEL --output found/
    aed score found/ --reference annotations/

Each file of events is compared with the annotation of the same name, of any format. Segments last
1 s; an event is found if an event of its class begins within --collar of it. --rename makes one
class count as another: --rename "Applause=Clapping".
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.cli.inputs import Recording, find_annotation, find_recordings
from aed_plugins.cli.outputs import (
    RUN,
    add_progress,
    format_table,
    process_each,
)
from aed_plugins.core import InputError

if TYPE_CHECKING:
    from aed_plugins.core import Event


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("inputs", metavar="FOUND", nargs="+", help="files of events, or folders")
    parser.add_argument("--reference", type=Path, required=True, help="an annotation, or a folder")
    parser.add_argument(
        "--rename", action="append", default=[], metavar="A=B", help="A counts as B"
    )
    parser.add_argument("--segment", type=float, default=1.0, metavar="X", help="seconds; 1")
    parser.add_argument("--collar", type=float, default=0.2, metavar="X", help="seconds; 0.2")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text")
    add_progress(parser)


def run(given: Namespace) -> int:
    """Evaluate the timelines; classes that are not annotated anywhere are left out."""
    from aed_plugins.annotations import FORMATS, read_timeline  # noqa: PLC0415  not for --help
    from aed_plugins.metrics import compute_event_metrics, compute_segment_metrics  # noqa: PLC0415

    names = dict(_pair(text) for text in given.rename)
    recordings = []

    def work(found: Recording) -> None:
        predicted = read_timeline(found.path)
        reference = read_timeline(find_annotation(found, given.reference))
        ends = [event.offset for event in (*reference.events, *predicted.events)]
        duration = reference.duration or predicted.duration or max(ends, default=0.0)
        compared = _renamed(reference.events, names), _renamed(predicted.events, names), duration
        recordings.append(compared)

    suffixes = set(FORMATS.values())
    files = [f for f in find_recordings(given.inputs, suffixes) if f.name.name != RUN]
    status = process_each(given, files, work)
    for path in _unmatched(given.reference, files, suffixes):
        status = 1
        sys.stderr.write(f"not evaluated: {path} has no counterpart\n")
    if not recordings:
        raise InputError("no timeline is left to evaluate")
    labels = sorted({event.label for reference, _, _ in recordings for event in reference})
    if not labels:
        raise InputError(
            f"{given.reference}: expected annotated events to compare with, found none"
        )
    metrics = {
        "segments": compute_segment_metrics(
            recordings, labels=labels, segment_length=given.segment
        ),
        "events": compute_event_metrics(
            recordings, labels=labels, collar=given.collar, offsets=False
        ),
    }
    if given.format == "json":
        print(json.dumps(metrics, indent=1, ensure_ascii=False))
    else:
        print(*format_table(_rows(metrics)), sep="\n")
    return status


def _unmatched(reference: Path, files: Sequence[Recording], suffixes: set[str]) -> list[Path]:
    """Return annotations without a timeline, which would raise the recall without notice."""
    if not reference.is_dir():
        return []
    evaluated = {file.name.with_suffix("") for file in files}
    references = find_recordings([str(reference)], suffixes)
    return [one.path for one in references if one.name.with_suffix("") not in evaluated]


def _pair(text: str) -> tuple[str, str]:
    own, separator, other = text.partition("=")
    if not separator or not own or not other:
        raise InputError(f"--rename: expected A=B, got {text!r}")
    return own, other


def _renamed(events: "Sequence[Event]", names: Mapping[str, str]) -> "list[Event]":
    return [event._replace(label=names.get(event.label, event.label)) for event in events]


def _rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    header = ["class", "events", "precision", "recall", "F1 of segments", "F1 of onsets"]
    rows = [header]
    pairs = zip(*(metrics[kind]["per_class"] for kind in ("segments", "events")), strict=True)
    for segment, event in pairs:
        rates = [segment["precision"], segment["recall"], segment["f1"], event["f1"]]
        rows.append([segment["label"], str(event["reference"]), *map(_number, rates)])
    for average in ("micro", "macro"):
        segments, events = metrics["segments"], metrics["events"]
        rates = [segments[f"{average}_{name}"] for name in ("precision", "recall", "f1")]
        rows.append([average, "", *map(_number, [*rates, events[f"{average}_f1"]])])
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
