"""Write embeddings over time: an .npz file per recording.

    aed embed recordings/ --model mn10 --output embeddings/

Each file has `embeddings` (moment, embedding), and `onsets` and `offsets` (moment,) in seconds; the
moments are the encoder's own steps, or windows where --window is given. Given again, the command
goes on where it stopped.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from aed_plugins.cli.inputs import Recording, add_inputs, find_recordings
from aed_plugins.cli.models import add_model, load, run_of
from aed_plugins.cli.outputs import Folder, add_progress, each
from aed_plugins.core import InputError


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    add_inputs(parser)
    add_model(parser, classes=False)
    parser.add_argument("--window", type=float, metavar="X", help="seconds; the encoder's steps")
    parser.add_argument("--hop", type=float, metavar="X", help="seconds between windows; --window")
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    add_progress(parser)


def run(given: Namespace) -> int:
    """Embed the recordings."""
    import numpy as np  # noqa: PLC0415  not for --help

    from aed_plugins.core import atomic_write  # noqa: PLC0415
    from aed_plugins.detection import TimelineSettings  # noqa: PLC0415

    if given.hop is not None and given.window is None:
        raise InputError("--hop goes with --window: the encoder's own steps have none")
    recordings = find_recordings(given.inputs)
    tagger = load(given)
    settings = None if given.window is None else TimelineSettings(given.window, given.hop)
    if settings is not None:
        settings.windows(tagger.steps)
    run_ = run_of(given, tagger, window=given.window, hop=given.hop)
    folder = Folder(given.output, ".npz", run_)

    def work(recording: Recording) -> None:
        found = tagger.embed_file(recording.path, settings)
        with atomic_write(folder.file_of(recording)) as temporary:
            np.savez_compressed(
                temporary,
                embeddings=found.embeddings,
                onsets=found.onsets,
                offsets=found.offsets,
                duration=found.duration,
            )
        folder.note(recording)

    return each(given, folder.missing(recordings), work)
