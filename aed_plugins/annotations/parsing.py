"""Strict readers of numbers and events, times as text, and escaped labels, for all formats."""

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from aed_plugins.core import Event, InputError, Timeline, check_label

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PERCENT = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def split_lines(text: str) -> list[str]:
    r"""Split at line ends alone.

    `str.splitlines` would also split at characters that a label may have, such as U+2028.

    Parameters
    ----------
    text : str
        The content of a file, with line ends of any system.

    Examples
    --------
    >>> split_lines("a\r\nb\u2028c\n")
    ['a', 'b\u2028c', '']
    """
    return re.split(r"\r\n|\r|\n", text)


def read_number(text: str, what: str, where: str) -> float:
    """Read a number that is written with digits.

    Parameters
    ----------
    text : str
        The number, perhaps with spaces around it. A comma for the decimal point, `nan`, `inf` and
        `1_000` are no numbers here.
    what, where : str
        What it is and where it stands, for the message.

    Raises
    ------
    InputError
        If it is not a number, or too large for a float.

    Examples
    --------
    >>> read_number(" 1.5e1", "onset", "dogs.csv line 2")
    15.0
    >>> read_number("1,5", "onset", "dogs.csv line 2")
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: dogs.csv line 2: expected a number as onset, got '1,5'
    """
    if not _NUMBER.fullmatch(text.strip()) or math.isinf(float(text)):
        raise InputError(f"{where}: expected a number as {what}, got {text!r}")
    return float(text)


def make_event(label: str, onset: float, offset: float, score: float | None, where: str) -> Event:
    """Make an event from the content of a file.

    Parameters
    ----------
    label : str
        The class.
    onset, offset : float
        Seconds.
    score : float or None
        In [0, 1].
    where : str
        Where it stands, for the message.

    Raises
    ------
    InputError
        If the times are in the wrong order, the label is blank, or the score is not in [0, 1].

    Examples
    --------
    >>> make_event("dog", 2.0, 1.0, None, "dogs.csv line 2")
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: dogs.csv line 2: expected 0 <= onset <= offset, got 2.0 and
     1.0 for 'dog'
    """
    try:
        check_label(label)
        return Event(label, onset, offset, score)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def make_timeline(
    where: str, events: Iterable[Event], recording: str = "", duration: float | None = None
) -> Timeline:
    """Make a timeline from the content of a file.

    Parameters
    ----------
    where : str
        The file's name, for the message.
    events, recording, duration
        As `Timeline` takes them.

    Raises
    ------
    InputError
        If the recording's name or the duration cannot be.
    """
    try:
        return Timeline(tuple(events), recording, duration)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def read_json_number(value: Any, what: str, where: str) -> float:
    """Take a number out of JSON.

    Parameters
    ----------
    value : object
        What `json.loads` gave.
    what, where : str
        What it is and where it stands, for the message.

    Raises
    ------
    InputError
        If it is not a number; `true` is none. Too large ones become infinite, which no event takes.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where}: expected a number as {what}, got {value!r}")
    return float(value) if abs(value) < 1e300 else math.inf


def format_decimal(seconds: float) -> str:
    """Write a number so that it is read back exactly, and without an exponent.

    Parameters
    ----------
    seconds : float
        A finite number.

    Examples
    --------
    >>> format_decimal(1e-07), format_decimal(2.5)
    ('0.0000001', '2.5')
    """
    return format(Decimal(repr(seconds)), "f")


def to_milliseconds(seconds: float) -> int:
    """Round to the nearest millisecond, and half of one to the even one.

    Parameters
    ----------
    seconds : float
        Seconds.

    Examples
    --------
    >>> to_milliseconds(1.2344), to_milliseconds(0.0005), to_milliseconds(0.0015)
    (1234, 0, 2)
    """
    return round(Decimal(repr(seconds)) * 1000)


def escape(text: str, forbidden: str) -> str:
    r"""Replace characters that a format cannot hold in a label: `Dog bark` becomes `Dog%20bark`.

    Only what must be escaped is: a percent sign stays as it is unless two hexadecimal digits follow
    it. So most labels look the same in the file, and each is read back as it was. A file of another
    program in which `%20` stands for itself is read as if it were a space.

    Source: RFC 3986, section 2.1 (percent-encoding of UTF-8).

    Parameters
    ----------
    text : str
        The label.
    forbidden : str
        A regular expression for one character that the format has no place for.

    Examples
    --------
    >>> escape("Dog bark", r"\s"), escape("50% noise", "\t"), escape("%20", "\t")
    ('Dog%20bark', '50% noise', '%2520')
    """
    text = _PERCENT.sub("%25", text)
    return re.sub(forbidden, lambda found: quote(found[0], safe=""), text)


def unescape(text: str) -> str:
    """Read what `escape` wrote.

    Parameters
    ----------
    text : str
        The label in the file. Escapes that are not UTF-8 stand for themselves.

    Examples
    --------
    >>> unescape("Dog%20bark"), unescape("%2520"), unescape("50% noise"), unescape("%FF")
    ('Dog bark', '%20', '50% noise', '%FF')
    """

    def decoded(found: re.Match[str]) -> str:
        try:
            return unquote_to_bytes(found[0]).decode()
        except UnicodeDecodeError:
            return found[0]

    return _ESCAPED.sub(decoded, text)
