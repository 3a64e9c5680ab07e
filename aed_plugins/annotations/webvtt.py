r"""WebVTT: captions for the `track` of a web page's audio or video.

Source: W3C, "WebVTT: The Web Video Text Tracks Format". One cue for each event, its text the label;
`<`, `>`, `&` and line ends are written as character references. Cues may overlap. On reading, the
tags of other programs' cues are dropped, comments, styles and regions passed over.

Times are rounded to a millisecond. An event shorter than that is given one: a cue ends after it
begins. Does not keep scores, the recording's name and its duration.
"""

import html
import re
from collections.abc import Iterator

from aed_plugins.annotations.parsing import (
    make_event,
    make_timeline,
    split_lines,
    to_milliseconds,
)
from aed_plugins.core import Event, InputError, Timeline

_TIME = r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d\.\d{3})"
_TIMING = re.compile(rf"[ \t]*{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t].*)?", re.DOTALL)
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": "&#10;", "\r": "&#13;"}


def write(timeline: Timeline) -> str:
    r"""Write WebVTT.

    Parameters
    ----------
    timeline : Timeline
        The events to write.

    Examples
    --------
    >>> print(write(Timeline([Event("R&B", 0.5, 3602.0), Event("click", 1.25, 1.25)])))
    WEBVTT
    <BLANKLINE>
    00:00:00.500 --> 01:00:02.000
    R&amp;B
    <BLANKLINE>
    00:00:01.250 --> 00:00:01.251
    click
    <BLANKLINE>
    """
    return "\n".join(["WEBVTT\n", *map(_cue, timeline.events)])


def read(text: str, where: str) -> list[Timeline]:
    """Read WebVTT.

    Parameters
    ----------
    text : str
        The content of the file.
    where : str
        The file's name, for messages.

    Returns
    -------
    list of Timeline
        One.

    Raises
    ------
    InputError
        If there is no header, or a cue is malformed or without text; the message names the line.
    """
    lines = split_lines(text)
    if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", lines[0], re.DOTALL):
        raise InputError(f"{where} line 1: expected WEBVTT, got {lines[0][:60]!r}")
    (_, header), *blocks = _blocks(lines)
    if any("-->" in line for line in header):
        raise InputError(f"{where} line 2: expected an empty line between WEBVTT and the first cue")
    events = [
        _event(block, f"{where} line {number}")
        for number, block in blocks
        if not re.match(r"(?:NOTE|STYLE|REGION)(?:\s|$)", block[0])
    ]
    return [make_timeline(where, events)]


def _cue(event: Event) -> str:
    onset, offset = to_milliseconds(event.onset), to_milliseconds(event.offset)
    label = "".join(_REFERENCES.get(character, character) for character in event.label)
    return f"{_time(onset)} --> {_time(max(offset, onset + 1))}\n{label}\n"


def _time(total: int) -> str:
    seconds, thousandths = divmod(total, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Give what stands between empty lines, and the number of its first line."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""], start=1):
        if line:
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _event(block: list[str], where: str) -> Event:
    timing, *payload = block if "-->" in block[0] else block[1:] or block
    found = _TIMING.fullmatch(timing)
    if not found:
        raise InputError(
            f"{where}: expected a cue such as '00:01.500 --> 00:02.000', got {timing[:60]!r}"
        )
    onset, offset = _seconds(*found.groups()[:3]), _seconds(*found.groups()[3:])
    label = html.unescape(re.sub(r"<[^>]*>", "", "\n".join(payload)))
    return make_event(label, onset, offset, None, where)


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    whole, thousandths = seconds.split(".")
    total = (int(hours or 0) * 60 + int(minutes)) * 60 + int(whole)
    return (total * 1000 + int(thousandths)) / 1000
