"""Read and write SPHERE, the audio files of TED-LIUM, and convert them to WAV for Kaldi.

Source: NIST, "SPeech HEader REsources", file format NIST_1A. The samples themselves are decoded by
libsndfile (`aed_plugins.audio`), which takes what is there for the whole: so headers are checked
here, and files that were cut short are refused.
"""

import os
import re
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile

from aed_plugins.audio import (
    RATES,
    read_blocks,
    read_info,
    to_int16,
)
from aed_plugins.core import InputError, atomic_write

_MAGIC = b"NIST_1A\n"
_LARGEST_HEADER = 2**20  # bytes; real ones have 1,024 or a few times that
_FIELD = re.compile(r"(\S+) -(?:(i) ([+-]?\d+)|(r) (\S+)|s(\d+) (.*))")

# Bytes per sample, byte order and coding that libsndfile decodes; 01 is little-endian.
_DECODED = {
    (2, "01", "pcm"),
    (2, "10", "pcm"),
    *((1, "1", coding) for coding in ("pcm", "ulaw", "mu-law", "alaw")),
}


class SphereHeader(NamedTuple):
    """The header of a SPHERE file.

    Attributes
    ----------
    sample_rate, channels : int
        Hertz; how many.
    samples : int
        Of each channel.
    sample_bytes : int
        Bytes that a sample has in the file.
    coding : str
        `pcm`, `ulaw`, `mu-law` or `alaw`.
    size : int
        Bytes before the samples.
    """

    sample_rate: int
    channels: int
    samples: int
    sample_bytes: int
    coding: str
    size: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples / self.sample_rate


def read_sphere_header(path: str | Path) -> SphereHeader:
    """Read the header of a SPHERE file, and check that all samples are there.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    InputError
        If it is missing or not SPHERE, a line of the header is malformed, a field is missing, the
        samples are compressed (`shorten`) or in a form that libsndfile does not decode, or the file
        ends before the samples do.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "AlGore.sph"
    >>> write_sphere(path, np.zeros(8000, np.int16), 16000)
    >>> read_sphere_header(path).samples, read_sphere_header(path).duration
    (8000, 0.5)
    """
    try:
        with Path(path).open("rb") as stream:
            size = _read_header_size(path, stream)
            text = stream.read(size - 16).decode("latin-1")
            length = os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise InputError(
            f"{path}: expected a SPHERE file, got: {error.strerror or error}; correct the path"
        ) from error
    header = _parse_header(path, _parse_fields(path, text), size)
    needed = header.samples * header.channels * header.sample_bytes
    if length - size < needed:
        raise InputError(
            f"{path}: expected {needed} bytes of samples, as the header says, but the file ends"
            f" after {max(length - size, 0)}: it was cut short; copy it again"
        )
    return header


def read_duration(path: str | Path) -> float:
    """Read the duration of a recording from its header alone.

    Parameters
    ----------
    path : str or Path
        A SPHERE file, or any that libsndfile reads.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    InputError
        As `read_sphere_header`, and `audio.read_info` for other formats.
    """
    return read_sphere_header(path).duration if is_sphere(path) else read_info(path).duration


def is_sphere(path: str | Path) -> bool:
    """Check whether a file is SPHERE, by its first bytes or its suffix.

    Parameters
    ----------
    path : str or Path
        The file; there need be none.
    """
    path = Path(path)
    if path.suffix.lower() == ".sph":
        return True
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def write_sphere(path: str | Path, waveform: np.ndarray, sample_rate: int) -> None:
    """Write a SPHERE file with 16-bit samples, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to write. Missing folders are made.
    waveform : ndarray
        `(sample,)`, int16.
    sample_rate : int
        Hertz.

    Raises
    ------
    TypeError
        If the waveform is not int16 with one axis.
    """
    if waveform.dtype != np.int16 or waveform.ndim != 1:
        raise TypeError(
            f"expected a waveform (sample,) of int16, got {waveform.shape} of {waveform.dtype};"
            " see aed_plugins.audio.to_int16"
        )
    with atomic_write(path) as temporary:
        soundfile.write(temporary, waveform, sample_rate, format="NIST", subtype="PCM_16")


def convert_to_wav(path: str | Path, source: str | Path) -> None:
    """Convert a recording to 16-bit WAV with one channel at its own rate, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to write. Missing folders are made.
    source : str or Path
        A SPHERE file, or any that libsndfile reads.

    Raises
    ------
    InputError
        If the source cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_sphere(folder / "AlGore.sph", np.zeros(8000, np.int16), 16000)
    >>> convert_to_wav(folder / "AlGore.wav", folder / "AlGore.sph")
    >>> soundfile.info(folder / "AlGore.wav").frames
    8000
    """
    # libsndfile takes all that follows a SPHERE header for samples, however many it declares.
    declared = read_sphere_header(source).samples if is_sphere(source) else None
    sample_rate = read_info(source).sample_rate
    # As a whole: 40 MB for a talk of 20 minutes.
    waveform = np.concatenate([to_int16(block) for block in read_blocks(source, sample_rate)])
    with atomic_write(path) as temporary:
        soundfile.write(temporary, waveform[:declared], sample_rate, format="WAV", subtype="PCM_16")


def _read_header_size(path: str | Path, stream: BinaryIO) -> int:
    start = stream.read(16)
    size = start[8:].strip()
    if not start.startswith(_MAGIC) or not size.isdigit() or not 16 < int(size) <= _LARGEST_HEADER:
        raise InputError(
            f"{path}: expected a SPHERE file, which begins with NIST_1A and the header's size,"
            f" got {start!r}; replace the file"
        )
    return int(size)


def _parse_fields(path: str | Path, text: str) -> dict[str, str]:
    """Parse the fields of the header's lines; numbers stay text."""
    fields: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=3):
        if line.rstrip() == "end_head":
            return fields
        if not line.strip() or line.startswith(";"):
            continue
        found = _FIELD.fullmatch(line.rstrip("\r"))
        name = found[1] if found else ""
        if found is None or name in fields or (found[6] and len(found[7]) < int(found[6])):
            raise InputError(
                f"{path} line {number}: expected a field of the header, such as"
                f" 'sample_rate -i 16000', and each once, got {line[:60]!r}; replace the file"
            )
        fields[name] = found[3] or found[5] or found[7][: int(found[6] or 0)]
    raise InputError(f"{path}: expected end_head in the header, but there is none; copy it again")


def _parse_header(path: str | Path, fields: dict[str, str], size: int) -> SphereHeader:
    channels, samples, sample_rate, sample_bytes = (
        _parse_integer(path, fields, name)
        for name in ("channel_count", "sample_count", "sample_rate", "sample_n_bytes")
    )
    coding = fields.get("sample_coding", "pcm")
    order = fields.get("sample_byte_format", "1" if sample_bytes == 1 else "none")
    if "shorten" in coding:
        raise InputError(
            f"{path}: expected samples that are not compressed, got {coding}; convert the file with"
            f" 'sph2pipe -p -f sph {path} NEW' or 'w_decode -o pcm {path} NEW'"
        )
    if (sample_bytes, order, coding) not in _DECODED:
        raise InputError(
            f"{path}: expected samples of 16 bits, or of 8 in ulaw or alaw, got sample_n_bytes"
            f" {sample_bytes}, sample_byte_format {order} and sample_coding {coding}; convert it"
        )
    if sample_rate not in RATES or channels == 0 or samples == 0:
        raise InputError(
            f"{path}: expected a sample_rate of 1000 to 1000000 hertz, a channel_count and a"
            f" sample_count of 1 or more, got {sample_rate}, {channels} and {samples}; replace it"
        )
    return SphereHeader(sample_rate, channels, samples, sample_bytes, coding, size)


def _parse_integer(path: str | Path, fields: dict[str, str], name: str) -> int:
    if not fields.get(name, "").isdecimal():
        raise InputError(
            f"{path}: expected {name} in the header, a whole number, got"
            f" {fields.get(name, 'none')}; replace the file"
        )
    return int(fields[name])
