"""What loading a model gives, wherever it comes from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aed_plugins.models import AudioTagger, Ensemble, Thresholds
from aed_plugins.pretrained.onnx_model import OnnxTagger


@dataclass(frozen=True)
class LoadedModel:
    """A model, ready for use.

    Attributes
    ----------
    tagger : AudioTagger, Ensemble or OnnxTagger
        For inference, on the CPU.
    labels : list of str
        The classes, in the order of its outputs.
    multi_label : bool
        Whether a clip may have several of them.
    sample_rate : int
        Of its input, in hertz.
    thresholds : Thresholds or None
        The decision thresholds of its classes.
    timeline : dict or None
        Settings of timelines that were tuned for it.
    name : str
        What to call it.
    folder : Path or None
        The folder that it was loaded from, if it is one.
    """

    tagger: AudioTagger | Ensemble | OnnxTagger
    labels: list[str]
    multi_label: bool
    sample_rate: int
    thresholds: Thresholds | None
    timeline: dict[str, Any] | None
    name: str
    folder: Path | None = None
