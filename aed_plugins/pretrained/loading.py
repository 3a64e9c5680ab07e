"""Load a model from wherever it is: start here.

| source | loaded in |
|---|---|
| a model folder, as `publish_model` writes it | `model_folder` |
| `owner/name` on the Hugging Face Hub, a model folder there | `hub`, then `model_folder` |
| a finished training | `trained_run` |
| EfficientAT's `mn01` to `mn40`, or a file of its weights | `efficientat` |
| an ONNX file | `onnx_model` |

The hyperparameter files of folders and trainings are checked by `safe_yaml` before anything in them
is built, by `building`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from speechbrain.utils.fetching import FetchFrom, FetchSource, LocalStrategy

from aed_plugins.core import InputError
from aed_plugins.labels import audioset_labels
from aed_plugins.models import AudioTagger, Ensemble, Thresholds
from aed_plugins.pretrained.efficientat import TIMELINE, is_efficientat, load_efficientat
from aed_plugins.pretrained.hub import fetch_folder, hub_id
from aed_plugins.pretrained.loaded_model import LoadedModel
from aed_plugins.pretrained.model_folder import LOADED, WEIGHTS, load_folder
from aed_plugins.pretrained.onnx_model import OnnxTagger
from aed_plugins.pretrained.options import HPARAMS, LoadOptions
from aed_plugins.pretrained.trained_run import CONFIGURATION, load_run

Source: TypeAlias = str | Path | FetchSource

EXPECTED = (
    "a model's folder, a training's folder, owner/name or owner/name@revision on the Hugging Face"
    " Hub, one of `mn01` to `mn40`, a `.pt` file of their weights, or a `.onnx` file"
)
# What several models must have in common.
SHARED_PROPERTIES = {
    "labels": "the same labels in the same order",
    "multi_label": "one label per clip or several",
    "sample_rate": "the same sample rate",
}


def load_model(source: Source | Sequence[Source], **options: Any) -> LoadedModel:
    """Load a model, or several as one ensemble, from wherever they are.

    Nothing in a model is run: its hyperparameter file is checked before anything is built, its
    weights are read as plain tensors.

    Parameters
    ----------
    source : str, Path or FetchSource, or a sequence of them
        A model folder or a finished training; `owner/name` or `owner/name@revision` on the Hugging
        Face Hub; the name or file of a network of EfficientAT; or a `.onnx` file. Several are
        joined as an `Ensemble`.
    **options
        `trust_remote_code`, `revision`, `hparams_file`, `pymodule_file`, `overrides`, `savedir`,
        `fetch_config` and `local_strategy`: see `LoadOptions`.

    Raises
    ------
    InputError
        If there is no such model, or a file of it is missing, damaged, not allowed or does not
        fit the others; several models do not fit one another; or an option does not apply. The
        message names the file.
    """
    how = LoadOptions(**options)
    if isinstance(source, str | Path | FetchSource):
        return _load_one(source, how)
    if not isinstance(source, Sequence):
        raise InputError(f"expected {EXPECTED}, or several of them, got {source!r}")
    sources = [str(each) for each in source]
    if len(sources) > 1:
        replace(how, revision=None).check_unused(" and ".join(sources), "several models")
    return _joined(sources, [_load_one(each, how) for each in source])


def _load_one(source: Source, options: LoadOptions) -> LoadedModel:
    if isinstance(source, FetchSource):
        kind, path = source
        source = f"hf://{path}" if kind is FetchFrom.HUGGING_FACE else str(path)
    text = str(source)
    if not text.strip():
        raise InputError(f"expected {EXPECTED}, got {text!r}")
    if text.endswith(".onnx"):
        options.check_unused(text, "a .onnx file")
        return _load_onnx(text)
    if is_efficientat(text):
        options.check_unused(text, "released weights")
        return _load_efficientat(text)
    folder, from_hub = Path(source).expanduser(), False
    if not folder.is_dir():
        name, folder = _fetch(text, options)
        from_hub = True
    elif options.revision is not None:
        raise InputError(
            f"{source}: revision={options.revision} is for models on the Hub, not folders"
        )
    elif _is_run(folder):
        options.check_unused(text, "a training")
        return load_run(folder, options.trust_remote_code)
    else:
        name = folder.resolve().name
    return load_folder(options.kept(folder, _files(options), from_hub), name, options)


def _files(options: LoadOptions) -> list[str]:
    """List the files that a model folder may have for loading."""
    names = [options.hparams_file, *LOADED]
    return names if options.pymodule_file is None else [*names, options.pymodule_file]


def _is_run(folder: Path) -> bool:
    if (folder / CONFIGURATION).exists():
        return True
    return not (folder / HPARAMS).exists() and any(folder.glob(f"*/{CONFIGURATION}"))


def _fetch(source: str, options: LoadOptions) -> tuple[str, Path]:
    """Fetch a model folder of the Hub; return its name and where it is now."""
    is_there = Path(source).expanduser().exists()
    named = None if is_there else hub_id(source)
    if named is None:
        kind = "is a file" if is_there else "is no folder"
        raise InputError(f"{source} {kind}: expected {EXPECTED}")
    repository, revision = named
    config = options.fetch_config
    for other in (options.revision, None if config is None else config.revision):
        if revision is not None and other is not None and revision != other:
            raise InputError(f"{source}: expected one revision, got {other} besides")
        revision = revision or other
    needed = [options.hparams_file, WEIGHTS, options.pymodule_file or WEIGHTS]
    if (folder := options.complete_savedir(needed)) is not None:
        return repository, folder
    direct = options.local_strategy is LocalStrategy.COPY_SKIP_CACHE and options.savedir is not None
    place = Path(str(options.savedir)).expanduser() if direct else None
    return repository, fetch_folder(repository, _files(options), revision, config, place)


def _load_onnx(path: str) -> LoadedModel:
    onnx = OnnxTagger(path)
    thresholds = None
    if onnx.thresholds is not None:
        thresholds = Thresholds(onnx.labels)
        thresholds.values = onnx.thresholds
    return LoadedModel(
        onnx,
        onnx.labels,
        onnx.multi_label,
        onnx.sample_rate,
        thresholds,
        onnx.timeline,
        onnx.name or Path(path).stem,
    )


def _load_efficientat(source: str) -> LoadedModel:
    name, tagger = load_efficientat(source)
    rate, timeline = tagger.features.sample_rate, TIMELINE.to_dict()
    return LoadedModel(tagger, audioset_labels(), True, rate, None, timeline, f"EfficientAT {name}")


def _joined(sources: Sequence[str], models: Sequence[LoadedModel]) -> LoadedModel:
    """Join several models as an ensemble."""
    if not models:
        raise InputError("expected a model at least")
    first, taggers = models[0], []
    for source, model in zip(sources, models, strict=True):
        if not isinstance(model.tagger, AudioTagger):
            raise InputError(f"{source}: a .onnx file cannot be joined with other models")
        for key, what in SHARED_PROPERTIES.items():
            if getattr(model, key) != getattr(first, key):
                raise InputError(f"{source}: expected {what} as {sources[0]}, got another")
        taggers.append(model.tagger)
    try:
        ensemble = Ensemble(taggers, first.multi_label)
    except ValueError as error:
        raise InputError(f"{' and '.join(sources)}: {error}") from error
    same = all(model.timeline == first.timeline for model in models)
    return LoadedModel(
        ensemble,
        first.labels,
        first.multi_label,
        first.sample_rate,
        _mean_thresholds(models),
        first.timeline if same else None,
        " + ".join(model.name for model in models),
    )


def _mean_thresholds(models: Sequence[LoadedModel]) -> Thresholds | None:
    """Average the thresholds of several models, where all have some."""
    values = [model.thresholds.values for model in models if model.thresholds is not None]
    if len(values) < len(models):
        return None
    mean = Thresholds(models[0].labels)
    mean.values = np.mean(values, axis=0)
    return mean
