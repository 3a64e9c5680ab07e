"""Fit a model's thresholds and durations to annotated recordings.

    aed tune talks/ --annotations annotations/ --model mn10 --output settings.json
    aed timeline other.wav --model mn10 --settings settings.json

Each recording's annotation has its name, with the suffix of any format that `aed timeline` writes.
--output may be the model's own folder: then the settings are saved with the model. The classes
that are annotated are tuned, the others keep what they have. Evaluate the result on other
recordings.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.cli.inputs import (
    Recording,
    add_inputs,
    find_annotation,
    find_recordings,
)
from aed_plugins.cli.models import (
    add_model,
    add_timeline,
    load,
    read_settings,
    set_timeline,
)
from aed_plugins.cli.outputs import (
    add_progress,
    check_file,
    format_table,
    process_each,
)
from aed_plugins.core import InputError, error_prefix, write_json

if TYPE_CHECKING:
    from aed_plugins.core import Event
    from aed_plugins.detection import AnnotatedRecording
    from aed_plugins.inference import PretrainedTagger


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's options."""
    add_inputs(parser)
    add_model(parser)
    add_timeline(parser)
    parser.add_argument(
        "--annotations", type=Path, metavar="PLACE", help="a folder; that of the recordings"
    )
    parser.add_argument(
        "--objective",
        choices=("segment", "event"),
        default="segment",
        help="F1 over segments of 1 s, or over events with a collar of 0.2 s; segment",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="a JSON file, or the model's folder"
    )
    add_progress(parser)


def run(given: Namespace) -> int:
    """Tune the settings."""
    from aed_plugins.annotations import read_timeline  # noqa: PLC0415  not for --help
    from aed_plugins.audio import read_info  # noqa: PLC0415
    from aed_plugins.detection import tune_post_processing, update_classes  # noqa: PLC0415
    from aed_plugins.metrics import check_events  # noqa: PLC0415

    recordings = find_recordings(given.inputs)
    _check_output(given.output)
    tagger = load(given)
    settings = set_timeline(given, tagger)
    annotated: list[AnnotatedRecording] = []

    def work(recording: Recording) -> None:
        place = find_annotation(recording, given.annotations)
        reference = read_timeline(place).events
        check_events(str(place), reference, read_info(recording.path).duration, tagger.labels)
        annotated.append(_annotated(tagger, recording.path, reference))

    status = process_each(given, recordings, work)
    if not annotated:
        raise InputError("no annotated recording is left to tune on")
    tuning = tune_post_processing(
        annotated, tagger.labels, objective=given.objective, start=settings.post_processing
    )
    labels = [str(label) for label in tagger.hparams.labels]
    tuned = update_classes(
        settings.post_processing, labels, tuning.settings, list(tuning.reference_events)
    )
    _save(given.output, replace(settings, post_processing=tuned).to_dict())
    rows = [["class", "events", "F1 before", "F1 after"]]
    before, after = (_f1(metrics) for metrics in (tuning.before, tuning.after))
    for label, count in tuning.reference_events.items():
        rows.append([label, str(count), before[label], after[label]])
    rows.append(["all (micro)", "", before[""], after[""]])
    print(*format_table(rows), f"{given.output}", sep="\n")
    return status


def _annotated(
    tagger: "PretrainedTagger",
    path: Path,
    reference: "Sequence[Event]",
) -> "AnnotatedRecording":
    import numpy as np  # noqa: PLC0415  not for --help

    from aed_plugins.detection import AnnotatedRecording  # noqa: PLC0415

    parts: list[Any] = []
    duration = tagger.timeline(path, on_probabilities=parts.append).duration
    assert duration is not None
    return AnnotatedRecording(np.concatenate(parts), tagger.windows.grid, duration, reference)


def _check_output(output: Path) -> None:
    """Refuse to write settings where something else is, before the work."""
    if output.is_dir():
        if not (output / "hyperparams.yaml").is_file():
            raise InputError(f"{output}: expected a JSON file or a model's folder, got another one")
        return
    check_file(output, [], [".json"])
    if output.exists():
        with error_prefix(f"{output} is there already and is to be written"):
            read_settings(output)


def _save(output: Path, content: Mapping[str, Any]) -> None:
    if output.is_dir():
        from aed_plugins.pretrained import write_timeline_settings  # noqa: PLC0415

        write_timeline_settings(output, dict(content))
    else:
        write_json(output, content)


def _f1(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return F1 as text by class, and under the empty name over all classes."""
    rows = {row["label"]: row["f1"] for row in metrics["per_class"]} | {"": metrics["micro_f1"]}
    return {label: "-" if f1 is None else f"{f1:.3f}" for label, f1 in rows.items()}
