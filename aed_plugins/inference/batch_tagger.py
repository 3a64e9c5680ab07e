"""Batches of clips in a trained model, in PyTorch or ONNX Runtime, called as SpeechBrain's are."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  its usual name
from speechbrain.inference.interfaces import Pretrained
from speechbrain.utils.run_opts import RunOptions
from torch import Tensor

from aed_plugins.core import FloatArray, InputError, Steps
from aed_plugins.detection import PostProcessing, TimelineSettings, Windows
from aed_plugins.labels import select_classes
from aed_plugins.metrics import DEFAULT_THRESHOLD
from aed_plugins.models import (
    Probabilities,
    Thresholds,
    absolute_lengths,
    check_batch,
    compute_probabilities,
    name_out_of_memory,
)

if TYPE_CHECKING:
    from aed_plugins.pretrained import OnnxTagger

# What `classify_batch` returns: probabilities, the best class's, its index, and labels.
Classified = tuple[Tensor, Tensor, Tensor, list[str] | list[list[str]]]


class BatchTagger(Pretrained):
    """The part of `PretrainedTagger` that runs the model; parameters are described there."""

    HPARAMS_NEEDED: Sequence[str] = ("labels", "multi_label", "sample_rate")

    def __init__(
        self,
        modules: Mapping[str, Any],
        hparams: Mapping[str, Any],
        run_opts: Mapping[str, Any] | RunOptions | None = None,
        freeze_params: bool = True,
        *,
        onnx: "OnnxTagger | None" = None,
    ) -> None:
        super().__init__(dict(modules), dict(hparams), given_options(run_opts), freeze_params)
        self.labels = [str(label) for label in hparams["labels"]]
        self.multi_label = bool(hparams["multi_label"])
        self.sample_rate = int(hparams["sample_rate"])
        self.name = str(hparams.get("name", "model"))
        self.onnx = onnx
        self.steps: Steps = self.mods["tagger"].steps if onnx is None else onnx.steps
        kept = hparams.get("thresholds")
        values = kept.values if isinstance(kept, Thresholds) else kept
        self.thresholds: FloatArray = np.full(len(self.labels), DEFAULT_THRESHOLD)
        if values is not None:
            self.thresholds = np.array(values, np.float64)
        self._settings = self._initial_settings(hparams.get("timeline"))
        self._windows: Windows | None = None
        self._chosen: list[int] | None = None
        if onnx is None and self.device_type == "cpu":
            # Convolutions of many channels are faster in this layout.
            self.mods.to(memory_format=torch.channels_last)

    @property
    def timeline_settings(self) -> TimelineSettings:
        """What `timeline`, `stream` and others take where nothing else is given."""
        return self._settings

    @timeline_settings.setter
    def timeline_settings(self, settings: TimelineSettings) -> None:
        self._windows = self._checked(settings).windows(self.steps)
        self._settings = settings

    @property
    def windows(self) -> Windows:
        """How `timeline_settings` cut a recording, planned once."""
        if self._windows is None:
            self._windows = self._settings.windows(self.steps)
        return self._windows

    def choose(self, classes: Sequence[str]) -> None:
        """Restrict all outputs to some classes, in this order.

        Probabilities stay what they are among all classes.

        Parameters
        ----------
        classes : sequence of str
            Names, MIDs or branches of AudioSet's ontology: see `select_classes`.

        Raises
        ------
        InputError
            If the model has no such class.
        """
        places = select_classes(self.labels, classes)
        self._chosen = places if self._chosen is None else [self._chosen[p] for p in places]
        self.labels = [self.labels[place] for place in places]
        self.thresholds = self.thresholds[places]

    def classify_batch(self, wavs: Tensor, wav_lens: Tensor | None = None) -> Classified:
        """Classify a batch of clips, as SpeechBrain's `EncoderClassifier.classify_batch` does.

        Parameters
        ----------
        wavs : Tensor
            `(batch, sample)`, float, in [-1, 1], mono, at the model's rate, zeros after each
            clip's end.
        wav_lens : Tensor, optional
            `(batch,)`, fractions of the samples; `None` where every clip fills the batch.

        Returns
        -------
        out_prob : Tensor
            `(batch, class)`, the probabilities; SpeechBrain's are their logarithms.
        score, index : Tensor
            `(batch,)`, the highest probability of a clip and the number of its class.
        text_lab : list of str, or of list of str
            For each clip that class's label; of a model with several labels per clip those whose
            probability reaches their threshold, the most probable first.

        Raises
        ------
        ValueError
            If the shapes or the type are others, there is no clip or no sample, a sample is not
            finite, or a length is no fraction.
        TypeError
            If something else than tensors is given.
        InputError
            If memory runs out.
        """
        _check_batch(wavs, wav_lens)
        return self._classified(self._of_chosen(self._run(wavs, wav_lens).clip))

    def forward(self, wavs: Tensor, wav_lens: Tensor | None = None) -> Classified:
        """Classify a batch of clips: see `classify_batch`."""
        return self.classify_batch(wavs, wav_lens)

    def encode_batch(
        self, wavs: Tensor, wav_lens: Tensor | None = None, normalize: bool = False
    ) -> Tensor:
        """Embed a batch of clips, as SpeechBrain's `EncoderClassifier.encode_batch` does.

        Parameters
        ----------
        wavs, wav_lens
            As for `classify_batch`. Clips of one length are run together.
        normalize : bool
            Whether to scale each embedding to length 1. SpeechBrain's subtracts a mean instead,
            which our models do not have.

        Returns
        -------
        Tensor
            `(batch, 1, embedding)`, the mean over the encoder's steps in each clip.

        Raises
        ------
        ValueError
            If the shapes or the type are others, there is no clip or no sample, a sample is not
            finite, or a length is no fraction.
        TypeError
            If something else than tensors is given.
        InputError
            If memory runs out.
        """
        _check_batch(wavs, wav_lens)
        if wav_lens is None:
            embeddings = self._run(wavs).embeddings.mean(dim=1, keepdim=True)
        else:
            samples = absolute_lengths(wav_lens, wavs.shape[-1]).to(wavs.device)
            groups = [(samples == size, size) for size in samples.unique().tolist()]
            parts = [self._run(wavs[clips, :size]).embeddings.mean(1) for clips, size in groups]
            embeddings = parts[0].new_empty(len(wavs), 1, parts[0].shape[-1])
            for (clips, _), part in zip(groups, parts, strict=True):
                embeddings[clips.to(part.device), 0] = part
        return F.normalize(embeddings, dim=-1) if normalize else embeddings

    @property
    def _embedding_size(self) -> int:
        if self.onnx is not None:
            return self.onnx.embedding_size
        return self.mods["tagger"].embedding_size

    def _of_chosen(self, values: Tensor) -> Tensor:
        return values if self._chosen is None else values[..., self._chosen]

    def _classified(self, probabilities: Tensor) -> Classified:
        """Return the probabilities `(batch, class)` of the chosen classes and what they mean."""
        score, index = probabilities.max(dim=-1)
        if not self.multi_label:
            return probabilities, score, index, [self.labels[place] for place in index.tolist()]
        predicted = [self._reached(clip, self.thresholds) for clip in probabilities.cpu().numpy()]
        return probabilities, score, index, predicted

    def _reached(self, values: FloatArray, least: FloatArray) -> list[str]:
        """Return the labels whose value `(class,)` is not below the least, the highest first."""
        order = np.argsort(-values, kind="stable")
        return [self.labels[place] for place in order if values[place] >= least[place]]

    def _run(self, wavs: Tensor, wav_lens: Tensor | None = None) -> Probabilities:
        """Run the model; its outputs are on the model's device."""
        with name_out_of_memory(self.device, len(wavs)):
            if self.onnx is not None:
                given = None if wav_lens is None else wav_lens.cpu().numpy()
                return Probabilities(*map(torch.from_numpy, self.onnx(wavs.cpu().numpy(), given)))
            with torch.inference_mode(), self.inference_ctx:
                output = self.mods["tagger"](
                    wavs.to(self.device, torch.float32),
                    None if wav_lens is None else wav_lens.to(self.device),
                )
            step, clip = (
                compute_probabilities(part.float(), self.multi_label)
                for part in (output.step_logits, output.clip_logits)
            )
            return Probabilities(output.embeddings.float(), step, clip)

    def _checked(self, settings: TimelineSettings) -> TimelineSettings:
        """Refuse what are no settings, or are for classes that the model does not have."""
        if not isinstance(settings, TimelineSettings):
            raise TypeError(
                f"expected TimelineSettings, got {type(settings).__name__};"
                " TimelineSettings.from_dict takes a dictionary"
            )
        self._check_classes(vars(settings))
        return settings

    def _check_classes(self, values: Mapping[str, Any]) -> None:
        """Refuse settings by class of which a class is not among all of the model's."""
        known = {str(label) for label in self.hparams.labels}
        for name, value in values.items():
            if isinstance(value, PostProcessing):
                self._check_classes(vars(value))
            for label in value if isinstance(value, Mapping) else ():
                if label not in known:
                    raise InputError(f"{name}: the model has no class {label!r}")

    def _initial_settings(self, kept: Mapping[str, Any] | None) -> TimelineSettings:
        if kept is not None:
            return TimelineSettings.from_dict(kept)
        thresholds = dict(zip(self.labels, self.thresholds.clip(0, 1).tolist(), strict=True))
        return TimelineSettings.from_dict({"post_processing": {"onset": thresholds}})


def given_options(run_opts: Mapping[str, Any] | RunOptions | None) -> dict[str, Any]:
    """Return the run options that are given, without the defaults of SpeechBrain's class.

    Raises
    ------
    InputError
        If there is no such option, or it does not work with our models.
    """
    if isinstance(run_opts, RunOptions):
        given = {name: run_opts[name] for name in run_opts.overridden_args}
    elif run_opts is None or isinstance(run_opts, Mapping):
        given = {} if run_opts is None else dict(run_opts)
    else:
        raise InputError(f'run_opts: expected options, as in {{"device": "cpu"}}, got {run_opts!r}')
    known = {entry.name for entry in fields(RunOptions)}
    for name in given:
        if name not in known:
            raise InputError(
                f"run_opts: there is no option {name!r}; they are SpeechBrain's, such as device,"
                " precision and compile"
            )
    if given.get("jit", False):
        raise InputError("run_opts: jit: TorchScript cannot compile these models; leave it out")
    return given


def _check_batch(wavs: Tensor, wav_lens: Tensor | None) -> None:
    """Refuse what is no batch of clips, for PyTorch and ONNX Runtime alike."""
    for name, given in (("wavs", wavs), ("wav_lens", wav_lens)):
        if not isinstance(given, Tensor) and not (given is None and name == "wav_lens"):
            raise TypeError(f"expected a tensor as {name}, got {type(given).__name__}")
    check_batch(wavs, "wavs (batch, sample)", wav_lens)
    if not wavs.isfinite().all():
        raise ValueError("expected finite samples in wavs, got NaN or infinite ones")
    if wav_lens is not None and not ((wav_lens > 0) & (wav_lens <= 1)).all():
        raise ValueError(
            "expected wav_lens as fractions of the samples, above 0 and up to 1,"
            f" got {wav_lens.min().item():g} to {wav_lens.max().item():g}"
        )
