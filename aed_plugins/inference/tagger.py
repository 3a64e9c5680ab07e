"""Tag, time-stamp and embed recordings with a trained model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from aed_plugins.audio import check_duration, quantize, read_blocks
from aed_plugins.core import Event, FloatArray, InputError, Timeline, error_prefix
from aed_plugins.detection import (
    FrameStream,
    TimelineSettings,
    TimelineStream,
    plan_windows,
)
from aed_plugins.inference.batch_tagger import BatchTagger
from aed_plugins.inference.outputs import Embeddings, Tags
from aed_plugins.models import Thresholds
from aed_plugins.pretrained import OnnxTagger, load_model

# Seconds. A longer recording is tagged in windows of WINDOW seconds, one after the other.
LONGEST_CLIP = 60.0
WINDOW = 10.0
# What `from_hparams` hands on of a loaded model.
HPARAMS = ("labels", "multi_label", "sample_rate", "thresholds", "timeline", "name")

Blocks = Iterator[npt.NDArray[np.float32]]
Progress = Callable[[str | Path, Blocks, int], Blocks]


class PretrainedTagger(BatchTagger):
    """Tag, time-stamp and embed recordings with a trained model.

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
        What computes instead of the tagger.

    Attributes
    ----------
    labels : list of str
        The classes, in the order of all outputs: the model's, or those of `choose`.
    multi_label : bool
        Whether several may hold at once.
    sample_rate : int
        Of the model's input, in hertz. Files and streams of any rate are resampled.
    thresholds : ndarray
        `(class,)`; the probability from which a class counts as present.
    timeline_settings : TimelineSettings
        Those that were tuned and saved with the model or come with a released one; else windows of
        a second, and the thresholds.
    name : str
        The model's name.
    progress : callable or None
        Called with a file's path, its blocks of samples as they are read and the sample rate;
        yields the blocks, for example while it shows a progress bar.

    Examples
    --------
    >>> from aed_plugins.models import AudioTagger, DNNHead, LogMel, ResNet
    >>> nothing = torch.nn.Identity()
    >>> model = AudioTagger(LogMel(), nothing, nothing, ResNet(width=0.25), DNNHead(128, 2))
    >>> hparams = {"labels": ["dog", "siren"], "multi_label": False, "sample_rate": 16000}
    >>> tagger = PretrainedTagger({"tagger": model}, hparams, {"device": "cpu"})
    >>> tagger.tag_batch(torch.zeros(3, 16000)).shape
    torch.Size([3, 2])
    """

    progress: Progress | None = None

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
            differ in their classes or in their input.
        """
        model = load_model(source, trust_remote_code=trust_remote_code, revision=revision)
        hparams = {name: getattr(model, name) for name in HPARAMS}
        if isinstance(model.tagger, OnnxTagger):
            return cls({}, hparams, {"device": "cpu"}, freeze_params, onnx=model.tagger)
        return cls({"tagger": model.tagger}, hparams, run_opts, freeze_params)

    def tag_file(self, path: str | Path) -> Tags:
        """Tag a recording as a whole, its samples rounded to 16 bits as in training.

        Up to a minute it is one clip, as in training. A longer one is cut into windows of 10 s;
        with several labels per clip each has the probability of its most probable window, with one
        label per clip the mean over the windows.

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
        """Compute embeddings of a recording over time.

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
        """Detect the events of a recording of any length, in memory that does not grow with it.

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
        events = tuple(self.stream_events(path, stream))
        return Timeline(events, Path(path).name, stream.duration)

    def stream_events(
        self,
        path: str | Path,
        stream: TimelineStream,
        watch: Callable[[FloatArray], None] | None = None,
    ) -> Iterator[Event]:
        """Yield the events of a recording as they become certain.

        Parameters
        ----------
        path : str or Path
            As for `tag_file`.
        stream : TimelineStream
            What `stream` gave, at the model's rate.
        watch : callable, optional
            Called with the samples `(sample,)` at the model's rate, for example to draw them.
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
        """Detect events in a recording that is still going on.

        Parameters
        ----------
        settings : TimelineSettings, optional
            By default the model's `timeline_settings`. With a batch size of 1 every window is
            classified as soon as it is complete.
        sample_rate : int, optional
            Of the samples to come, in hertz; by default the model's.
        watch : callable, optional
            Called with the probabilities `(frame, class)` as they become certain.

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

    def _blocks(self, path: str | Path) -> Blocks:
        blocks = map(quantize, read_blocks(path, self.sample_rate))
        return blocks if self.progress is None else self.progress(path, blocks, self.sample_rate)

    def _tag_windows(
        self, held: Sequence[FloatArray], blocks: Iterator[FloatArray]
    ) -> tuple[FloatArray, int]:
        """Tag a long recording window by window; return its probabilities and number of samples."""
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
        """Return the tags of the chosen classes, from the probabilities of all."""
        highest = values.max()
        values = values if self._chosen is None else values[self._chosen]
        least = self.thresholds if self.multi_label else np.full(len(values), highest)
        order = np.argsort(-values, kind="stable")
        predicted = [self.labels[place] for place in order if values[place] >= least[place]]
        predicted = predicted if self.multi_label else predicted[:1]
        duration = samples / self.sample_rate
        return Tags(list(self.labels), values.astype(np.float64), predicted, duration)
