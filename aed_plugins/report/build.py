"""What a page shows of a recording, gathered in one pass over it."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from aed_plugins.core import FloatArray
from aed_plugins.detection import TimelineSettings
from aed_plugins.inference import PretrainedTagger
from aed_plugins.metrics import summarize_durations
from aed_plugins.models import LogMel
from aed_plugins.report.overview import Overview
from aed_plugins.report.recording import RecordingReport

LANES = 12  # of a model with more classes: those that are present longest
FEWEST = 3  # lanes, filled up with the most probable classes
N_MELS = 96
WINDOW, HOP = 0.025, 0.01  # seconds
MARKS = (500, 1000, 2000, 4000, 8000)  # hertz
CONTEXT = 2  # hops that a centered window sees to each side, rounded up


class SpectrogramOverview:
    """A spectrogram of a recording of any length, for the eye.

    Parameters
    ----------
    sample_rate : int
        Hertz.
    """

    def __init__(self, sample_rate: int) -> None:
        self.log_mel = LogMel(sample_rate, WINDOW, HOP, N_MELS, n_fft=_fine(sample_rate))
        self.overview = Overview(N_MELS, self.log_mel.hop_length)
        self._kept = np.zeros(CONTEXT * self.log_mel.hop_samples, np.float32)

    def push(self, samples: FloatArray) -> None:
        """Take the next samples `(sample,)`."""
        hop = self.log_mel.hop_samples
        held = np.concatenate([self._kept, samples])
        frames = len(held) // hop - 2 * CONTEXT
        if frames < 1:
            self._kept = held
            return
        with torch.inference_mode():
            waveform = torch.from_numpy(held[: (frames + 2 * CONTEXT) * hop]).unsqueeze(0)
            columns = self.log_mel(waveform)[0, CONTEXT : CONTEXT + frames]
        self.overview.push(columns.numpy())
        self._kept = held[frames * hop :].copy()

    def finish(self) -> None:
        """End the recording."""
        self.push(np.zeros((2 * CONTEXT + 1) * self.log_mel.hop_samples, np.float32))

    def marks(self) -> list[tuple[int, float]]:
        """Give rows and hertz for the frequency axis."""
        centers = self.log_mel.mel_bank.argmax(dim=0) * self.log_mel.sample_rate
        hertz = centers / self.log_mel.n_fft
        inside = [mark for mark in MARKS if mark < self.log_mel.sample_rate / 2]
        return [(int((hertz - mark).abs().argmin()), float(mark)) for mark in inside]


def _fine(sample_rate: int) -> int:
    """Give the size of a transform in which the lowest mel bands hold a bin each."""
    return int(2 ** math.ceil(math.log2(sample_rate / 12)))


def build_report(
    tagger: PretrainedTagger,
    path: Path,
    name: str | None = None,
    *,
    every_class: bool = False,
) -> RecordingReport:
    """Read a recording once, and gather what a page shows of it.

    Parameters
    ----------
    tagger : PretrainedTagger
        The model, and by its `timeline_settings` how the timeline is made. If it has more than
        twelve classes, those that are present longest are shown.
    path : Path
        The recording.
    name : str, optional
        What to call it; by default the file's name.
    every_class : bool
        Whether to show all classes, however many.

    Raises
    ------
    InputError
        If the recording cannot be used.
    """
    spectrogram = SpectrogramOverview(tagger.sample_rate)
    curves = Overview(len(tagger.labels), tagger.windows.grid.frame_length)
    timeline = tagger.timeline(path, on_samples=spectrogram.push, on_probabilities=curves.push)
    assert timeline.duration is not None
    spectrogram.finish()
    levels, column_length = curves.result()
    durations = summarize_durations([(timeline.events, timeline.duration)], tagger.labels)
    order = {entry.label: -entry.seconds for entry in durations}
    ranks = [order[label] for label in tagger.labels]
    places = _lanes(tagger.labels, ranks, levels, len(ranks) if every_class else LANES)
    shown = [tagger.labels[place] for place in places]
    picture, picture_column = spectrogram.overview.result(*spectrogram.overview.range())
    thresholds = tagger.timeline_settings.post_processing.values("onset", shown)
    return RecordingReport(
        name=path.name if name is None else name,
        path=path,
        duration=timeline.duration,
        labels=shown,
        curves=levels[places],
        column_length=column_length,
        events=[event for event in timeline.events if event.label in shown],
        spectrogram=picture,
        spectrogram_column_length=picture_column,
        mel_frequencies=spectrogram.marks(),
        durations=sorted(
            (entry for entry in durations if entry.label in shown), key=lambda e: order[e.label]
        ),
        thresholds=dict(zip(shown, thresholds.tolist(), strict=True)),
        hidden=sum(rank < 0 for rank in ranks) - sum(ranks[place] < 0 for place in places),
    )


def _lanes(
    labels: Sequence[str], ranks: Sequence[float], levels: npt.NDArray[np.uint8], most: int = LANES
) -> list[int]:
    """Choose the classes to show: all, or those that are present longest, then most probable."""
    order = sorted(range(len(labels)), key=lambda place: (ranks[place], -int(levels[place].max())))
    if len(labels) <= most:
        return order
    present = sum(rank < 0 for rank in ranks)
    return order[: min(most, max(FEWEST, present))]


def describe_settings(settings: TimelineSettings) -> dict[str, str]:
    """Describe in words how a timeline was made.

    Parameters
    ----------
    settings : TimelineSettings
        The settings.

    Examples
    --------
    >>> describe_settings(TimelineSettings(2.0, 0.5))
    {'Windows': '2 s every 0.5 s, each classified', 'Threshold': '0.5'}
    """
    hop = settings.window_length if settings.hop_length is None else settings.hop_length
    of = "each" if settings.resolution == "window" else "the encoder's steps"
    words = {"Windows": f"{settings.window_length:g} s every {hop:g} s, {of} classified"}
    how = settings.post_processing
    for title, value, unit in (
        ("Threshold", how.onset, ""),
        ("Offset threshold", how.offset, ""),
        ("Shortest event", how.min_duration_on, " s"),
        ("Gaps closed", how.min_duration_off, " s"),
        ("Median filter", how.median_filter, " s"),
    ):
        if isinstance(value, float | int):
            if value or title == "Threshold":
                words[title] = f"{value:g}{unit}"
        elif value is not None:
            same = set(value.values())
            words[title] = f"{same.pop():g}{unit}" if len(same) == 1 else "for each class its own"
    return words
