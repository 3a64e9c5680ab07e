"""A tagger that `aed export` has written, run by ONNX Runtime: no PyTorch, no SpeechBrain."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aed_plugins.core import FloatArray, InputError, Steps, one_line

FORMAT = "aed_plugins 1"
INPUT = "waveform"
OUTPUTS = ("embeddings", "step_probabilities", "clip_probabilities")
# What ONNX Runtime raises for a file that it cannot load; it has no common class of them.
LOADING = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented")


class ArrayProbabilities(NamedTuple):
    """What a tagger says, as arrays: the fields of `interfaces.Probabilities`.

    Attributes
    ----------
    embeddings : ndarray
        `(batch, step, embedding)`, float32.
    step : ndarray
        `(batch, step, class)`, float32.
    clip : ndarray
        `(batch, class)`, float32.
    """

    embeddings: FloatArray
    step: FloatArray
    clip: FloatArray


def import_optional(package: str) -> ModuleType:
    """Import a package that only the work with ONNX needs.

    Parameters
    ----------
    package : str
        Its name.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise InputError(
            f"ONNX files need the package {package}: pip install 'aed-plugins[onnx]'"
        ) from error


def onnx_metadata(
    steps: Steps,
    labels: list[str],
    multi_label: bool,
    thresholds: FloatArray | None,
    timeline: Mapping[str, Any] | None,
) -> dict[str, str]:
    """Return the metadata that `OnnxTagger` reads; see its attributes for what they are.

    Examples
    --------
    >>> metadata = onnx_metadata(Steps(16000, 11776, 0), ["dog", "siren"], False, None, None)
    >>> metadata["labels"], metadata["multi_label"], metadata["step_length"]
    ('["dog", "siren"]', 'false', '0.736')
    """
    return {
        "format": FORMAT,
        "labels": json.dumps(labels, ensure_ascii=False),
        "multi_label": json.dumps(multi_label),
        "sample_rate": str(steps.sample_rate),
        "thresholds": json.dumps(None if thresholds is None else thresholds.tolist()),
        "step_length": str(steps.length / steps.sample_rate),
        "first_center": str(steps.first_center / steps.sample_rate),
        "steps": json.dumps(asdict(steps)),
        "timeline": json.dumps(None if timeline is None else dict(timeline), ensure_ascii=False),
    }


class OnnxTagger:
    """Runs a file that `export_onnx` has written: waveforms in, probabilities out, as arrays.

    Parameters
    ----------
    path : str or Path
        The file.
    threads : int, optional
        Threads that work on one operator; by default one for each core.

    Attributes
    ----------
    labels : list of str
        The classes, in the order of the outputs.
    multi_label : bool
        Whether several may hold at once (sigmoid) or exactly one does (softmax).
    sample_rate : int
        Of the waveforms, in hertz.
    thresholds : ndarray or None
        `(class,)`, float64: the decision thresholds, if the model has some.
    timeline : dict or None
        Settings for timelines that were saved with the model.
    steps : Steps
        Where the steps lie, in samples.
    step_length, first_center : float
        Seconds from one step to the next; the middle of step 0.
    embedding_size : int
        Size of an embedding.
    name, license : str
        Of the model; empty where unknown.

    Raises
    ------
    InputError
        If ONNX Runtime is not installed, or the file is missing, damaged or not one of ours.

    Examples
    --------
    >>> OnnxTagger("no.onnx")
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: no.onnx: no such file
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be 1 or more, got {threads}")
        self._session = _session(Path(path), threads)
        metadata = self._session.get_modelmeta().custom_metadata_map
        if metadata.get("format") != FORMAT:
            raise InputError(
                f"{path}: expected a file of 'aed export' ({FORMAT}), its metadata say"
                f" {metadata.get('format', 'nothing of it')}"
            )
        try:
            self._read(metadata)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: its metadata are damaged ({error}): export it again"
            ) from error
        outputs = self._session.get_outputs()
        self.embedding_size: int = outputs[0].shape[2]
        classes = outputs[2].shape[1]
        sizes = {classes, len(self.labels)}
        if len(sizes | {classes if self.thresholds is None else len(self.thresholds)}) != 1:
            raise InputError(
                f"{path}: labels or thresholds do not fit its {classes} classes: export it again"
            )

    def _read(self, metadata: Mapping[str, str]) -> None:
        self.labels: list[str] = json.loads(metadata["labels"])
        self.multi_label: bool = json.loads(metadata["multi_label"])
        thresholds = json.loads(metadata["thresholds"])
        self.thresholds: FloatArray | None = (
            None if thresholds is None else np.asarray(thresholds, np.float64)
        )
        self.timeline: dict[str, Any] | None = json.loads(metadata["timeline"])
        self.steps = Steps(**json.loads(metadata["steps"]))
        self.sample_rate = self.steps.sample_rate
        self.step_length = self.steps.length / self.sample_rate
        self.first_center = self.steps.first_center / self.sample_rate
        self.name = metadata.get("name", "")
        self.license = metadata.get("license", "")

    def __call__(
        self, waveform: npt.NDArray[Any], lengths: npt.NDArray[Any] | None = None
    ) -> ArrayProbabilities:
        """Tag a batch of waveforms; an item gives what it gives alone.

        Parameters
        ----------
        waveform : ndarray
            `(batch, sample)`, float, in [-1, 1], mono, at `sample_rate`.
        lengths : ndarray, optional
            `(batch,)`, fractions of the samples; `None` where every clip fills the batch. Clips of
            one length are run together.

        Returns
        -------
        ArrayProbabilities
            Zeros stand behind the last step of a clip that is shorter than the longest.

        Raises
        ------
        ValueError
            If the shapes are not those, or there is no clip or no sample.
        """
        if waveform.ndim != 2 or 0 in waveform.shape:
            raise ValueError(f"expected a waveform (batch, sample), got shape {waveform.shape}")
        if lengths is None:
            return self._run(waveform)
        if lengths.shape != waveform.shape[:1]:
            raise ValueError(f"expected {len(waveform)} lengths, got shape {lengths.shape}")
        # As in `aed_plugins.models.lengths`, in single precision too.
        samples = np.rint(lengths * np.asarray(waveform.shape[1], lengths.dtype)).astype(int)
        samples = samples.clip(1, waveform.shape[1])
        parts = {
            size: self._run(waveform[samples == size, :size]) for size in np.unique(samples)[::-1]
        }
        longest = next(iter(parts.values()))
        together = ArrayProbabilities(
            *(np.zeros((len(samples), *part.shape[1:]), np.float32) for part in longest)
        )
        for size, part in parts.items():
            chosen, steps = samples == size, part.step.shape[1]
            together.embeddings[chosen, :steps] = part.embeddings
            together.step[chosen, :steps] = part.step
            together.clip[chosen] = part.clip
        return together

    def _run(self, waveform: npt.NDArray[Any]) -> ArrayProbabilities:
        waveform = np.ascontiguousarray(waveform, np.float32)
        # The graph is for two samples or more; behind a clip's end it assumes zeros anyway.
        if waveform.shape[1] < 2:
            waveform = np.pad(waveform, ((0, 0), (0, 1)))
        return ArrayProbabilities(*self._session.run(list(OUTPUTS), {INPUT: waveform}))


def _session(path: Path, threads: int | None) -> Any:
    """Load a file into ONNX Runtime."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    runtime = import_optional("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors
    if threads is not None:
        options.intra_op_num_threads = threads
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except tuple(getattr(state, name) for name in LOADING) as error:
        reason = one_line(error, first_line=True)
        raise InputError(f"{path}: expected an ONNX file, ONNX Runtime says: {reason}") from error
