"""A trained tagger for use: any recording, tagged, time-stamped, embedded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from speechbrain.inference.interfaces import Pretrained
from torch import Tensor

from aed_plugins.audio import check_duration, quantize, read_blocks
from aed_plugins.core import Event, FloatArray, InputError, Steps, Timeline, error_prefix
from aed_plugins.detection import (
    FrameStream,
    TimelineSettings,
    TimelineStream,
    plan_windows,
)
from aed_plugins.inference.outputs import Embeddings, Tags
from aed_plugins.labels import select_classes
from aed_plugins.metrics import DEFAULT_THRESHOLD
from aed_plugins.models import Probabilities, Thresholds, probabilities
from aed_plugins.pretrained import load_models

if TYPE_CHECKING:
    from aed_plugins.pretrained import OnnxTagger

# Seconds. What is longer is heard in windows of WINDOW seconds side by side.
LONGEST_CLIP = 60.0
WINDOW = 10.0

Blocks = Iterator[npt.NDArray[np.float32]]
Progress = Callable[[str | Path, Blocks, int], Blocks]


class PretrainedTagger(Pretrained):
    """Tags and time-stamps recordings with a trained model.

    One label per clip or several, the interface is the same: probabilities are a softmax or
    sigmoids, as the model was trained. Load one with `from_hparams`.

    Parameters
    ----------
    modules : mapping
        `tagger`, an `AudioTagger` or `Ensemble`; nothing for a model in ONNX Runtime.
    hparams : mapping
        `labels`, `multi_label`, `sample_rate`; may have `thresholds` (`Thresholds` or `(class,)`),
        `timeline` (see `TimelineSettings.to_dict`) and `name`.
    run_opts : mapping, optional
        SpeechBrain's, such as `{"device": "cuda"}`.
    freeze_params : bool
        Whether to freeze parameters and statistics.
    onnx : OnnxTagger, optional
        What computes in the tagger's place.

    Attributes
    ----------
    labels : list of str
        The classes, in the order of all outputs: the model's, or those of `choose`.
    multi_label : bool
        Whether several may hold at once.
    sample_rate : int
        What the model hears, in hertz. Files and streams of any rate are resampled.
    thresholds : ndarray
        `(class,)`; from which probability on a class is said to be there.
    timeline_settings : TimelineSettings
        Those that were tuned and saved with the model, or `released.TIMELINE`; else windows of a
        second, and the thresholds.
    name : str
        What the model is called.
    progress : callable or None
        Is given a file's path, its blocks of samples as they are read and the sample rate, and
        passes the blocks on, showing how far they are, say.

    Examples
    --------
    >>> from aed_plugins.models import ResNet
    >>> from aed_plugins.models import LogMel
    >>> from aed_plugins.models import DNNHead
    >>> from aed_plugins.models import AudioTagger
    >>> nothing = torch.nn.Identity()
    >>> model = AudioTagger(LogMel(), nothing, nothing, ResNet(width=0.25), DNNHead(128, 2))
    >>> hparams = {"labels": ["dog", "siren"], "multi_label": False, "sample_rate": 16000}
    >>> tagger = PretrainedTagger({"tagger": model}, hparams, {"device": "cpu"})
    >>> tagger.tag_batch(torch.zeros(3, 16000)).shape
    torch.Size([3, 2])
    """

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
        self.progress: Progress | None = None
        self._chosen: list[int] | None = None
        if onnx is None and self.device_type == "cpu":
            # Convolutions of many channels are faster so.
            self.mods.to(memory_format=torch.channels_last)

    def _timeline_settings(self, kept: Mapping[str, Any] | None) -> TimelineSettings:
        if kept is not None:
            return TimelineSettings.from_dict(kept)
        thresholds = dict(zip(self.labels, self.thresholds.clip(0, 1).tolist(), strict=True))
        return TimelineSettings.from_dict({"post_processing": {"onset": thresholds}})

    @classmethod
    def from_hparams(
        cls,
        source: str | Path | Sequence[str | Path],
        *,
        trust_remote_code: bool = False,
        revision: str | None = None,
        run_opts: Mapping[str, Any] | None = None,
        freeze_params: bool = True,
    ) -> "PretrainedTagger":
        """Load a model.

        Nothing that comes with a model is run: its YAML may name classes of a short list only, and
        its weights must be plain tensors.

        Parameters
        ----------
        source : str or Path, or a sequence of them
            A published folder or a finished training run; a Hub id, `owner/name`; one of
            EfficientAT's released taggers of AudioSet's 527 classes, `mn01` to `mn40`, or its file
            of weights; or a `.onnx` file of `aed export`. Several make an `Ensemble`, whose
            probabilities are the means of theirs; so are its thresholds, where each has some.
        trust_remote_code : bool
            Whether the YAML may name any Python object. It can then do anything on this machine.
        revision : str, optional
            Branch, tag or commit on the Hub.
        run_opts : mapping, optional
            SpeechBrain's, such as `{"device": "cuda"}`.
        freeze_params : bool
            Whether to freeze parameters and statistics.

        Raises
        ------
        InputError
            If there is no such model, or it is damaged, incomplete or not safe to load; or several
            do not tell the same classes apart, or do not hear alike.
        """
        modules, hparams, onnx = load_models(
            source, trust_remote_code=trust_remote_code, revision=revision
        )
        if onnx is not None:
            run_opts = {"device": "cpu"}
        return cls(modules, hparams, run_opts, freeze_params, onnx=onnx)

    def choose(self, classes: Sequence[str]) -> None:
        """Let all outputs be of some classes only, in this order.

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
        """Give the probabilities of a batch of clips.

        Parameters
        ----------
        waveform : Tensor
            `(batch, sample)`, float, in [-1, 1], mono, at the model's rate, zeros behind each
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
        """Give the probabilities of a batch of clips, as `tag_batch` does."""
        return self.tag_batch(waveform, lengths)

    def tag_file(self, path: str | Path) -> Tags:
        """Tag a recording as a whole, its samples rounded to 16 bits as in training.

        Up to a minute it is heard as one clip, as in training. A longer one is heard in windows of
        10 s; of several labels each counts with its most probable window, of one label per clip
        with the mean of its windows.

        Parameters
        ----------
        path : str or Path
            A file that libsndfile reads, of any rate, with any channels, 0.05 s or longer.

        Raises
        ------
        InputError
            If it cannot be used.
        """
        blocks = self._blocks(path)
        held, samples = [], 0
        for block in blocks:
            held.append(block)
            samples += len(block)
            if samples > LONGEST_CLIP * self.sample_rate:
                return self._tags(*self._tag_windows(held, blocks))
        with error_prefix(path):
            check_duration(samples / self.sample_rate)
        clip = torch.from_numpy(np.concatenate(held)).unsqueeze(0)
        return self._tags(self._run(clip).clip[0].numpy(), samples)

    def embed_file(self, path: str | Path, settings: TimelineSettings | None = None) -> Embeddings:
        """Give embeddings of a recording over time.

        Parameters
        ----------
        path : str or Path
            As for `tag_file`.
        settings : TimelineSettings, optional
            How to cut it; by default the encoder's own steps in windows of 10 s. Of each window of
            the resolution `window`, the mean over its steps is taken.

        Raises
        ------
        InputError
            If it cannot be used.
        """
        settings = settings or TimelineSettings(WINDOW, WINDOW / 2, "step")
        windows = settings.windows(self.steps)
        whole = windows.frames_per_window is not None

        def model(batch: FloatArray) -> FloatArray:
            embeddings = self._run(torch.from_numpy(batch)).embeddings
            return (embeddings.mean(dim=1) if whole else embeddings).numpy()

        stream = FrameStream(model, windows, self._embedding_size)
        parts = [stream.push(block) for block in self._blocks(path)]
        duration = stream.samples / self.sample_rate
        with error_prefix(path):
            check_duration(duration)
        frames = np.concatenate([*parts, stream.finish()]).astype(np.float32)
        edges = np.array([windows.grid.edge(frame, duration) for frame in range(len(frames) + 1)])
        with error_prefix(path):
            return Embeddings(edges[:-1], edges[1:], frames, duration)

    def timeline_file(self, path: str | Path, settings: TimelineSettings | None = None) -> Timeline:
        """Find the events of a recording of any length, in memory that does not grow with it.

        Parameters
        ----------
        path : str or Path
            As for `tag_file`.
        settings : TimelineSettings, optional
            By default the model's `timeline_settings`.

        Raises
        ------
        InputError
            If it cannot be used.
        """
        stream = self.stream(settings)
        events = tuple(self.events_of(path, stream))
        return Timeline(events, Path(path).name, stream.duration)

    def events_of(
        self,
        path: str | Path,
        stream: TimelineStream,
        watch: Callable[[FloatArray], None] | None = None,
    ) -> Iterator[Event]:
        """Give the events of a recording as they become certain.

        Parameters
        ----------
        path : str or Path
            As for `tag_file`.
        stream : TimelineStream
            What `stream` gave, at the model's rate.
        watch : callable, optional
            Is given the samples `(sample,)` at the model's rate, to draw them, say.
        """
        for block in self._blocks(path):
            if watch is not None:
                watch(block)
            yield from stream.push(block)
        with error_prefix(path):
            yield from stream.finish()

    def stream(
        self,
        settings: TimelineSettings | None = None,
        sample_rate: int | None = None,
        watch: Callable[[FloatArray], None] | None = None,
    ) -> TimelineStream:
        """Listen to a recording that is still going on.

        Parameters
        ----------
        settings : TimelineSettings, optional
            By default the model's `timeline_settings`. With a batch size of 1 every window is
            judged as soon as it is there.
        sample_rate : int, optional
            Of the samples to come, in hertz; by default the model's.
        watch : callable, optional
            Is given the probabilities `(frame, class)` as they become certain.

        Returns
        -------
        TimelineStream
            Its `push` takes samples, its `finish` ends the recording.
        """
        settings = settings or self.timeline_settings
        whole = settings.windows(self.steps).frames_per_window is not None

        def model(batch: FloatArray) -> FloatArray:
            found = self._run(torch.from_numpy(batch))
            return self._of_chosen(found.clip if whole else found.step).numpy()

        return TimelineStream(model, self.steps, self.labels, settings, sample_rate, watch)

    def export_onnx(self, path: str | Path) -> None:
        """Write the model, with all its classes, as one ONNX file.

        Parameters
        ----------
        path : str or Path
            The file; it appears only if ONNX Runtime gives what PyTorch gives, within 1e-4.

        Raises
        ------
        InputError
            If the model cannot be exported or is in ONNX already, or a package is missing.
        """
        from aed_plugins.pretrained import export_onnx  # noqa: PLC0415  optional packages

        if self.onnx is not None:
            raise InputError(f"{path}: the model is an ONNX file already: copy it")
        kept = self.hparams.__dict__
        values = kept.get("thresholds")
        export_onnx(
            self.mods["tagger"],
            path,
            labels=[str(label) for label in kept["labels"]],
            multi_label=self.multi_label,
            thresholds=values.values if isinstance(values, Thresholds) else values,
            name=self.name,
            timeline=kept.get("timeline"),
        )

    @property
    def _embedding_size(self) -> int:
        if self.onnx is not None:
            return self.onnx.embedding_size
        return self.mods["tagger"].embedding_size

    def _blocks(self, path: str | Path) -> Blocks:
        blocks = map(quantize, read_blocks(path, self.sample_rate))
        return blocks if self.progress is None else self.progress(path, blocks, self.sample_rate)

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
        step, clip = (probabilities(part.float(), self.multi_label).cpu() for part in logits)
        return Probabilities(output.embeddings.float().cpu(), step, clip)

    def _tag_windows(
        self, held: Sequence[FloatArray], blocks: Iterator[FloatArray]
    ) -> tuple[FloatArray, int]:
        """Tag a long recording window by window; give its probabilities and its samples."""
        windows = plan_windows(self.steps, WINDOW)

        def model(batch: FloatArray) -> FloatArray:
            return self._run(torch.from_numpy(batch)).clip.numpy()

        size = len(self.hparams.labels)
        stream = FrameStream(model, windows, size)
        highest, total, count = np.zeros(size), np.zeros(size), 0
        pushed = (stream.push(block) for part in (held, blocks) for block in part)
        for frames in (*pushed, stream.finish()):
            highest = np.maximum(highest, frames.max(axis=0, initial=0.0))
            total += frames.sum(axis=0)
            count += len(frames)
        return highest if self.multi_label else total / count, stream.samples

    def _tags(self, values: FloatArray, samples: int) -> Tags:
        """Say what the probabilities of all the model's classes mean for the chosen ones."""
        highest = values.max()
        values = values if self._chosen is None else values[self._chosen]
        least = self.thresholds if self.multi_label else np.full(len(values), highest)
        order = np.argsort(-values, kind="stable")
        said = [self.labels[place] for place in order if values[place] >= least[place]]
        said = said if self.multi_label else said[:1]
        return Tags(list(self.labels), values.astype(np.float64), said, samples / self.sample_rate)
