"""Read and write UEM: regions to evaluate (NIST's un-partitioned evaluation maps).

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan". A line is
`talk channel start end`; comments begin with `;;`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aed_plugins.core import InputError, atomic_write
from asr.formats.lines import (
    format_number,
    join_fields,
    read_fields,
    read_span,
)


class UemRegion(NamedTuple):
    """A line of a UEM file.

    Attributes
    ----------
    talk, channel : str
        Without spaces.
    onset, offset : float
        Seconds; `0 <= onset < offset`.
    """

    talk: str
    channel: str
    onset: float
    offset: float


def read_uem(path: str | Path) -> list[UemRegion]:
    r"""Read a UEM file.

    Parameters
    ----------
    path : str or Path
        In UTF-8.

    Returns
    -------
    list of UemRegion
        In the order of the file.

    Raises
    ------
    InputError
        If the file cannot be read, a line has not four fields, or an end does not come after its
        start. The message names the line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "AlGore.uem"
    >>> _ = path.write_text("AlGore 1 0.00 960.5\n")
    >>> read_uem(path)
    [UemRegion(talk='AlGore', channel='1', onset=0.0, offset=960.5)]
    """
    return [_region(fields, place) for place, fields in read_fields(path)]


def format_uem(regions: Iterable[UemRegion]) -> str:
    r"""Return the content of a UEM file.

    Parameters
    ----------
    regions : iterable of UemRegion
        In any order; they are sorted.

    Returns
    -------
    str
        Whole lines, each ended by a line feed.

    Raises
    ------
    InputError
        If a name is empty or has white space.

    Examples
    --------
    >>> format_uem([UemRegion("AlGore", "A", 0, 960.5)])
    'AlGore A 0.00 960.50\n'
    """
    return "".join(
        join_fields((talk, channel, format_number(onset), format_number(offset)))
        for talk, channel, onset, offset in sorted(regions)
    )


def write_uem(path: str | Path, regions: Iterable[UemRegion]) -> None:
    """Write a UEM file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to write. Missing folders are made.
    regions : iterable of UemRegion
        As `format_uem` takes them.
    """
    text = format_uem(regions)
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def _region(fields: list[str], where: str) -> UemRegion:
    if len(fields) != 4:
        raise InputError(
            f"{where}: expected talk, channel, start and end, got {len(fields)} fields:"
            f" {' '.join(fields)[:60]!r}; correct the line"
        )
    return UemRegion(fields[0], fields[1], *read_span(fields[2:], where))
