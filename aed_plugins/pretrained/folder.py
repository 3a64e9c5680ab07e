"""A trained model as a folder: what is in it, read and checked.

`hyperparams.yaml`      the model, as HyperPyYAML
`model.safetensors`     its weights; the statistics of its features are among them
`thresholds.json`       from which probability a class is said to be there; optional
`timeline.json`         settings of the time line; optional
`SHA256SUMS`            as `sha256sum` writes them; optional
`README.md`             the model card, and `custom_interface.py`, for SpeechBrain: not read here
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import ruamel.yaml
import torch
from hyperpyyaml import load_hyperpyyaml, resolve_references
from torch import Tensor

from aed_plugins.core import InputError, first_few, one_line
from aed_plugins.models import (
    AudioTagger,
    Thresholds,
    load_weights,
    read_safetensors,
    read_state_dict,
    read_tensor_shapes,
)
from aed_plugins.pretrained.files import (
    HPARAMS,
    LOADED,
    THRESHOLDS,
    WEIGHTS,
    check_sums,
    read_json_object,
    read_timeline_settings,
)
from aed_plugins.pretrained.hub import fetch_folder, hub_id
from aed_plugins.pretrained.run import TrainedRun, build_tagger, find_run
from aed_plugins.pretrained.safe_yaml.allowed import MISTAKES
from aed_plugins.pretrained.safe_yaml.file import SafeFile

CONFIGURATION = "configuration.json"  # what only a training has
DESCRIBED = ("sample_rate", "labels", "multi_label", "dataset", "tagger")


@dataclass(frozen=True)
class LoadedModel:
    """A model, ready to be used.

    Attributes
    ----------
    tagger : AudioTagger
        For inference, on the CPU.
    labels : list of str
        What it tells apart, in the order of its outputs.
    multi_label : bool
        Whether a clip may have several of them.
    sample_rate : int
        What it takes, in hertz.
    thresholds : Thresholds or None
        From which probability a class is said to be there.
    timeline : dict or None
        Settings of the time line that were tuned for it.
    name : str
        What to call it.
    folder : Path
        Where it was loaded from.
    """

    tagger: AudioTagger
    labels: list[str]
    multi_label: bool
    sample_rate: int
    thresholds: Thresholds | None
    timeline: dict[str, Any] | None
    name: str
    folder: Path


def load_model(
    source: str | Path, *, trust_remote_code: bool = False, revision: str | None = None
) -> LoadedModel:
    """Load a model folder, a model on the Hub or a finished training.

    Nothing in it is run: its hyperparameter file is checked before anything is built, its weights
    are read as plain tensors.

    Parameters
    ----------
    source : str or Path
        A folder; else `owner/name` or `owner/name@revision` on the Hugging Face Hub.
    trust_remote_code : bool
        Build whatever the hyperparameter file names: that is to run its makers' program.
    revision : str, optional
        Of a model on the Hub: a branch, tag or commit.

    Raises
    ------
    InputError
        If there is no such model, or a file of it is missing, damaged, not allowed or does not
        fit the others; the message names the file.
    """
    folder = Path(source).expanduser()
    name = folder.resolve().name
    if folder.is_dir():
        if revision is not None:
            raise InputError(f"{source}: revision={revision} is for models on the Hub, not folders")
        described = (folder / HPARAMS).exists()
        if (folder / CONFIGURATION).exists() or (
            not described and any(folder.glob(f"*/{CONFIGURATION}"))
        ):
            return _load_run(folder, trust_remote_code)
    else:
        name, folder = _fetched(str(source), revision)
    return _load_folder(folder, name, trust_remote_code)


def _fetched(source: str, revision: str | None) -> tuple[str, Path]:
    is_there = Path(source).expanduser().exists()
    named = None if is_there else hub_id(source)
    if named is None:
        kind = "is a file" if is_there else "is no folder"
        raise InputError(
            f"{source} {kind}: expected a model's folder, a training's folder, or owner/name or"
            " owner/name@revision on the Hugging Face Hub"
        )
    repository, named_revision = named
    if revision is not None and named_revision is not None and revision != named_revision:
        raise InputError(f"{source}: expected one revision, got {revision} besides")
    return repository, fetch_folder(repository, LOADED, revision or named_revision)


def _load_folder(folder: Path, name: str, trusted: bool) -> LoadedModel:
    for needed in (HPARAMS, WEIGHTS):
        if not (folder / needed).is_file():
            raise InputError(f"{folder / needed}: missing: a model folder has {HPARAMS}, {WEIGHTS}")
    check_sums(folder)
    path = folder / HPARAMS
    file = SafeFile(path, only=[key for key in DESCRIBED if key != "tagger"] if trusted else None)
    labels = _labels(file)
    weights = folder / WEIGHTS
    if not trusted:
        _check_shapes(file, read_tensor_shapes(weights), weights)
    tagger = _tagger(file, _build_trusted if trusted else None)
    load_weights(tagger, read_safetensors(weights), str(weights), f"the weights of {path}")
    _try(tagger, file, labels)
    thresholds = None
    if (folder / THRESHOLDS).is_file():
        read_json_object(folder / THRESHOLDS)
        thresholds = Thresholds(labels)
        thresholds.load(folder / THRESHOLDS)
    return LoadedModel(
        tagger,
        labels,
        file.flag("multi_label"),
        file.number("sample_rate"),
        thresholds,
        read_timeline_settings(folder),
        name,
        folder,
    )


def _load_run(source: Path, trusted: bool) -> LoadedModel:
    # Checked before anything else looks at them: a run's folder may come from elsewhere, too.
    described = [source / HPARAMS, *sorted(source.glob(f"*/{HPARAMS}"))]
    for path in described:
        if path.is_file():
            _run_file(path, trusted)
    run = find_run(source)
    file = _run_file(run.folder / HPARAMS, trusted)
    labels = _labels(file)
    state = read_state_dict(run.weights)
    if not trusted:
        shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
        _check_shapes(file, shapes, run.weights)
    tagger = _tagger(file, build_tagger if trusted else None)
    load_weights(tagger, state, str(run.weights), f"the weights of {file.path}")
    _try(tagger, file, labels)
    return LoadedModel(
        tagger,
        labels,
        run.multi_label,
        run.sample_rate,
        run.thresholds if run.multi_label else None,
        read_timeline_settings(run.folder),
        run_name(run),
        run.folder,
    )


def run_name(run: TrainedRun) -> str:
    """Name a training: what its results call it, else its folder.

    Parameters
    ----------
    run : TrainedRun
        The run.
    """
    results = run.folder.parent / "results.json"
    name = read_json_object(results).get("name") if results.is_file() else None
    return name if isinstance(name, str) else run.folder.resolve().name


def _run_file(path: Path, trusted: bool) -> SafeFile:
    only = [key for key in DESCRIBED if not trusted or key != "tagger"]
    return SafeFile(path, only, without_sources=True)


def _labels(file: SafeFile) -> list[str]:
    labels = file.texts("labels")
    if len(set(labels)) < len(labels) or not all(labels):
        raise InputError(f"{file.path}: expected labels that differ, none of them empty")
    return labels


def _check_shapes(file: SafeFile, found: Mapping[str, tuple[int, ...]], weights: Path) -> None:
    """Compare a model with its weights before memory is taken for either."""
    tagger = file.build("tagger", shapes_only=True)
    if not isinstance(tagger, AudioTagger):
        raise InputError(f"{file.path}: expected tagger to be an AudioTagger, got something else")
    wanted = {name: tuple(tensor.shape) for name, tensor in tagger.state_dict().items()}
    odd = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    odd = [name for name in odd if not name.endswith("num_batches_tracked")]
    if odd:
        raise InputError(
            f"{weights}: expected the weights of {file.path}, but {len(odd)} of {len(wanted)}"
            f" tensors do not fit: {first_few(odd)}"
        )


def _tagger(file: SafeFile, build: Callable[[Path], Any] | None) -> AudioTagger:
    tagger = file.build("tagger") if build is None else build(file.path)
    if not isinstance(tagger, AudioTagger):
        raise InputError(f"{file.path}: expected tagger to be an AudioTagger, got something else")
    return tagger.eval()


def _build_trusted(path: Path) -> Any:
    """Build the tagger with HyperPyYAML, whatever it names; nothing else, and no weights."""
    yaml, text = ruamel.yaml.YAML(), StringIO()
    try:
        with path.open(encoding="utf-8") as file:
            tree = yaml.load(resolve_references(file))
        yaml.dump({"tagger": tree["tagger"]}, text)
        return load_hyperpyyaml(text.getvalue())["tagger"]
    except (*MISTAKES, ImportError, ruamel.yaml.error.YAMLError) as error:
        raise InputError(f"{path}: the model in it cannot be built: {one_line(error)}") from error


def _try(tagger: AudioTagger, file: SafeFile, labels: list[str]) -> None:
    """Check on a second of silence that components, sample rate and labels fit one another."""
    rate = file.number("sample_rate")
    try:
        expected = tagger.features.sample_rate
        with torch.inference_mode():
            logits: Tensor = tagger(torch.zeros(1, expected)).clip_logits
    except MISTAKES as error:
        raise InputError(
            f"{file.path}: the components do not fit one another: {one_line(error)}"
        ) from error
    if expected != rate:
        raise InputError(
            f"{file.path}: the features are for {expected} Hz, but sample_rate is {rate}"
        )
    if logits.shape != (1, len(labels)):
        raise InputError(
            f"{file.path}: {len(labels)} labels, but the model tells {logits.shape[-1]} classes"
            " apart"
        )
    if not logits.isfinite().all():
        raise InputError(f"{file.path.parent}: the weights are damaged: silence gives no number")
