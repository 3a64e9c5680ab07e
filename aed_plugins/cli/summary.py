"""Add up how long and how often each class occurs, with 95 % bootstrap intervals.

    aed summary match.wav --model mn10 --classes paper
    aed timeline talks/ --model MODEL --format json --output timelines/
    aed summary timelines/

Without --model, the inputs are annotations with the recording's duration, as `aed timeline` writes
them in JSON. The intervals are bootstrapped over recordings, or over blocks of a single one.
"""

import csv
import io
import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.cli.inputs import Recording, find_recordings
from aed_plugins.cli.models import (
    POST_PROCESSING,
    WINDOWS,
    add_model,
    add_timeline,
    describe_run,
    detect,
    load,
    set_timeline,
)
from aed_plugins.cli.outputs import (
    RUN,
    add_progress,
    check_file,
    format_table,
    process_each,
)
from aed_plugins.cli.result_folder import Folder
from aed_plugins.core import InputError, atomic_write

if TYPE_CHECKING:
    from aed_plugins.core import Timeline
    from aed_plugins.metrics import LabelDuration

FORMATS = ("text", "csv", "json")
SHOWN = 30  # classes: of a model with more, only those that occur have a row
# Options that need a model.
MODEL_OPTIONS = [name for _, name, _ in (*WINDOWS, *POST_PROCESSING)]
MODEL_OPTIONS += ["classes", "timelines", "settings", "resolution", "batch_size"]
SUFFIX_FORMATS = {".txt": "text", ".csv": "csv", ".json": "json"}


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="recordings, as for the other commands; without --model, annotations",
    )
    add_model(parser, required=False)
    add_timeline(parser)
    parser.add_argument(
        "--timelines",
        type=Path,
        metavar="FOLDER",
        help="write each recording's timeline here as JSON, and reuse it when given again",
    )
    parser.add_argument("--format", choices=FORMATS, help="text; with --output, by its suffix")
    parser.add_argument("--output", type=Path, help="a file, else standard output")
    add_progress(parser)


def run(given: Namespace) -> int:
    """Summarize the recordings."""
    from aed_plugins.metrics import summarize_durations  # noqa: PLC0415  not for --help

    if given.output is not None:
        check_file(given.output, [Path(text) for text in given.inputs], [*SUFFIX_FORMATS])
        given.format = given.format or SUFFIX_FORMATS[given.output.suffix.lower()]
    timelines: list[Timeline] = []
    collect = _read if given.model is None else _detect
    status = collect(given, timelines)
    if not timelines:
        raise InputError("no recording is left to summarize")
    labels = given.labels or sorted({event.label for one in timelines for event in one.events})
    rows = summarize_durations([(one.events, one.duration or 0.0) for one in timelines], labels)
    seconds = sum(one.duration or 0.0 for one in timelines)
    text = _text(rows, seconds, len(timelines), given.format or "text")
    if given.output is None:
        sys.stdout.write(text)
    else:
        with atomic_write(given.output) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return status


def _detect(given: Namespace, timelines: "list[Timeline]") -> int:
    from aed_plugins.annotations import read_timeline, write_timeline  # noqa: PLC0415  not for --help

    recordings = find_recordings(given.inputs)
    tagger = load(given)
    settings = set_timeline(given, tagger)
    # Of hundreds of classes only those that occur.
    given.labels = tagger.labels if given.classes or len(tagger.labels) <= SHOWN else None
    folder, due = None, set(recordings)
    if given.timelines is not None:
        depends = describe_run(given, tagger, settings=settings.to_dict())
        folder = Folder(given.timelines, ".json", depends)
        due = set(folder.missing(recordings))

    def work(recording: Recording) -> None:
        if folder is not None and recording not in due:
            timelines.append(read_timeline(folder.file_of(recording)))
            return
        timelines.append(detect(tagger, recording))
        if folder is not None:
            write_timeline(folder.file_of(recording), timelines[-1])
            folder.note(recording)

    return process_each(given, recordings, work)


def _read(given: Namespace, timelines: "list[Timeline]") -> int:
    from aed_plugins import annotations  # noqa: PLC0415

    if any(getattr(given, name) is not None for name in MODEL_OPTIONS):
        raise InputError("annotations are summarized as they are: give --model to tag recordings")
    given.labels = None

    def work(recording: Recording) -> None:
        timeline = annotations.read_timeline(recording.path)
        if not timeline.duration:
            raise InputError(
                f"{recording.path}: expected an annotation with the recording's duration, as"
                " `aed timeline --format json` writes it"
            )
        timelines.append(timeline)

    inputs = find_recordings(given.inputs, set(annotations.FORMATS.values()))
    return process_each(given, [one for one in inputs if one.name.name != RUN], work)


def _text(rows: "Sequence[LabelDuration]", seconds: float, count: int, kind: str) -> str:
    if kind == "json":
        content = {"recordings": count, "seconds": seconds, "classes": [r._asdict() for r in rows]}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if kind == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = ("seconds", "fraction", "events")
        ends = [f"{name}_{end}" for name in columns for end in ("low", "high")]
        writer.writerow(["class", *columns, *ends])
        for row in rows:
            intervals = [getattr(row, f"{name}_interval") or ("", "") for name in columns]
            writer.writerow([row.label, row.seconds, row.fraction, row.events, *sum(intervals, ())])
        return text.getvalue()
    table = [["class", "seconds", "95 %", "fraction", "95 %", "events", "95 %"]]
    table += [
        [
            row.label,
            f"{row.seconds:.1f}",
            _between(row.seconds_interval, ".1f"),
            f"{row.fraction:.1%}",
            _between(row.fraction_interval, ".1%"),
            str(row.events),
            _between(row.events_interval, ".0f"),
        ]
        for row in sorted(rows, key=lambda row: -row.seconds)
    ]
    plural = "s" * (count != 1)
    return "\n".join([*format_table(table), f"{count} recording{plural}, {seconds:.1f} s"]) + "\n"


def _between(interval: Any, form: str) -> str:
    return "-" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"
