"""The baseline of segmentation: speech is where the energy is high.

It does not separate speech from laughter, applause or music; a tagger can.

Source: L. R. Rabiner and M. R. Sambur, "An algorithm for determining the endpoints of isolated
utterances", Bell System Technical Journal 54(2), 1975: a threshold between a recording's own noise
floor and its peak. Deviations: floor and peak are percentiles of the whole talk rather than the
first 100 ms and the maximum; levels are in decibels; there is no zero-crossing rate. Like Kaldi's
`compute-vad`, a frame is decided together with its neighbors: here by a median.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import median_filter

from aed_plugins.audio import read_blocks
from aed_plugins.core import InputError
from asr.formats.segments import SpeechSegment

SAMPLE_RATE = 16_000
SUBFRAME = 80  # samples: 5 ms
SUBFRAMES_PER_FRAME = 5  # a frame has 25 ms
SUBFRAMES_PER_STEP = 2  # frames start every 10 ms
STEP = SUBFRAME * SUBFRAMES_PER_STEP / SAMPLE_RATE  # seconds
QUIETEST = 1e-10  # mean square: -100 decibels, below the rounding of 16 bits
FLOOR, PEAK = 10, 95  # percentiles of a talk's levels
SMOOTHING = 11  # frames that a median is taken over: 110 ms


@dataclass(frozen=True)
class EnergyDetector:
    """Finds the loud stretches of a talk.

    Parameters
    ----------
    threshold : float
        Level from which a frame is loud, as a fraction of the way from the talk's noise floor to
        its peak in decibels; in (0, 1). The floor is the 10th percentile of the levels, the peak
        the 95th.

    Raises
    ------
    InputError
        If the threshold is not in (0, 1).
    """

    threshold: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(
                f"expected a threshold between 0 (noise floor) and 1 (peak), got {self.threshold}"
            )

    def detect(self, talk: str, recording: Path) -> list[SpeechSegment]:
        """Find the loud stretches of a recording, without shaping them (see `SegmentShaping`).

        Reads block by block; keeps 1,600 bytes per second of audio.

        Parameters
        ----------
        talk : str
            The talk's name.
        recording : Path
            Its audio, in any format that libsndfile reads.

        Returns
        -------
        list of SpeechSegment
            Sorted, without overlaps, in steps of 10 ms. None for a recording of constant level.

        Raises
        ------
        InputError
            If it cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> import soundfile
        >>> wave = np.random.default_rng(1).normal(size=32000)
        >>> wave *= np.repeat([0.001, 0.1, 0.001, 0.001], 8000)
        >>> recording = Path(tempfile.mkdtemp()) / "talk.wav"
        >>> soundfile.write(recording, wave, 16000)
        >>> EnergyDetector().detect("talk", recording)
        [SpeechSegment(talk='talk', onset=0.49, offset=1.01)]
        """
        levels = compute_frame_levels(read_blocks(recording, SAMPLE_RATE))
        if not len(levels):
            return []
        floor, peak = np.percentile(levels, [FLOOR, PEAK])
        loud = levels > floor + self.threshold * (peak - floor)
        smooth = median_filter(loud.astype(np.int8), SMOOTHING, mode="nearest")
        changes = np.diff(smooth, prepend=0, append=0)
        # Frame 0 is 0 to 25 ms, and stands for 10 to 20 ms.
        onsets = np.flatnonzero(changes == 1) * STEP
        offsets = np.flatnonzero(changes == -1) * STEP
        return [
            SpeechSegment(talk, round(float(onset), 2), round(float(offset), 2))
            for onset, offset in zip(onsets + STEP, offsets + STEP, strict=True)
        ]


def compute_frame_levels(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Compute the levels of frames of 25 ms, one every 10 ms.

    Parameters
    ----------
    blocks : iterable of ndarray
        Parts of a waveform `(sample,)` at 16 kHz, of any lengths.

    Returns
    -------
    numpy.ndarray
        `(frame,)`, float64, decibels relative to full scale, -100 at least; the frames that are
        whole.

    Examples
    --------
    >>> compute_frame_levels([np.full(300, 0.1), np.full(300, 0.1)]).round(2)
    array([-20., -20.])
    """
    rest = np.empty(0)
    powers = [rest]
    for block in blocks:
        samples = np.concatenate([rest, block])
        whole = len(samples) - len(samples) % SUBFRAME
        powers.append(np.square(samples[:whole]).reshape(-1, SUBFRAME).mean(axis=1))
        rest = samples[whole:]
    power = np.concatenate(powers)
    if len(power) < SUBFRAMES_PER_FRAME:
        return np.empty(0)
    frames = np.lib.stride_tricks.sliding_window_view(power, SUBFRAMES_PER_FRAME)[
        ::SUBFRAMES_PER_STEP
    ]
    return 10 * np.log10(np.maximum(frames.mean(axis=1), QUIETEST))
