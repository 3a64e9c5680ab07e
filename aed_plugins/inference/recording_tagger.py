"""Whole recordings and live ones in a trained model: tags, embeddings, timelines.

The walk of a timeline: `audio` gives samples, mono, at the model's rate, rounded to 16 bits;
`detection` cuts them into windows, has the model run on batches of these, and makes events of its
probabilities; `cli` has `annotations` write the events. Each is entered once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aed_plugins.audio import check_duration
from aed_plugins.core import Event, FloatArray, Timeline, error_prefix
from aed_plugins.detection import (
    EventStream,
    FrameStream,
    TimelineSettings,
    TimelineStream,
    plan_windows,
)
from aed_plugins.inference.batch_tagger import BatchTagger
from aed_plugins.inference.outputs import Embeddings, Tags
from aed_plugins.inference.recordings import (
    Blocks,
    PathOrArray,
    is_path,
    name_of,
    read_recording,
)

# Seconds. A longer recording is tagged in windows of WINDOW seconds, one after the other.
LONGEST_CLIP = 60.0
WINDOW = 10.0

Progress = Callable[[str, Blocks, int], Blocks]


class RecordingTagger(BatchTagger):
    """The part of `PretrainedTagger` that takes recordings; parameters are described there."""

    progress: Progress | None = None

    def tag(self, path_or_array: PathOrArray, sample_rate: int | None = None) -> Tags:
        """Tag a recording as a whole, its samples rounded to 16 bits as in training.

        Up to a minute it is one clip, as in training. A longer one is cut into windows of 10 s;
        with several labels per clip each has the probability of its most probable window, with one
        label per clip the mean over the windows.

        Parameters
        ----------
        path_or_array : str, PathLike, ndarray or Tensor
            A file that libsndfile reads, of any rate, with any channels, 0.05 s or longer; or
            samples `(sample,)` or `(sample, channel)`, floats in [-1, 1] or int16.
        sample_rate : int, optional
            Of an array, in hertz; a file has its own.

        Raises
        ------
        ValueError
            If an array has another shape, type or scale or comes without a sample rate.
        InputError
            If it cannot be used, or memory runs out.
        """
        values, samples = self._tag_all(path_or_array, sample_rate)
        highest = values.max()
        values = values if self._chosen is None else values[self._chosen]
        least = self.thresholds if self.multi_label else np.full(len(values), highest)
        predicted = self._reached(values, least)
        predicted = predicted if self.multi_label else predicted[:1]
        duration = samples / self.sample_rate
        return Tags(list(self.labels), values.astype(np.float64), predicted, duration)

    def embed(
        self,
        path_or_array: PathOrArray,
        sample_rate: int | None = None,
        *,
        window: float | None = None,
        hop: float | None = None,
        batch_size: int | None = None,
    ) -> Embeddings:
        """Compute embeddings of a recording over time.

        Parameters
        ----------
        path_or_array, sample_rate
            As for `tag`.
        window, hop : float, optional
            Seconds of a segment and from one to the next; each has the mean over its steps. By
            default the segments are the encoder's own steps.
        batch_size : int, optional
            Windows that go to the model together; by default about half a minute of audio.

        Raises
        ------
        ValueError
            If an array has another shape, type or scale or comes without a sample rate, or a hop
            without a window.
        InputError
            If it cannot be used, or memory runs out.
        """
        if window is None and hop is not None:
            raise ValueError("hop goes with window: the encoder's own steps have none")
        cut = (WINDOW, WINDOW / 2, "step") if window is None else (window, hop, "window")
        windows = plan_windows(self.steps, *cut, batch_size)

        def model(batch: FloatArray) -> FloatArray:
            embeddings = self._run(torch.from_numpy(batch)).embeddings
            return (embeddings if window is None else embeddings.mean(dim=1)).cpu().numpy()

        stream = FrameStream(model, windows, self._embedding_size)
        parts = [stream.push(block) for block in self._blocks(path_or_array, sample_rate)]
        duration = stream.samples / self.sample_rate
        with error_prefix(name_of(path_or_array)):
            check_duration(duration)
            frames = np.concatenate([*parts, stream.finish()]).astype(np.float32)
            edges = [windows.grid.edge(frame, duration) for frame in range(len(frames) + 1)]
            return Embeddings(np.array(edges[:-1]), np.array(edges[1:]), frames, duration)

    def timeline(
        self,
        path_or_array: PathOrArray,
        sample_rate: int | None = None,
        *,
        settings: TimelineSettings | None = None,
        on_samples: Callable[[FloatArray], None] | None = None,
        on_probabilities: Callable[[FloatArray], None] | None = None,
        **options: Any,
    ) -> Timeline:
        """Detect the events of a recording of any length, in memory that does not grow with it.

        Parameters
        ----------
        path_or_array, sample_rate
            As for `tag`.
        settings : TimelineSettings, optional
            By default the model's `timeline_settings`.
        on_samples, on_probabilities : callable, optional
            Called with the samples `(sample,)` at the model's rate, and with the probabilities
            `(frame, class)`, as they come, for example to draw them.
        **options
            Single settings, such as `window=1.0, threshold=0.3`: see `TimelineSettings.updated`.

        Raises
        ------
        TypeError
            If there is no such option, or `settings` are no `TimelineSettings`.
        ValueError
            If an array has another shape, type or scale or comes without a sample rate.
        InputError
            If it cannot be used, or memory runs out.
        """
        stream = self._event_stream(settings, options, on_probabilities)
        events: list[Event] = []
        for block in self._blocks(path_or_array, sample_rate):
            if on_samples is not None:
                on_samples(block)
            events += stream.push(block)
        with error_prefix(name_of(path_or_array)):
            events += stream.finish()
        recording = Path(name_of(path_or_array)).name if is_path(path_or_array) else ""
        return Timeline(tuple(events), recording, stream.duration)

    def stream(
        self,
        sample_rate: int | None = None,
        *,
        settings: TimelineSettings | None = None,
        on_probabilities: Callable[[FloatArray], None] | None = None,
        **options: Any,
    ) -> TimelineStream:
        """Detect events in a recording that is still going on.

        Parameters
        ----------
        sample_rate : int, optional
            Of the samples to come, in hertz; by default the model's.
        settings, on_probabilities, **options
            As for `timeline`. With `batch_size=1` every window is classified as soon as it is
            complete.

        Returns
        -------
        TimelineStream
            Its `push` takes samples, its `finish` ends the recording.

        Raises
        ------
        TypeError
            If there is no such option, or `settings` are no `TimelineSettings`.
        InputError
            If a setting cannot be used.
        """
        return TimelineStream(self._event_stream(settings, options, on_probabilities), sample_rate)

    def _blocks(self, path_or_array: PathOrArray, sample_rate: int | None) -> Blocks:
        blocks = read_recording(path_or_array, sample_rate, self.sample_rate)
        if self.progress is None or not is_path(path_or_array):
            return blocks
        return self.progress(name_of(path_or_array), blocks, self.sample_rate)

    def _event_stream(
        self,
        settings: TimelineSettings | None,
        options: Mapping[str, Any],
        on_probabilities: Callable[[FloatArray], None] | None,
    ) -> EventStream:
        """Return what detects events in samples at the model's rate; plan the windows once."""
        chosen = self.timeline_settings if settings is None else self._checked(settings)
        if settings is None and not options:
            windows = self.windows
        else:
            chosen = chosen.updated(**options)
            self._check_classes(options)
            windows = chosen.windows(self.steps)
        whole = windows.frames_per_window is not None

        def model(batch: FloatArray) -> FloatArray:
            found = self._run(torch.from_numpy(batch))
            return self._of_chosen(found.clip if whole else found.step).cpu().numpy()

        return EventStream(model, windows, self.labels, chosen.post_processing, on_probabilities)

    def _tag_all(
        self, path_or_array: PathOrArray, sample_rate: int | None
    ) -> tuple[FloatArray, int]:
        """Return the probabilities `(class,)` of all classes, and how many samples there are."""
        blocks = self._blocks(path_or_array, sample_rate)
        held, samples = [], 0
        for block in blocks:
            held.append(block)
            samples += len(block)
            if samples > LONGEST_CLIP * self.sample_rate:
                return self._tag_windows(held, blocks)
        with error_prefix(name_of(path_or_array)):
            check_duration(samples / self.sample_rate)
        clip = torch.from_numpy(np.concatenate(held)).unsqueeze(0)
        return self._run(clip).clip[0].cpu().numpy(), samples

    def _tag_windows(
        self, held: Sequence[FloatArray], blocks: Iterator[FloatArray]
    ) -> tuple[FloatArray, int]:
        """Tag a long recording window by window, as `_tag_all` does."""

        def model(batch: FloatArray) -> FloatArray:
            return self._run(torch.from_numpy(batch)).clip.cpu().numpy()

        size = len(self.hparams.labels)
        stream = FrameStream(model, plan_windows(self.steps, WINDOW), size)
        highest, total, count = np.zeros(size), np.zeros(size), 0
        pushed = (stream.push(block) for part in (held, blocks) for block in part)
        for frames in (*pushed, stream.finish()):
            highest = np.maximum(highest, frames.max(axis=0, initial=0.0))
            total += frames.sum(axis=0)
            count += len(frames)
        return highest if self.multi_label else total / count, stream.samples
