"""Read and write lines of text files: fields between spaces, spans of time, numbers."""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aed_plugins.annotations import read_number, split_lines
from aed_plugins.core import InputError

# Times are written to a tenth of a microsecond: samples at 16 kHz are exact, float noise is gone.
_DECIMALS = 7


def read_lines(path: str | Path) -> list[str]:
    r"""Read the lines of a text file, without their ends.

    Parameters
    ----------
    path : str or Path
        A file in UTF-8, with line ends of any system.

    Raises
    ------
    InputError
        If it is missing, cannot be read, or has bytes that are not UTF-8: the first and its line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "talk.stm"
    >>> _ = path.write_bytes(b"one\r\ntwo\n")
    >>> read_lines(path)
    ['one', 'two']
    """
    try:
        content = Path(path).read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise InputError(
            f"{path}: expected a text file, got: {error.strerror or error}; correct the path"
        ) from error
    try:
        lines = split_lines(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = len(split_lines(content[: error.start].decode("utf-8")))
        raise InputError(
            f"{path} line {line}: expected text in UTF-8, got the byte"
            f" 0x{content[error.start]:02x}; save it as UTF-8"
        ) from error
    return lines if lines[-1] else lines[:-1]


def read_fields(path: str | Path) -> Iterator[tuple[str, list[str]]]:
    """Read the fields of a file in one of NIST's formats, without its comments.

    Parameters
    ----------
    path : str or Path
        As for `read_lines`. Lines that begin with `;;` are comments.

    Yields
    ------
    place : str
        File and line, for messages.
    fields : list of str
        At least one.

    Raises
    ------
    InputError
        As `read_lines`.
    """
    for number, line in enumerate(read_lines(path), start=1):
        fields = line.split()
        if fields and not line.startswith(";;"):
            yield f"{path} line {number}", fields


def read_span(fields: Sequence[str], where: str) -> tuple[float, float]:
    """Read start and end.

    Parameters
    ----------
    fields : sequence of str
        The two of them.
    where : str
        File and line.

    Returns
    -------
    onset, offset : float
        Seconds.

    Raises
    ------
    InputError
        If they are not numbers, the start is negative, or the end does not come after it.

    Examples
    --------
    >>> read_span(["2.5", "1.5"], "talk.stm line 3")
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: talk.stm line 3: expected 0 <= start < end, got 2.5 and 1.5;
     correct the times
    """
    start, end = fields
    onset, offset = read_number(start, "start", where), read_number(end, "end", where)
    if not 0 <= onset < offset:
        raise InputError(
            f"{where}: expected 0 <= start < end, got {start} and {end}; correct the times"
        )
    return onset, offset


def format_number(value: float) -> str:
    """Format a number with two to seven decimals.

    Parameters
    ----------
    value : float
        A finite number, such as a time in seconds.

    Examples
    --------
    >>> format_number(17.8), format_number(0.1 + 0.2), format_number(0.0625)
    ('17.80', '0.30', '0.0625')
    """
    whole, decimals = f"{value:.{_DECIMALS}f}".split(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def join_fields(fields: Iterable[str]) -> str:
    r"""Join fields to a line that is read back as they are.

    Parameters
    ----------
    fields : iterable of str
        Without white space, none empty.

    Returns
    -------
    str
        Ended by a line feed.

    Raises
    ------
    InputError
        If a field is empty or has white space, or the line would be taken for a comment.

    Examples
    --------
    >>> join_fields(["talk", "A", "0.00"])
    'talk A 0.00\n'
    """
    parts = list(fields)
    line = " ".join(parts)
    if line.split() != parts or line.startswith(";;"):
        wrong = next((part for part in parts if part.split() != [part]), parts[0])
        raise InputError(
            f"expected names and words without white space, none empty and ;; not at the"
            f" beginning, got {wrong!r} in {line[:60]!r}; rename it"
        )
    return line + "\n"
