"""Detect which sound events occur in recordings, and when.

    aed timeline talk.wav --model mn10 --classes paper
    aed timeline talks/ --model MODEL --format textgrid --output annotations/

With --output, a file per recording is written as soon as it is done; after an interruption the same
command continues where it stopped. A single recording may go into a file instead, whose suffix
gives the format.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aed_plugins.cli.inputs import Recording, add_inputs, find_recordings
from aed_plugins.cli.models import (
    add_model,
    add_timeline,
    describe_run,
    detect,
    load,
    set_timeline,
)
from aed_plugins.cli.outputs import add_progress, check_file, process_each
from aed_plugins.cli.result_folder import Folder
from aed_plugins.core import InputError

if TYPE_CHECKING:
    from aed_plugins.core import Timeline

TEXT = "text"
FORMATS = (TEXT, "csv", "json", "audacity", "textgrid", "rttm", "elan", "jams", "webvtt")


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    add_inputs(parser)
    add_model(parser)
    add_timeline(parser)
    parser.add_argument("--format", choices=FORMATS, help="text; in files csv, or by the suffix")
    parser.add_argument("--output", type=Path, help="a folder, or a file for a single recording")
    add_progress(parser)


def run(given: Namespace) -> int:
    """Find the events."""
    from aed_plugins.annotations import format_timeline, write_timeline  # noqa: PLC0415

    recordings = find_recordings(given.inputs)
    place = _place(given, recordings)
    tagger = load(given)
    settings = set_timeline(given, tagger)

    if place == "screen":

        def show(recording: Recording) -> None:
            timeline = detect(tagger, recording)
            if given.format == TEXT:
                _print(recording, timeline)
            else:
                sys.stdout.write(format_timeline(timeline, given.format))
            sys.stdout.flush()

        return process_each(given, recordings, show)
    if place == "file":

        def write_file(recording: Recording) -> None:
            write_timeline(given.output, detect(tagger, recording), given.format)

        return process_each(given, recordings, write_file)
    depends = describe_run(given, tagger, settings=settings.to_dict())
    folder = Folder(given.output, _suffix(given.format), depends)

    def write(recording: Recording) -> None:
        timeline = detect(tagger, recording)
        write_timeline(folder.file_of(recording), timeline, given.format)
        folder.note(recording)

    return process_each(given, folder.missing(recordings), write)


def _suffix(kind: str) -> str:
    from aed_plugins.annotations import FORMATS as SUFFIXES  # noqa: PLC0415  not for --help

    return SUFFIXES[kind]


def _place(given: Namespace, recordings: Sequence[Recording]) -> str:
    """Tell where the events go, and in which format; refuse what cannot be before the work."""
    from aed_plugins.annotations import FORMATS as SUFFIXES  # noqa: PLC0415  not for --help

    kind = None if given.format == TEXT else given.format
    if given.output is None:
        given.format = given.format or TEXT
        if kind is not None and len(recordings) > 1:
            raise InputError(
                f"--format {kind} of {len(recordings)} recordings: give a folder as --output"
            )
        return "screen"
    if len(recordings) == 1 and given.output.suffix and not given.output.is_dir():
        suffixes = [suffix.lower() for suffix in SUFFIXES.values()] if kind is None else None
        check_file(given.output, [recordings[0].path], suffixes or [given.output.suffix.lower()])
        if given.output.exists():
            raise InputError(f"{given.output} is there already; delete it, or give another name")
        given.format = kind
        return "file"
    given.format = kind or "csv"
    return "folder"


def _print(recording: Recording, timeline: "Timeline") -> None:
    print(f"{recording.shown}  {timeline.duration:.2f} s, {len(timeline.events)} events")
    for event in timeline.events:
        print(f"  {event.onset:10.3f} {event.offset:10.3f}  {event.score:6.1%}  {event.label}")
