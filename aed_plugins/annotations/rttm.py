r"""RTTM: rich transcription time marks, as diarization tools read them.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", appendix A.
An event is a `SPEAKER` line with the label in the field of the speaker's name, the score in the
field of the confidence and channel 1, and the recording's name stands without its suffix. Fields
are separated by white space, so white space in names is escaped (see `parsing.escape`), as in
`Dog%20bark`.

Times are kept to a microsecond. Keeps scores exactly, and zero-length events, which some tools
refuse. Does not keep the recording's suffix and duration.
"""

from decimal import Decimal
from pathlib import PurePath

from aed_plugins.annotations.parsing import (
    escape,
    format_decimal,
    make_event,
    make_timeline,
    read_number,
    split_lines,
    unescape,
)
from aed_plugins.core import Event, InputError, Timeline

# The other types of lines: not about a speaker, or without times.
_PASSED_OVER = frozenset(
    (
        *("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER"),
        *("EDIT", "IP", "SU", "CB", "A/P", "SPKR-INFO"),
    )
)
_MISSING = "<NA>"


def write(timeline: Timeline) -> str:
    r"""Write RTTM.

    Parameters
    ----------
    timeline : Timeline
        The events to write.

    Examples
    --------
    >>> print(write(Timeline([Event("Dog bark", 0.5, 2.0, 0.9)], "street.wav")))
    SPEAKER street 1 0.500000 1.500000 <NA> <NA> Dog%20bark 0.9 <NA>
    <BLANKLINE>
    """
    recording = _field(PurePath(timeline.recording).stem)
    return "".join(_line(event, recording) for event in timeline.events)


def read(text: str, where: str) -> list[Timeline]:
    """Read the `SPEAKER` lines of RTTM, of all channels.

    Parameters
    ----------
    text : str
        The content of the file.
    where : str
        The file's name, for messages.

    Returns
    -------
    list of Timeline
        One for each recording that is named, or one without a name.

    Raises
    ------
    InputError
        If a line is malformed; the message names it.
    """
    found: dict[str, list[Event]] = {}
    for number, line in enumerate(split_lines(text), start=1):
        place = f"{where} line {number}"
        fields = line.split()
        if not fields or line.startswith(";;") or fields[0] in _PASSED_OVER:
            continue
        if fields[0] != "SPEAKER" or len(fields) not in (9, 10):
            raise InputError(f"{place}: expected SPEAKER and 8 or 9 fields, got {line[:60]!r}")
        found.setdefault(_text(fields[1]), []).append(_event(fields, place))
    if not found:
        return [Timeline(())]
    return [make_timeline(where, events, name) for name, events in found.items()]


def _field(text: str) -> str:
    if not text:
        return _MISSING
    return "%3CNA>" if text == _MISSING else escape(text, r"\s")


def _text(field: str) -> str:
    return "" if field == _MISSING else unescape(field)


def _line(event: Event, recording: str) -> str:
    onset, offset = f"{event.onset:.6f}", f"{event.offset:.6f}"
    duration = format(Decimal(offset) - Decimal(onset), "f")
    score = _MISSING if event.score is None else format_decimal(event.score)
    label = _field(event.label)
    return f"SPEAKER {recording} 1 {onset} {duration} {_MISSING} {_MISSING} {label} {score} <NA>\n"


def _event(fields: list[str], where: str) -> Event:
    onset = read_number(fields[3], "start", where)
    read_number(fields[4], "duration", where)
    # In decimals, so that start and duration give the very offset that was written.
    offset = float(Decimal(fields[3]) + Decimal(fields[4]))
    score = None if fields[8] == _MISSING else read_number(fields[8], "confidence", where)
    return make_event(_text(fields[7]), onset, offset, score, where)
