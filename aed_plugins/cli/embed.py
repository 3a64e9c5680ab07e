"""Write embeddings over time: an .npz file per recording.

    aed embed recordings/ --model mn10 --output embeddings/

Each file has `embeddings` (segment, embedding), float32; `onsets` and `offsets` (segment,) in
seconds; and `duration`. Segments are the encoder's own steps, or windows if --window is given.
After an interruption the same command continues where it stopped. `aed search` finds similar
segments in the folder.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aed_plugins.cli.inputs import Recording, add_inputs, find_recordings
from aed_plugins.cli.models import add_model, describe_run, load
from aed_plugins.cli.outputs import add_progress, process_each
from aed_plugins.cli.result_folder import Folder
from aed_plugins.core import InputError

if TYPE_CHECKING:
    from aed_plugins.inference import Embeddings, PretrainedTagger


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
    if given.hop is not None and given.window is None:
        raise InputError("--hop goes with --window: the encoder's own steps have none")
    recordings = find_recordings(given.inputs)
    embedder = Embedder(given, given.window, given.hop)
    return embedder.embed(recordings, embedder.folder(given.output, "--output"))


class Embedder:
    """The model of a command line and how it cuts recordings into segments.

    Parameters
    ----------
    given : Namespace
        The command line.
    window, hop : float or None
        Seconds; without a window the segments are the encoder's own steps.
    """

    def __init__(self, given: Namespace, window: float | None, hop: float | None) -> None:
        from aed_plugins.detection import plan_windows  # noqa: PLC0415  not for --help

        self.given, self.window, self.hop = given, window, hop
        self.tagger: PretrainedTagger = load(given)
        if window is not None:
            plan_windows(self.tagger.steps, window, hop)  # an error before the work begins

    def folder(self, path: Path, option: str) -> Folder:
        """Open a folder of embeddings; refuse one of another model or other windows."""
        depends = describe_run(self.given, self.tagger, window=self.window, hop=self.hop)
        return Folder(path, ".npz", depends | {"command": "embed"}, option)

    def embedded(self, path: Path) -> "Embeddings":
        """Embed one recording."""
        return self.tagger.embed(path, window=self.window, hop=self.hop)

    def embed(self, recordings: Sequence[Recording], folder: Folder) -> int:
        """Embed the recordings that have no file yet; return 1 if any had to be skipped, else 0."""

        def work(recording: Recording) -> None:
            self.embedded(recording.path).save(folder.file_of(recording))
            folder.note(recording)

        return process_each(self.given, folder.missing(recordings), work)
