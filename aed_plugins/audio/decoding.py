"""Recordings as waveforms: any file that libsndfile reads, mixed to mono, at a given sample rate.

Decoding is libsndfile's (through soundfile), resampling is soxr's at its quality HQ. What
libsndfile lets pass in silence is refused here: a file that was cut short, samples that are not
numbers.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile

from aed_plugins.audio.samples import BLOCK, RATES, Resampler
from aed_plugins.core import InputError, printable

# Bytes. A program that writes into a pipe cannot know the length of the `data` chunk, and declares
# one from here up: SoX 0x7FFFF000 and less, arecord 0x80000000, ffmpeg 0xFFFFFFFF.
UNKNOWN_LENGTH = 0x7FFF0000


def read_waveform(path: str | Path, sample_rate: int) -> np.ndarray:
    """Read a recording as mono at a given sample rate.

    Parameters
    ----------
    path : str or Path
        A file in any format that libsndfile reads: WAV of every kind, FLAC, OGG, MP3 and more.
    sample_rate : int
        The rate to resample to, 1,000 to 1,000,000 hertz.

    Returns
    -------
    numpy.ndarray
        The waveform `(sample,)`, float32: the mean of the channels. Full scale is [-1, 1]; float
        files and the resampling may go beyond it, and nothing is clipped here.

    Raises
    ------
    InputError
        If the file is missing, not a file, unreadable, empty, not audio or cut short, if it has no
        samples or samples that are not finite, or if less than one sample is left after resampling.
        In AIFF, AU, OGG, W64 and RF64 files a missing end cannot be told from a shorter recording.

    Examples
    --------
    Two channels that hold 0.5 and 0, half a second long, become one that holds 0.25:

    >>> import tempfile
    >>> recording = Path(tempfile.mkdtemp()) / "dog.wav"
    >>> soundfile.write(recording, np.full((4000, 2), [0.5, 0.0]), 8000)
    >>> read_waveform(recording, 8000)[:3]
    array([0.25, 0.25, 0.25], dtype=float32)
    >>> read_waveform(recording, 16000).shape
    (8000,)
    """
    return np.concatenate(list(read_blocks(path, sample_rate)))


def read_blocks(path: str | Path, sample_rate: int) -> Iterator[np.ndarray]:
    """Read a recording in blocks, in memory that does not grow with it.

    Parameters
    ----------
    path, sample_rate
        As for `read_waveform`.

    Yields
    ------
    numpy.ndarray
        Parts of the waveform `(sample,)`, float32; joined they are what `read_waveform` gives.

    Raises
    ------
    InputError
        As `read_waveform`; that decoding broke off is known only after the last part.

    Examples
    --------
    >>> import tempfile
    >>> recording = Path(tempfile.mkdtemp()) / "dog.wav"
    >>> soundfile.write(recording, np.zeros(4000), 8000)
    >>> [len(block) for block in read_blocks(recording, 8000)]
    [4000]
    """
    path = Path(path)
    if sample_rate not in RATES:
        raise InputError(f"expected a sample rate of 1000 to 1000000 hertz, but got {sample_rate}")
    with _clear(path), _open(path) as sound:
        yield from _resampled(path, sound, sample_rate)


class AudioInfo(NamedTuple):
    """What the header of a recording says.

    Attributes
    ----------
    sample_rate, channels : int
        Hertz; how many.
    kind : str
        Format and encoding, such as `WAV PCM_16`.
    duration : float
        Seconds, where the header is right.
    """

    sample_rate: int
    channels: int
    kind: str
    duration: float


def read_info(path: str | Path) -> AudioInfo:
    """Read the header of a recording.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    InputError
        If it is not there, cannot be read or is not audio.
    """
    path = Path(path)
    with _clear(path), _open(path) as sound:
        kind = f"{sound.format} {sound.subtype}"
        seconds = sound.frames / sound.samplerate
        return AudioInfo(sound.samplerate, sound.channels, kind, seconds)


@contextlib.contextmanager
def _clear(path: Path) -> Iterator[None]:
    """Turn errors of the system and of the decoder into one line."""
    try:
        yield
    except OSError as error:
        came = f"got: {error.strerror or error}"
        raise _refusal(path, "a file that can be read", came, "check its permissions") from error
    except soundfile.LibsndfileError as error:
        came = f"got: {error.error_string.rstrip('.')}"
        raise _refusal(path, "audio", came, "replace the file or leave it out") from error


def _resampled(path: Path, sound: soundfile.SoundFile, sample_rate: int) -> Iterator[np.ndarray]:
    given = 0
    for block in Resampler(sound.samplerate, sample_rate).run(_decoded(path, sound)):
        if sound.samplerate != sample_rate:
            # Levels near the largest float overflow in the filter.
            _check_finite(path, block, given, sample_rate)
        given += len(block)
        if len(block):
            yield block
    if given == 0:
        raise _refusal(path, f"one sample at {sample_rate} hertz", "it is shorter", "leave it out")


def _refusal(path: Path, expected: str, came: str, advice: str) -> InputError:
    """Return a one-line error about a file, whatever characters its name has."""
    return InputError(f"{printable(path)}: expected {expected}, but {came}; {advice}")


def _openable(path: Path) -> str | BinaryIO:
    """Check a file before it is decoded, and give what soundfile is to open."""
    if not path.is_file():
        came = "got something else, such as a folder" if path.exists() else "there is none"
        raise _refusal(path, "an audio file", came, "correct the path")
    size = path.stat().st_size
    if size == 0:
        raise _refusal(path, "audio", "the file is empty (0 bytes)", "copy it again")
    with path.open("rb") as stream:
        found = _find_wav_data(stream)
    if found is None:
        return str(path)
    start, declared = found
    if declared == 0 and start < size:
        return io.BytesIO(_with_data_length(path.read_bytes(), start))
    if size - start < declared < UNKNOWN_LENGTH:
        came = f"the file ends after {size - start}: it was cut short"
        raise _refusal(path, f"{declared} bytes of samples", came, "copy it again")
    return str(path)


def _find_wav_data(stream: BinaryIO) -> tuple[int, int] | None:
    """Give the start and the declared length of a WAV file's samples, in bytes.

    None stands for everything else: other formats, and WAV files without a `data` chunk, which
    libsndfile refuses by itself.
    """
    head = stream.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    while len(header := stream.read(8)) == 8:
        length = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            return stream.tell(), length
        stream.seek(length + length % 2, os.SEEK_CUR)  # chunks are padded to even lengths
    return None


def _with_data_length(content: bytes, start: int) -> bytes:
    """Write the true length into a WAV file that declares no samples and yet goes on.

    This is what a recorder leaves that was killed. libsndfile would read nothing. When the length
    of the whole file is declared rightly, the header was finished, and what follows the empty
    `data` chunk is not samples.
    """
    if int.from_bytes(content[4:8], "little") == len(content) - 8:
        return content
    length = min(len(content) - start, 0xFFFFFFFF)
    return content[: start - 4] + length.to_bytes(4, "little") + content[start:]


def _open(path: Path) -> soundfile.SoundFile:
    """Open a file that is audio by its header."""
    try:
        sound = soundfile.SoundFile(_openable(path))
    except (TypeError, UnicodeEncodeError) as error:
        # soundfile needs the rate of .raw files, and takes no name that is not UTF-8.
        expected = "a format with a header, and a name in UTF-8"
        raise _refusal(path, expected, f"got: {error}", "rename the file") from error
    if sound.samplerate not in RATES:
        came = f"the header says {sound.samplerate}: it is damaged"
        raise _refusal(path, "a rate of 1000 to 1000000 hertz", came, "replace the file")
    return sound


def _decoded(path: Path, sound: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """Yield the mean of the channels in blocks `(sample,)`, float32."""
    decoded = 0
    while len(block := sound.read(BLOCK // sound.channels, "float32", always_2d=True)):
        mono = sum(block.T) / sound.channels  # ten times as fast as `mean(axis=1)`
        _check_finite(path, mono, decoded, sound.samplerate)
        decoded += len(mono)
        yield mono
    if decoded < sound.frames:
        came = f"only {decoded} could be decoded: it is cut short or damaged"
        raise _refusal(path, f"{sound.frames} samples", came, "copy it again")


def _check_finite(path: Path, block: np.ndarray, start: int, sample_rate: int) -> None:
    """Refuse NaN and infinite samples, naming how many there are and where the first is."""
    wrong = np.flatnonzero(~np.isfinite(block))
    if len(wrong):
        first = (start + wrong[0]) / sample_rate
        came = f"{len(wrong)} are NaN or infinite, the first at {first:.3f} s"
        raise _refusal(path, "finite samples", came, "export the recording again")
