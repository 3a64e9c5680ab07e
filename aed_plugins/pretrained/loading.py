"""Where a tagger comes from: a model folder, a run, the Hub, released weights, an ONNX file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aed_plugins.core import FloatArray, InputError
from aed_plugins.labels import audioset_labels
from aed_plugins.models import AudioTagger, Ensemble, Thresholds
from aed_plugins.pretrained.efficientat import TIMELINE, is_efficientat, load_efficientat
from aed_plugins.pretrained.folder import load_model

if TYPE_CHECKING:
    from aed_plugins.pretrained.onnx_model import OnnxTagger

# What several models must have in common.
SHARED_PROPERTIES = {
    "labels": "the same labels in the same order",
    "multi_label": "one label per clip or several",
    "sample_rate": "the same sample rate",
}


def load_models(
    source: str | Path | Sequence[str | Path],
    *,
    trust_remote_code: bool = False,
    revision: str | None = None,
) -> "tuple[dict[str, Any], dict[str, Any], OnnxTagger | None]":
    """Load a model, or several as one, from wherever they are.

    Parameters
    ----------
    source, trust_remote_code, revision
        As for `PretrainedTagger.from_hparams`.

    Returns
    -------
    tuple of dict, dict and (OnnxTagger or None)
        Its modules, its hparams, and what computes in the modules' place.

    Raises
    ------
    InputError
        If there is no such model, or it is damaged, incomplete or not safe to load; or several do
        not fit one another.
    """
    if not isinstance(source, str | Path):
        return _joined([str(each) for each in source], trust_remote_code, revision)
    text = str(source)
    if text.endswith(".onnx"):
        from aed_plugins.pretrained.onnx_model import OnnxTagger  # noqa: PLC0415  an optional package

        onnx = OnnxTagger(text)
        hparams = {
            "labels": onnx.labels,
            "multi_label": onnx.multi_label,
            "sample_rate": onnx.sample_rate,
            "thresholds": onnx.thresholds,
            "timeline": onnx.timeline,
            "name": onnx.name or Path(text).stem,
        }
        return {}, hparams, onnx
    if is_efficientat(text):
        name, tagger = load_efficientat(text)
        hparams = {
            "labels": audioset_labels(),
            "multi_label": True,
            "sample_rate": tagger.features.sample_rate,
            "timeline": TIMELINE.to_dict(),
            "name": f"EfficientAT {name}",
        }
        return {"tagger": tagger}, hparams, None
    model = load_model(source, trust_remote_code=trust_remote_code, revision=revision)
    hparams = {
        "labels": model.labels,
        "multi_label": model.multi_label,
        "sample_rate": model.sample_rate,
        "thresholds": model.thresholds,
        "timeline": model.timeline,
        "name": model.name,
    }
    return {"tagger": model.tagger}, hparams, None


def _joined(
    sources: Sequence[str], trusted: bool, revision: str | None
) -> tuple[dict[str, Any], dict[str, Any], None]:
    """Load several models as one."""
    taggers: list[AudioTagger] = []
    models: list[dict[str, Any]] = []
    for source in sources:
        modules, hparams, onnx = load_models(source, trust_remote_code=trusted, revision=revision)
        if onnx is not None:
            raise InputError(f"{source}: a .onnx file cannot be joined with other models")
        models.append(hparams)
        for key, what in SHARED_PROPERTIES.items():
            if hparams[key] != models[0][key]:
                raise InputError(f"{source}: expected {what} as {sources[0]}, got another")
        taggers.append(modules["tagger"])
    if not sources:
        raise InputError("expected a model at least")
    try:
        ensemble = Ensemble(taggers, models[0]["multi_label"])
    except ValueError as error:
        raise InputError(f"{' and '.join(sources)}: {error}") from error
    timeline = models[0]["timeline"]
    joined = {
        **models[0],
        "thresholds": _mean_thresholds(models),
        "timeline": timeline if all(model["timeline"] == timeline for model in models) else None,
        "name": " + ".join(model["name"] for model in models),
    }
    return {"tagger": ensemble}, joined, None


def _mean_thresholds(models: Sequence[dict[str, Any]]) -> FloatArray | None:
    """Average the thresholds of several models, where all have some."""
    found = [model.get("thresholds") for model in models]
    values = [each.values for each in found if isinstance(each, Thresholds)]
    return np.mean(values, axis=0) if len(values) == len(models) else None
