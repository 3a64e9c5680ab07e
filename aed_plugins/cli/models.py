"""The model of a command, and the settings of its timelines."""

import hashlib
import json
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.cli.inputs import Recording
from aed_plugins.cli.outputs import quiet
from aed_plugins.core import InputError, error_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aed_plugins.core import Timeline
    from aed_plugins.detection import TimelineSettings
    from aed_plugins.inference import PretrainedTagger

LONG = 120  # seconds of a recording that is worth a bar of its own

# Option, what it is called among the settings, and what it says.
WINDOWS = (
    (
        "--window",
        "window_length",
        "seconds of a window; without --hop, windows follow one another",
    ),
    ("--hop", "hop_length", "seconds from one window to the next; the window must be a multiple"),
)
POST_PROCESSING = (
    ("--threshold", "onset", "probability from which on an event begins"),
    ("--offset-threshold", "offset", "probability below which it ends; as --threshold"),
    ("--min-duration", "min_duration_on", "seconds; shorter events are left out"),
    ("--max-gap", "min_duration_off", "seconds; shorter gaps are closed"),
    ("--median", "median_filter", "seconds over which the median is taken first"),
)


def add_model(parser: ArgumentParser, required: bool = True, classes: bool = True) -> None:
    """Let a command take a model and, where classes matter, choose among them."""
    parser.set_defaults(classes=None)
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        required=required,
        action="append",
        help="a published folder, a training run or a Hub id (owner/name[@revision]); mn01 to mn40,"
        " EfficientAT's taggers of 527 classes, downloaded once, or their file; a .onnx file; given"
        " several times, the mean of the models' probabilities",
    )
    if classes:
        group.add_argument(
            "--classes",
            action="append",
            metavar="A;B",
            help="only these: names, MIDs, branches of AudioSet's ontology such as 'Dog/*' or"
            " 'Human sounds', or paper, the paper's ten; in between stands a semicolon",
        )
    group.add_argument(
        "--device", default="auto", help="such as cpu, cuda or cuda:0; auto, a GPU if there is one"
    )
    group.add_argument(
        "--trust-remote-code",
        action="store_true",
        help="let the model's YAML name any Python object: it can then do anything on this machine",
    )


def load(given: Namespace) -> "PretrainedTagger":
    """Load the model of a command line."""
    from aed_plugins.inference import PretrainedTagger  # noqa: PLC0415  not for --help

    tagger = PretrainedTagger.from_hparams(
        given.model if len(given.model) > 1 else given.model[0],
        trust_remote_code=given.trust_remote_code,
        device=given.device,
    )
    if not quiet(given):
        tagger.progress = _seconds
    if given.classes is not None:
        tagger.choose([name for text in given.classes for name in text.split(";") if name.strip()])
    return tagger


def _seconds(path: "str | Path", blocks: "Iterator[Any]", sample_rate: int) -> "Iterator[Any]":
    """Show how much of a long recording is done, and the time left."""
    from tqdm import tqdm  # noqa: PLC0415  not for --help

    from aed_plugins.audio import read_info  # noqa: PLC0415

    total = read_info(path).duration
    form = "{l_bar}{bar}| {n:.0f}/{total:.0f} s [{elapsed}<{remaining}]"
    with tqdm(
        desc=Path(path).name, total=total, leave=False, disable=total < LONG, bar_format=form
    ) as bar:
        for block in blocks:
            yield block  # which is then tagged
            bar.update(len(block) / sample_rate)


def add_timeline(parser: ArgumentParser) -> None:
    """Let a command choose windows and post-processing."""
    group = parser.add_argument_group(
        "timeline", "What is not given is as tuned and saved with the model, else windows of 1 s."
    )
    for option, name, about in (*WINDOWS, *POST_PROCESSING):
        group.add_argument(option, dest=name, type=float, metavar="X", help=about)
    group.add_argument(
        "--resolution",
        choices=("window", "step"),
        help="whether each window is classified, or each of the encoder's own steps in it",
    )
    group.add_argument("--batch-size", type=int, metavar="N", help="windows classified together")
    group.add_argument("--settings", type=Path, help="a JSON file that `aed tune` wrote")


def set_timeline(given: Namespace, tagger: "PretrainedTagger") -> "TimelineSettings":
    """Set and return the settings of a command line; what it does not give is as in the model."""
    names = [name for _, name, _ in (*WINDOWS, *POST_PROCESSING)] + ["resolution", "batch_size"]
    options = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    settings = tagger.timeline_settings
    if given.settings is not None:
        settings = read_settings(given.settings)
    tagger.timeline_settings = settings.updated(**options)  # an error before the work begins
    return tagger.timeline_settings


def detect(tagger: "PretrainedTagger", recording: Recording) -> "Timeline":
    """Detect the events of a recording, under the name that results give it."""
    timeline = tagger.timeline(recording.path)
    return replace(timeline, recording=recording.name.name)  # standard input has no name


def read_settings(path: Path) -> "TimelineSettings":
    """Read a JSON file of settings."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: expected settings that `aed tune` wrote, there is no file"
        ) from error
    except ValueError as error:
        raise InputError(f"{path}: expected settings as JSON, got: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected settings that `aed tune` wrote, got something else")
    with error_prefix(path):
        from aed_plugins.detection import TimelineSettings  # noqa: PLC0415  not for --help

        return TimelineSettings.from_dict(content)


def describe_run(given: Namespace, tagger: "PretrainedTagger", **more: Any) -> dict[str, Any]:
    """Return what results depend on."""
    classes = {} if given.classes is None else {"classes": tagger.labels}
    return {
        "command": given.command,
        "model": compute_digest(given.model, tagger),
        **classes,
        **more,
    }


def compute_digest(models: "Sequence[str]", tagger: "PretrainedTagger") -> str:
    """Return a digest of a model's weights, to tell its results from those of another."""
    digest = hashlib.sha256()
    if tagger.onnx is not None:
        digest.update(Path(models[0]).read_bytes())
    for name, tensor in tagger.mods.state_dict().items():
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return f"{tagger.name} {digest.hexdigest()[:12]}"
