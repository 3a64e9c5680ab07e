"""Make an interactive page of recordings and their events: one HTML file that works offline.

    aed report talk.wav --model mn10
    aed report match.wav talk.wav --model MODEL --classes paper --output both.html --png both.png

The page has the spectrogram, a lane per class with its probability and events, durations, and a
player; a click on an event plays it. Several recordings stand side by side.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from aed_plugins.cli.inputs import Recording, add_inputs, find_recordings
from aed_plugins.cli.models import (
    add_model,
    add_timeline,
    load,
    set_timeline,
)
from aed_plugins.cli.outputs import add_progress, check_file, process_each
from aed_plugins.core import InputError


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    add_inputs(parser)
    add_model(parser)
    add_timeline(parser)
    parser.add_argument("--output", type=Path, help="the page; NAME.html in this folder")
    parser.add_argument("--png", type=Path, help="a picture for a paper, too")
    parser.add_argument("--title", help="what stands above the page")
    parser.add_argument(
        "--audio",
        choices=("embed", "link", "none"),
        default="embed",
        help="whether the sound is in the page (embed: up to an hour in all), linked, or left out",
    )
    add_progress(parser)


def run(given: Namespace) -> int:
    """Tag the recordings, write the page."""
    from aed_plugins.report import build_report, describe_settings, write_page, write_picture  # noqa: PLC0415  not for --help  # noqa: PLC0415

    recordings = find_recordings(given.inputs)
    page = given.output or Path(f"{recordings[0].name.stem}.html")
    files = [recording.path for recording in recordings]
    check_file(page, files, [".html", ".htm"])
    if given.png is not None:
        check_file(given.png, files, [".png"])
    if given.audio == "link" and any(recording.is_stdin for recording in recordings):
        raise InputError("--audio link: a recording on standard input leaves no file to link to")
    tagger = load(given)
    settings = set_timeline(given, tagger)
    names = [str(recording.name) for recording in recordings]
    reports = []

    def work(recording: Recording) -> None:
        name = str(recording.name)
        name = name if names.count(name) == 1 else recording.shown
        every = given.classes is not None
        reports.append(build_report(tagger, recording.path, name, every_class=every))

    status = process_each(given, recordings, work)
    if not reports:
        raise InputError("no recording is left to report on")
    title = given.title or (reports[0].name if len(reports) == 1 else f"{len(reports)} recordings")
    words = describe_settings(settings)
    if hidden := max(report.hidden for report in reports):
        words["Not shown"] = f"{hidden} more detected classes; choose with --classes"
    write_page(
        page,
        reports,
        title=title,
        model=tagger.name,
        settings=words,
        audio=given.audio,
    )
    if given.png is not None:
        write_picture(given.png, reports)
    print("look at:", *(path for path in (page, given.png) if path is not None), sep="\n  ")
    return status
