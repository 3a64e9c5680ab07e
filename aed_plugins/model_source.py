"""Where a tagger comes from: a model folder, a run, the Hub, released weights, an ONNX file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.class_choice import audioset_labels
from aed_plugins.model_folder import load_model
from aed_plugins.released import TIMELINE, is_released, load_released

if TYPE_CHECKING:
    from aed_plugins.onnx_tagger import OnnxTagger


def read_source(
    source: str | Path, *, trust_remote_code: bool = False, revision: str | None = None
) -> "tuple[dict[str, Any], dict[str, Any], OnnxTagger | None]":
    """Load a model from wherever it is.

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
        If there is no such model, or it is damaged, incomplete or not safe to load.
    """
    text = str(source)
    if text.endswith(".onnx"):
        from aed_plugins.onnx_tagger import OnnxTagger  # noqa: PLC0415  an optional package

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
    if is_released(text):
        name, tagger = load_released(text)
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
