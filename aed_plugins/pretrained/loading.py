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
from pathlib import Path

import numpy as np

from aed_plugins.core import InputError
from aed_plugins.labels import audioset_labels
from aed_plugins.models import AudioTagger, Ensemble, Thresholds
from aed_plugins.pretrained.efficientat import TIMELINE, is_efficientat, load_efficientat
from aed_plugins.pretrained.hub import fetch_folder, hub_id
from aed_plugins.pretrained.loaded_model import LoadedModel
from aed_plugins.pretrained.model_folder import HPARAMS, LOADED, load_folder
from aed_plugins.pretrained.onnx_model import OnnxTagger
from aed_plugins.pretrained.trained_run import CONFIGURATION, load_run

# What several models must have in common.
SHARED_PROPERTIES = {
    "labels": "the same labels in the same order",
    "multi_label": "one label per clip or several",
    "sample_rate": "the same sample rate",
}


def load_model(
    source: str | Path | Sequence[str | Path],
    *,
    trust_remote_code: bool = False,
    revision: str | None = None,
) -> LoadedModel:
    """Load a model, or several as one ensemble, from wherever they are.

    Nothing in a model is run: its hyperparameter file is checked before anything is built, its
    weights are read as plain tensors.

    Parameters
    ----------
    source : str or Path, or a sequence of them
        A model folder or a finished training; `owner/name` or `owner/name@revision` on the Hugging
        Face Hub; the name or file of a network of EfficientAT; or a `.onnx` file. Several are
        joined as an `Ensemble`.
    trust_remote_code : bool
        Build whatever the hyperparameter file names: that is to run its makers' program.
    revision : str, optional
        Of a model on the Hub: a branch, tag or commit.

    Raises
    ------
    InputError
        If there is no such model, or a file of it is missing, damaged, not allowed or does not
        fit the others; or several models do not fit one another. The message names the file.
    """
    if not isinstance(source, str | Path):
        sources = [str(each) for each in source]
        models = [
            load_model(each, trust_remote_code=trust_remote_code, revision=revision)
            for each in sources
        ]
        return _joined(sources, models)
    text = str(source)
    if text.endswith(".onnx"):
        return _load_onnx(text)
    if is_efficientat(text):
        return _load_efficientat(text)
    folder = Path(source).expanduser()
    if not folder.is_dir():
        name, fetched = _fetch(text, revision)
        return load_folder(fetched, name, trust_remote_code)
    if revision is not None:
        raise InputError(f"{source}: revision={revision} is for models on the Hub, not folders")
    if _is_run(folder):
        return load_run(folder, trust_remote_code)
    return load_folder(folder, folder.resolve().name, trust_remote_code)


def _is_run(folder: Path) -> bool:
    if (folder / CONFIGURATION).exists():
        return True
    return not (folder / HPARAMS).exists() and any(folder.glob(f"*/{CONFIGURATION}"))


def _fetch(source: str, revision: str | None) -> tuple[str, Path]:
    """Fetch a model folder of the Hub; return its name and where it is now."""
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
