"""A tagger as one ONNX file, from the waveform to probabilities, that `OnnxTagger` runs."""

import copy
import importlib.metadata
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from aed_plugins.core import FloatArray, InputError, atomic_write, one_line
from aed_plugins.models import (
    AudioTagger,
    Ensemble,
    ForestHead,
    Probabilities,
    compute_probabilities,
)
from aed_plugins.pretrained.onnx_model import (
    INPUT,
    OUTPUTS,
    OnnxTagger,
    import_optional,
    onnx_metadata,
)

LARGEST_DIFFERENCE = 1e-4
ODD_TREES = 3  # of a forest: a number beside a threshold may fall on its other side
ROOM_NOISE = 0.01
CHECKED_SECONDS = (0.05, 0.31, 1.0, 4.7)


class TaggerWithProbabilities(nn.Module):
    """A tagger and the sigmoid or softmax behind it.

    Parameters
    ----------
    tagger : AudioTagger or Ensemble
        Gives logits.
    multi_label : bool
        Whether several labels may hold at once.
    """

    def __init__(self, tagger: AudioTagger | Ensemble, multi_label: bool) -> None:
        super().__init__()
        self.tagger = tagger
        self.multi_label = multi_label

    def forward(self, waveform: Tensor) -> Probabilities:
        """Tag a batch of waveforms `(batch, sample)` that all fill the batch."""
        output = self.tagger(waveform)
        return Probabilities(
            output.embeddings,
            compute_probabilities(output.step_logits, self.multi_label),
            compute_probabilities(output.clip_logits, self.multi_label),
        )


def export_onnx(
    tagger: AudioTagger | Ensemble,
    path: str | Path,
    *,
    labels: Sequence[str],
    multi_label: bool,
    thresholds: npt.ArrayLike | None = None,
    name: str = "",
    timeline: Mapping[str, Any] | None = None,
    license: str = "",  # noqa: A002  as in `publish_model`
) -> float:
    """Write a tagger as one ONNX file and see that ONNX Runtime gives what PyTorch gives.

    The graph maps `waveform (batch, sample)`, float32, both sizes free, to
    `embeddings (batch, step, embedding)`, `step_probabilities (batch, step, class)` and
    `clip_probabilities (batch, class)`. The file appears only if it passes the check.

    Parameters
    ----------
    tagger : AudioTagger or Ensemble
        Is left as it is.
    path : str or Path
        The file to write.
    labels : sequence of str
        The classes, in the order of the logits.
    multi_label : bool
        Whether several may hold at once.
    thresholds : array_like, optional
        `(class,)`, the decision thresholds of the classes.
    name, license : str
        Of the model.
    timeline : mapping, optional
        Settings for timelines; anything that JSON can hold.

    Returns
    -------
    float
        The largest difference between the probabilities of both.

    Raises
    ------
    InputError
        If a package is missing, labels or thresholds do not fit the tagger, a component of the
        tagger cannot be exported, or a probability differs by more than 0.0001 (of a forest, by
        more than three trees can make).
    OSError
        If the file cannot be written.
    """
    import_optional("onnx")
    import_optional("onnxscript")
    import_optional("onnxruntime")
    limits = None if thresholds is None else np.asarray(thresholds, np.float64)
    metadata = onnx_metadata(tagger.steps, list(labels), multi_label, limits, timeline)
    metadata |= {"aed_plugins": importlib.metadata.version("aed-plugins")}
    metadata |= {key: text for key, text in (("name", name), ("license", license)) if text}
    model = TaggerWithProbabilities(copy.deepcopy(tagger), multi_label)
    model = model.cpu().float().eval()
    _check_sizes(model, tagger.steps.sample_rate, len(labels), limits)
    with atomic_write(path) as temporary:
        program = _graph(model, 4 * tagger.steps.length + 5, path)
        program.model.metadata_props.update(metadata)
        program.save(str(temporary), external_data=False)
        difference = largest_difference(model, OnnxTagger(temporary))
        allowed = _allowed(model)
        if not difference <= allowed:  # NaN is not
            raise InputError(
                f"{path}: not written, since ONNX Runtime's probabilities differ from PyTorch's by"
                f" {difference:.1e}, expected at most {allowed:g}: keep to PyTorch"
            )
    return difference


def _allowed(model: nn.Module) -> float:
    """Return how much a probability may differ."""
    forests = [part for part in model.modules() if isinstance(part, ForestHead)]
    return max([LARGEST_DIFFERENCE, *(ODD_TREES / len(forest.feature) for forest in forests)])


def _check_sizes(
    model: TaggerWithProbabilities,
    samples: int,
    labels: int,
    thresholds: FloatArray | None,
) -> None:
    with torch.no_grad():
        classes = model(torch.zeros(1, samples)).clip.shape[1]
    if labels != classes:
        raise InputError(f"expected {classes} labels for the model's classes, got {labels}")
    if thresholds is not None and thresholds.shape != (classes,):
        raise InputError(f"expected {classes} thresholds, got shape {thresholds.shape}")


def _graph(model: nn.Module, samples: int, path: str | Path) -> torch.onnx.ONNXProgram:
    """Trace the graph; `samples` are those of the waveform that it is traced with."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch, about itself
            program = torch.onnx.export(
                model,
                (torch.zeros(2, samples),),  # sizes of 1 would be taken for fixed
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_shapes={INPUT: {0: "batch", 1: "sample"}},
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = one_line(error.__cause__ or error, first_line=True)
        raise InputError(f"{path}: PyTorch cannot export this model to ONNX: {reason}") from error
    assert program is not None
    graph = program.model.graph
    for node in graph.all_nodes():
        node.metadata_props.clear()  # paths of this machine
    for output in graph.outputs[:2]:
        assert output.shape is not None
        output.shape = type(output.shape)(["batch", "step", output.shape[2]])
    return program


def largest_difference(model: TaggerWithProbabilities, exported: OnnxTagger) -> float:
    """Compare probabilities on noise, tones and silence of several lengths.

    Parameters
    ----------
    model : TaggerWithProbabilities
        In evaluation, on the CPU.
    exported : OnnxTagger
        The same in ONNX Runtime.

    Returns
    -------
    float
        The largest difference of any probability; infinite where the shapes differ, NaN where one
        is not a number.
    """
    generator = np.random.default_rng(0)
    largest = np.float32(0.0)
    for seconds in CHECKED_SECONDS:
        samples = round(seconds * exported.sample_rate)
        time = np.arange(samples) / exported.sample_rate
        tones = [0.1 * np.sin(2 * np.pi * hertz * time) for hertz in (110.0, 3000.0)]
        noise = generator.standard_normal(samples)
        # With the noise of a room. Without any, what a spectrum shows beside a tone is rounding, in
        # PyTorch as in the graph, and its logarithm makes much of it: clean tones can differ more.
        tones = [tone + ROOM_NOISE * noise for tone in tones]
        sounds = np.stack([0.1 * noise, *tones, np.zeros(samples)])
        sounds = sounds.astype(np.float32)
        for batch in (sounds, sounds[:1]):
            with torch.no_grad():
                expected = model(torch.from_numpy(batch))
            got = exported(batch)
            for ours, theirs in ((expected.step, got.step), (expected.clip, got.clip)):
                if ours.shape != theirs.shape:
                    return float("inf")
                # Unlike Python's, this maximum is NaN where anything is.
                largest = np.maximum(largest, np.abs(ours.numpy() - theirs).max())
    return float(largest)
