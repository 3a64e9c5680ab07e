"""Probabilities of batches of clips from a trained model, in PyTorch or ONNX Runtime."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from speechbrain.inference.interfaces import Pretrained
from torch import Tensor

from aed_plugins.core import FloatArray, Steps
from aed_plugins.detection import TimelineSettings
from aed_plugins.labels import select_classes
from aed_plugins.metrics import DEFAULT_THRESHOLD
from aed_plugins.models import Probabilities, Thresholds, compute_probabilities

if TYPE_CHECKING:
    from aed_plugins.pretrained import OnnxTagger


class BatchTagger(Pretrained):
    """The part of `PretrainedTagger` that runs the model; parameters are described there."""

    HPARAMS_NEEDED: Sequence[str] = ("labels", "multi_label", "sample_rate")

    def __init__(
        self,
        modules: Mapping[str, Any],
        hparams: Mapping[str, Any],
        run_opts: Mapping[str, Any] | None = None,
        freeze_params: bool = True,
        *,
        onnx: "OnnxTagger | None" = None,
    ) -> None:
        super().__init__(dict(modules), dict(hparams), run_opts, freeze_params)
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
        self.timeline_settings = self._timeline_settings(hparams.get("timeline"))
        self._chosen: list[int] | None = None
        if onnx is None and self.device_type == "cpu":
            # Convolutions of many channels are faster in this layout.
            self.mods.to(memory_format=torch.channels_last)

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

    def tag_batch(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute the probabilities of a batch of clips.

        Parameters
        ----------
        waveform : Tensor
            `(batch, sample)`, float, in [-1, 1], mono, at the model's rate, zeros after each
            clip's end.
        lengths : Tensor, optional
            `(batch,)`, fractions of the samples; `None` where every clip fills the batch.

        Returns
        -------
        Tensor
            `(batch, class)`.
        """
        return self._of_chosen(self._run(waveform, lengths).clip)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute the probabilities of a batch of clips, as `tag_batch` does."""
        return self.tag_batch(waveform, lengths)

    @property
    def _embedding_size(self) -> int:
        if self.onnx is not None:
            return self.onnx.embedding_size
        return self.mods["tagger"].embedding_size

    def _of_chosen(self, values: Tensor) -> Tensor:
        return values if self._chosen is None else values[..., self._chosen]

    def _run(self, waveform: Tensor, lengths: Tensor | None = None) -> Probabilities:
        """Run the model; its outputs are on the CPU."""
        if self.onnx is not None:
            given = None if lengths is None else lengths.numpy()
            return Probabilities(*map(torch.from_numpy, self.onnx(waveform.numpy(), given)))
        with torch.inference_mode(), self.inference_ctx:
            output = self.mods["tagger"](
                waveform.to(self.device), None if lengths is None else lengths.to(self.device)
            )
        logits = (output.step_logits, output.clip_logits)
        step, clip = (
            compute_probabilities(part.float(), self.multi_label).cpu() for part in logits
        )
        return Probabilities(output.embeddings.float().cpu(), step, clip)

    def _timeline_settings(self, kept: Mapping[str, Any] | None) -> TimelineSettings:
        if kept is not None:
            return TimelineSettings.from_dict(kept)
        thresholds = dict(zip(self.labels, self.thresholds.clip(0, 1).tolist(), strict=True))
        return TimelineSettings.from_dict({"post_processing": {"onset": thresholds}})
