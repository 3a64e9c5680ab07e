"""Read and write CTM: recognized words with times (NIST's conversation time mark files).

Source: NIST's Scoring Toolkit, sclite's documentation of the CTM format. A line is `talk channel
start duration word [confidence]`; comments begin with `;;`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aed_plugins.annotations import read_number
from aed_plugins.core import InputError, atomic_write
from asr.formats.lines import format_number, join_fields, read_fields


class CtmWord(NamedTuple):
    """A line of a CTM file.

    Attributes
    ----------
    talk, channel : str
        Without spaces.
    onset, duration : float
        Seconds.
    word : str
        What was recognized.
    confidence : float or None
        In [0, 1].
    """

    talk: str
    channel: str
    onset: float
    duration: float
    word: str
    confidence: float | None = None


def read_ctm(path: str | Path) -> list[CtmWord]:
    r"""Read a CTM file.

    Parameters
    ----------
    path : str or Path
        In UTF-8. It may be empty: then nothing was recognized.

    Returns
    -------
    list of CtmWord
        In the order of the file.

    Raises
    ------
    InputError
        If the file cannot be read, a line has not five or six fields, a time is negative, or a
        confidence is not in [0, 1]. The message names the line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "AlGore.ctm"
    >>> _ = path.write_text("AlGore A 17.9 0.31 and 0.98\n")
    >>> read_ctm(path)
    [CtmWord(talk='AlGore', channel='A', onset=17.9, duration=0.31, word='and', confidence=0.98)]
    """
    return [_word(fields, place) for place, fields in read_fields(path)]


def format_ctm(words: Iterable[CtmWord]) -> str:
    r"""Return the content of a CTM file.

    Parameters
    ----------
    words : iterable of CtmWord
        In any order; they are sorted by talk, channel and onset, as sclite needs them.

    Returns
    -------
    str
        Whole lines, each ended by a line feed.

    Raises
    ------
    InputError
        If a name or a word is empty or has white space.

    Examples
    --------
    >>> format_ctm([CtmWord("Gore", "A", 18.21, 0.5, "i"), CtmWord("Gore", "A", 17.9, 0.3, "and")])
    'Gore A 17.90 0.30 and\nGore A 18.21 0.50 i\n'
    """
    return "".join(map(_line, sorted(words, key=lambda word: word[:3])))


def write_ctm(path: str | Path, words: Iterable[CtmWord]) -> None:
    """Write a CTM file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to write. Missing folders are made.
    words : iterable of CtmWord
        As `format_ctm` takes them.
    """
    text = format_ctm(words)
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def _word(fields: list[str], where: str) -> CtmWord:
    if len(fields) not in (5, 6):
        raise InputError(
            f"{where}: expected talk, channel, start, duration, word and perhaps a confidence,"
            f" got {len(fields)} fields: {' '.join(fields)[:60]!r}; correct the line"
        )
    onset = read_number(fields[2], "start", where)
    duration = read_number(fields[3], "duration", where)
    if onset < 0 or duration < 0:
        raise InputError(
            f"{where}: expected a start and a duration of 0 s or more, got {fields[2]} and"
            f" {fields[3]}; correct the times"
        )
    confidence = read_number(fields[5], "confidence", where) if len(fields) == 6 else None
    if confidence is not None and not 0 <= confidence <= 1:
        raise InputError(
            f"{where}: expected a confidence in [0, 1], got {fields[5]}; correct it or leave it out"
        )
    return CtmWord(fields[0], fields[1], onset, duration, fields[4], confidence)


def _line(word: CtmWord) -> str:
    times = format_number(word.onset), format_number(word.duration)
    confidence = () if word.confidence is None else (format_number(word.confidence),)
    return join_fields((word.talk, word.channel, *times, word.word, *confidence))
