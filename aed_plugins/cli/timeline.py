"""Say what is heard in recordings, and when.

    aed timeline talk.wav --model mn10 --classes paper
    aed timeline talks/ --model MODEL --format textgrid --output annotations/

With --output, a file per recording is written as soon as it is done; given again, the command goes
on where it stopped. A single recording may go into a file instead, whose suffix says the format.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from aed_plugins.cli.inputs import Recording, add_inputs, find_recordings
from aed_plugins.cli.models import add_model, add_timeline, load, run_of, timeline_settings
from aed_plugins.cli.outputs import Folder, add_progress, each

if TYPE_CHECKING:
    from aed_plugins.annotation import Annotation

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
    from aed_plugins.annotation import FORMATS as SUFFIXES  # noqa: PLC0415  not for --help
    from aed_plugins.annotation import Annotation, annotation_text, write_annotation  # noqa: PLC0415

    recordings = find_recordings(given.inputs)
    tagger = load(given)
    settings = timeline_settings(given, tagger)

    def found(recording: Recording) -> Annotation:
        timeline = tagger.timeline_file(recording.path, settings)
        return Annotation(tuple(timeline.events), recording.path.name, timeline.duration)

    if given.output is None:

        def say(recording: Recording) -> None:
            annotation = found(recording)
            if (given.format or TEXT) != TEXT:
                sys.stdout.write(annotation_text(annotation, given.format))
            else:
                _print(recording, annotation)
            sys.stdout.flush()

        return each(given, recordings, say)
    if len(recordings) == 1 and given.output.suffix and not given.output.is_dir():
        kind = None if given.format in {None, TEXT} else given.format
        return each(given, recordings, lambda one: write_annotation(given.output, found(one), kind))
    kind = "csv" if given.format in {None, TEXT} else given.format
    folder = Folder(
        given.output, SUFFIXES[kind], run_of(given, tagger, settings=settings.to_dict())
    )

    def write(recording: Recording) -> None:
        write_annotation(folder.file_of(recording), found(recording), kind)

    return each(given, folder.missing(recordings), write)


def _print(recording: Recording, annotation: "Annotation") -> None:
    print(f"{recording.path}  {annotation.duration:.2f} s, {len(annotation.events)} events")
    for event in annotation.events:
        print(f"  {event.onset:10.3f} {event.offset:10.3f}  {event.score:6.1%}  {event.label}")
