"""Whether a recording can be used, and what is odd about it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from aed_plugins.audio.decoding import AudioInfo, read_blocks, read_info
from aed_plugins.core import InputError, error_prefix

QUIET = 1e-4  # of full scale, -80 dB: below it all the time, nothing is audible
AT_FULL_SCALE = 0.9999
CLIPPED = 1e-3  # fraction of the samples at full scale
OFFSET = 0.05  # mean of the samples, in parts of full scale


class AudioCheck(NamedTuple):
    """What is known of a recording that can be used.

    Attributes
    ----------
    duration : float
        Seconds.
    about : AudioInfo
        What its header says.
    odd : list of str
        What a person may want to look at: silence, clipping, a constant offset.
    """

    duration: float
    about: AudioInfo
    odd: list[str]


def check_audio(path: str | Path) -> AudioCheck:
    """Decode a recording to its end.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    InputError
        If it cannot be used: see `read_waveform`, and shorter than 0.05 s.

    Examples
    --------
    >>> import tempfile
    >>> import soundfile
    >>> recording = Path(tempfile.mkdtemp()) / "quiet.wav"
    >>> soundfile.write(recording, np.zeros((4000, 2)), 8000)
    >>> found = check_audio(recording)
    >>> found.duration, found.about.channels, found.about.kind, found.odd
    (0.5, 2, 'WAV PCM_16', ['silence'])
    """
    about = read_info(path)
    samples, clipped, peak, total = 0, 0, 0.0, 0.0
    for block in read_blocks(path, about.sample_rate):
        levels = np.abs(block)
        samples += len(block)
        clipped += int((levels >= AT_FULL_SCALE).sum())
        peak = max(peak, float(levels.max()))
        total += float(block.sum(dtype=np.float64))
    duration = samples / about.sample_rate
    with error_prefix(path):
        check_duration(duration)
    findings = {
        "silence": peak < QUIET,
        f"{clipped / samples:.1%} of the samples clipped": clipped > CLIPPED * samples,
        f"a constant offset of {total / samples:.2f}": abs(total / samples) > OFFSET,
    }
    odd = [finding for finding, found in findings.items() if found]
    return AudioCheck(duration, about, odd)


SHORTEST = 0.05  # seconds: less holds no sound event, and hardly a frame


def check_duration(duration: float) -> None:
    """Refuse a recording that is too short for any sound event.

    Parameters
    ----------
    duration : float
        Seconds.

    Raises
    ------
    InputError
        If it lasts less than 0.05 s.

    Examples
    --------
    >>> check_duration(0.01)
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: expected 0.05 s of sound or more, got 0.01 s; leave it out
    """
    if duration < SHORTEST:
        raise InputError(
            f"expected {SHORTEST} s of sound or more, got {duration:g} s; leave it out"
        )
