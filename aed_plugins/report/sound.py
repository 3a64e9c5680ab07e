"""The sound that a page plays: embedded in it, or read from the linked file."""

import base64
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import soundfile

from aed_plugins.audio import read_blocks
from aed_plugins.core import InputError
from aed_plugins.report.recording import RecordingReport

# Seconds. THE RULE: recordings are put into the page in their order, as long as it holds no more
# than this in all; the others are linked. An hour takes 29 MB of the page.
EMBEDDED_SECONDS = 3600.0

# MP3 at a constant 48 kbit/s, mono: every browser plays it, and as each second has the same size
# it can seek without reading what comes before.
SAMPLE_RATE = 24_000
COMPRESSION_LEVEL = 0.75

# Seconds by which a decoded MP3 comes late: LAME's encoder takes 576 samples and every decoder 529,
# and libsndfile writes no tag that would have players leave them out.
DELAY = (576 + 529) / SAMPLE_RATE

CHOICES = ("embed", "link", "none")


def choose_playback(recordings: Sequence[RecordingReport], audio: str) -> list[str]:
    """Decide for each recording how the page plays it.

    Parameters
    ----------
    recordings : sequence of RecordingReport
        The page's recordings.
    audio : str
        What is wanted: "embed", "link" or "none".

    Returns
    -------
    list of str
        "embed", "link" or "none" for each.

    Raises
    ------
    ValueError
        If `audio` is something else.
    """
    if audio not in CHOICES:
        raise ValueError(f"expected audio to be one of {', '.join(CHOICES)}, got {audio!r}")
    if audio != "embed":
        return [audio] * len(recordings)
    ways, held = [], 0.0
    for recording in recordings:
        fits = held + recording.duration <= EMBEDDED_SECONDS
        held += recording.duration if fits else 0.0
        ways.append("embed" if fits else "link")
    return ways


def encode_mp3(path: Path) -> Iterator[bytes]:
    """Give a recording as MP3 in base64, in memory that does not grow with it.

    Parameters
    ----------
    path : Path
        The recording.

    Yields
    ------
    bytes
        Parts that are joined.

    Raises
    ------
    InputError
        If the recording cannot be decoded, or libsndfile is too old to write MP3.
    """
    if "MP3" not in soundfile.available_formats():
        version = soundfile.__libsndfile_version__
        raise InputError(f"expected libsndfile 1.1 or later for MP3, got {version}; link the sound")
    with tempfile.TemporaryDirectory() as kept:
        encoded = Path(kept) / "sound.mp3"
        with soundfile.SoundFile(
            encoded,
            "w",
            SAMPLE_RATE,
            channels=1,
            format="MP3",
            subtype="MPEG_LAYER_III",
            compression_level=COMPRESSION_LEVEL,
            bitrate_mode="CONSTANT",
        ) as sound:
            for block in read_blocks(path, SAMPLE_RATE):
                sound.write(block.clip(-1, 1))
        with encoded.open("rb") as stream:
            while part := stream.read(3 * 2**18):  # thirds, so that the parts can be joined
                yield base64.b64encode(part)


def relative_link(page: Path, recording: Path) -> str:
    """Give the address of a recording as seen from a page.

    Parameters
    ----------
    page, recording : Path
        Both files.

    Returns
    -------
    str
        Relative and quoted, so that page and recording can be moved together.

    Raises
    ------
    InputError
        If there is no such recording.

    Examples
    --------
    >>> page = Path(__file__).parent / "out/page.html"
    >>> relative_link(page, Path(__file__).with_name("page.css"))
    '../page.css'
    """
    if not recording.is_file():
        raise InputError(
            f"{recording}: expected an audio file, but there is none; correct the path"
        )
    target = recording.resolve()
    try:
        relative = Path(os.path.relpath(target, page.parent.resolve())).as_posix()
    except ValueError:  # another drive of Windows
        return target.as_uri()
    return quote(os.fsencode(relative))
