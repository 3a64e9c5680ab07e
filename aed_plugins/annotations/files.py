"""Read and write timelines as annotation files, which other programs exchange.

| format | suffix | times | score | recording, duration |
|---|---|---|---|---|
| `csv` | `.csv` | exact | yes | no |
| `json` | `.json` | exact | yes | both |
| `audacity` | `.txt` | 1 microsecond | no | no |
| `textgrid` | `.TextGrid` | exact | no | duration |
| `rttm` | `.rttm` | 1 microsecond | yes | name without suffix |
| `elan` | `.eaf` | 1 ms | yes | both |
| `jams` | `.jams` | 1e-15 of a time | yes | both |
| `webvtt` | `.vtt` | 1 ms | no | no |

TextGrid and JAMS always state the duration: the last offset where it is not known.
Labels are kept by all of them, whatever text they are; so are events of no length, but for `webvtt`
(see there) and the programs that refuse them. Each format is a module of its own, which says how.
Needs the standard library alone.
"""

import codecs
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from aed_plugins.annotations import (
    audacity,
    csv_table,
    elan,
    jams,
    json_file,
    rttm,
    textgrid,
    webvtt,
)
from aed_plugins.core import InputError, Timeline, atomic_write, first_few, printable

_MODULES = {
    "csv": csv_table,
    "json": json_file,
    "audacity": audacity,
    "textgrid": textgrid,
    "rttm": rttm,
    "elan": elan,
    "jams": jams,
    "webvtt": webvtt,
}

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "csv": ".csv",
        "json": ".json",
        "audacity": ".txt",
        "textgrid": ".TextGrid",
        "rttm": ".rttm",
        "elan": ".eaf",
        "jams": ".jams",
        "webvtt": ".vtt",
    }
)

_SUFFIXES = {suffix.lower(): name for name, suffix in FORMATS.items()}


def format_timeline(timeline: Timeline, format: str) -> str:  # noqa: A002
    r"""Return the content of an annotation file.

    Parameters
    ----------
    timeline : Timeline
        The events to write.
    format : str
        One of `FORMATS`.

    Returns
    -------
    str
        Whole lines, each ended by a line feed. To be encoded as UTF-8.

    Raises
    ------
    InputError
        If there is no such format, or it is `textgrid` and nothing says how long the recording is.

    Examples
    --------
    >>> from aed_plugins.core import Event
    >>> format_timeline(Timeline([Event("dog", 1, 2.5)], "street.wav", 10.0), "audacity")
    '1.000000\t2.500000\tdog\n'
    """
    _check_format(format)
    return _MODULES[format].write(timeline)


def write_timeline(
    path: str | Path,
    timeline: Timeline,
    format: str | None = None,  # noqa: A002
) -> None:
    """Write an annotation file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to write. Missing folders are made.
    timeline : Timeline
        The events to write.
    format : str, optional
        One of `FORMATS`; by default the one that the suffix says.

    Raises
    ------
    InputError
        If there is no such format, or it is `textgrid` and nothing says how long the recording is.
    OSError
        If it cannot be written; on a full disk the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> from aed_plugins.core import Event
    >>> file = Path(tempfile.mkdtemp()) / "street.eaf"
    >>> write_timeline(file, Timeline([Event("dog", 1, 2.5, 0.9)], "street.wav", 10.0))
    >>> read_timeline(file).events
    (Event(label='dog', onset=1.0, offset=2.5, score=0.9),)
    """
    text = format_timeline(
        timeline, _format_of(Path(path), _SUFFIXES) if format is None else format
    )
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def read_timeline(
    path: str | Path,
    format: str | None = None,  # noqa: A002
    duration: float | None = None,
) -> Timeline:
    """Read the timeline of one recording.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8, or in UTF-16 with a byte order mark, as Praat writes it.
    format : str, optional
        One of `FORMATS`; by default the one that the suffix says (`.tsv` is read as `csv`).
    duration : float, optional
        Seconds of the recording, for files that do not say it.

    Returns
    -------
    Timeline
        Where the file does not name the recording, that is the file's own name without its suffix.

    Raises
    ------
    InputError
        If the file is missing, unreadable, malformed, or about several recordings; the message
        names the line, row or element.
    """
    found = list(read_timelines(path, format).values())
    if len(found) > 1:
        names = first_few([timeline.recording for timeline in found])
        raise InputError(f"{path}: expected one recording, got {names}; give a file for each")
    only = found[0]
    return only if only.duration is not None else dataclasses.replace(only, duration=duration)


def read_timelines(
    path: str | Path,
    format: str | None = None,  # noqa: A002
) -> dict[str, Timeline]:
    """Read the timelines of one or several recordings, which CSV and RTTM files can hold.

    Parameters
    ----------
    path : str or Path
        As `read_timeline` takes it.
    format : str, optional
        As `read_timeline` takes it.

    Returns
    -------
    dict of str to Timeline
        By the recording's name, at least one.

    Raises
    ------
    InputError
        If the file is missing, unreadable or malformed; the message names the line, row or element.
    """
    path = Path(path)
    where = printable(path)
    name = _format_of(path, {**_SUFFIXES, ".tsv": "csv"}) if format is None else format
    _check_format(name)
    try:
        found = _MODULES[name].read(_decoded(path, where), where)
    except OSError as error:
        raise InputError(
            f"{where}: expected an annotation file, got: {error.strerror or error};"
            " correct the path or its permissions"
        ) from error
    if len(found) == 1 and not found[0].recording:
        found = [dataclasses.replace(found[0], recording=printable(Path(path.stem)))]
    if not all(timeline.recording for timeline in found):
        raise InputError(f"{where}: expected a recording in each row, got some without; add it")
    return {timeline.recording: timeline for timeline in found}


def _check_format(name: str) -> None:
    if name not in FORMATS:
        raise InputError(f"expected a format of {', '.join(FORMATS)}, got {name!r}")


def _format_of(path: Path, suffixes: Mapping[str, str]) -> str:
    if path.suffix.lower() not in suffixes:
        known = ", ".join(suffixes)
        raise InputError(
            f"{printable(path)}: expected a suffix of {known}, got {path.suffix!r}; name the format"
        )
    return suffixes[path.suffix.lower()]


def _decoded(path: Path, where: str) -> str:
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{where} line {line}: expected text in UTF-8, got the byte"
            f" 0x{content[error.start]:02x}; save it as UTF-8"
        ) from error
