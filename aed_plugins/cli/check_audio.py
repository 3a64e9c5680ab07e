"""Find recordings that cannot be used, before a long run does.

    aed check-audio recordings/

Decodes every file to its end. Each bad one is named in a line, and the status is then 1; what is
only odd (silence, clipping, a constant offset) is named, too.
"""

from argparse import ArgumentParser, Namespace

from aed_plugins.cli.inputs import Recording, add_inputs, find_recordings
from aed_plugins.cli.outputs import add_progress, process_each


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    add_inputs(parser)
    add_progress(parser)


def run(given: Namespace) -> int:
    """Check the recordings."""
    from aed_plugins.audio import check_audio  # noqa: PLC0415  not for --help

    def work(recording: Recording) -> None:
        found = check_audio(recording.path)
        about = found.about
        odd = f"  odd: {', '.join(found.odd)}" if found.odd else ""
        print(
            f"{recording.shown}  {found.duration:.2f} s, {about.sample_rate} Hz,"
            f" {about.channels} channel{'s' * (about.channels != 1)}, {about.kind}{odd}",
            flush=True,
        )

    return process_each(given, find_recordings(given.inputs), work)
