"""Add up how long and how often each class is heard, with 95 % bootstrap intervals.

    aed summary match.wav --model mn10 --classes paper
    aed timeline talks/ --model MODEL --format json --output timelines/
    aed summary timelines/

Without --model, the inputs are annotations that tell the recording's duration, as `aed timeline`
writes them in JSON. The intervals are those of a bootstrap over recordings; of a single one, over
segments of it.
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
    detect,
    load,
    run_of,
    timeline_settings,
)
from aed_plugins.cli.outputs import (
    RUN,
    add_progress,
    check_file,
    each,
    text_table,
)
from aed_plugins.cli.result_folder import Folder
from aed_plugins.core import InputError, atomic_write

if TYPE_CHECKING:
    from aed_plugins.core import Timeline
    from aed_plugins.metrics import LabelDuration

FORMATS = ("text", "csv", "json")
SHOWN = 30  # classes: of a model with more, only those that are heard have a row
# Options that say how recordings are heard.
HEARING = [name for _, name, _ in (*WINDOWS, *POST_PROCESSING)]
HEARING += ["classes", "timelines", "settings", "resolution", "batch_size"]
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
        help="keep each recording's time line here as JSON, and go on from it when given again",
    )
    parser.add_argument("--format", choices=FORMATS, help="text; with --output, by its suffix")
    parser.add_argument("--output", type=Path, help="a file, else standard output")
    add_progress(parser)


def run(given: Namespace) -> int:
    """Sum up the recordings."""
    from aed_plugins.metrics import summarize_durations  # noqa: PLC0415  not for --help

    if given.output is not None:
        check_file(given.output, [Path(text) for text in given.inputs], [*SUFFIX_FORMATS])
        given.format = given.format or SUFFIX_FORMATS[given.output.suffix.lower()]
    heard: list[Timeline] = []
    status = _from_model(given, heard) if given.model is not None else _read(given, heard)
    if not heard:
        raise InputError("no recording is left to sum up")
    labels = given.labels or sorted({event.label for one in heard for event in one.events})
    rows = summarize_durations([(one.events, one.duration or 0.0) for one in heard], labels)
    seconds = sum(one.duration or 0.0 for one in heard)
    text = _text(rows, seconds, len(heard), given.format or "text")
    if given.output is None:
        sys.stdout.write(text)
    else:
        with atomic_write(given.output) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return status


def _from_model(given: Namespace, heard: "list[Timeline]") -> int:
    from aed_plugins.annotations import read_timeline, write_timeline  # noqa: PLC0415  not for --help

    recordings = find_recordings(given.inputs)
    tagger = load(given)
    settings = timeline_settings(given, tagger)
    # Of hundreds of classes only those that are heard.
    given.labels = tagger.labels if given.classes or len(tagger.labels) <= SHOWN else None
    folder, due = None, set(recordings)
    if given.timelines is not None:
        depends = run_of(given, tagger, settings=settings.to_dict())
        folder = Folder(given.timelines, ".json", depends)
        due = set(folder.missing(recordings))

    def work(recording: Recording) -> None:
        if folder is not None and recording not in due:
            heard.append(read_timeline(folder.file_of(recording)))
            return
        heard.append(detect(tagger, recording, settings))
        if folder is not None:
            write_timeline(folder.file_of(recording), heard[-1])
            folder.note(recording)

    return each(given, recordings, work)


def _read(given: Namespace, heard: "list[Timeline]") -> int:
    from aed_plugins import annotations  # noqa: PLC0415

    if any(getattr(given, name) is not None for name in HEARING):
        raise InputError("annotations are summed up as they are: give --model to hear recordings")
    given.labels = None

    def work(recording: Recording) -> None:
        timeline = annotations.read_timeline(recording.path)
        if not timeline.duration:
            raise InputError(
                f"{recording.path}: expected an annotation that tells the recording's duration, as"
                " `aed timeline --format json` writes it"
            )
        heard.append(timeline)

    inputs = find_recordings(given.inputs, set(annotations.FORMATS.values()))
    return each(given, [one for one in inputs if one.name.name != RUN], work)


def _text(rows: "Sequence[LabelDuration]", seconds: float, count: int, kind: str) -> str:
    if kind == "json":
        content = {"recordings": count, "seconds": seconds, "classes": [r._asdict() for r in rows]}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if kind == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        figures = ("seconds", "fraction", "events")
        ends = [f"{name}_{end}" for name in figures for end in ("low", "high")]
        writer.writerow(["class", *figures, *ends])
        for row in rows:
            intervals = [getattr(row, f"{name}_interval") or ("", "") for name in figures]
            writer.writerow([row.label, row.seconds, row.fraction, row.events, *sum(intervals, ())])
        return text.getvalue()
    cells = [["class", "seconds", "95 %", "fraction", "95 %", "events", "95 %"]]
    cells += [
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
    return "\n".join([*text_table(cells), f"{count} recording{plural}, {seconds:.1f} s"]) + "\n"


def _between(interval: Any, form: str) -> str:
    return "-" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"
