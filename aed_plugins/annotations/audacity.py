r"""Audacity's label tracks: start, end and label, separated by tabs.

Source: the Audacity manual, "Importing and Exporting Labels", and LabelTrack.cpp of Audacity 3.
Lines that begin with a backslash give the frequencies of the label before and are passed over. A
label with a start alone is a point, as in Audacity. Tabs and line ends cannot be in a label there:
they are escaped (see `parsing.escape`).

Times are kept to a microsecond, which is what Audacity writes; zero-length events are its point
labels. Does not keep scores, the recording's name and its duration.
"""

from aed_plugins.annotations.parsing import (
    escape,
    make_event,
    make_timeline,
    read_number,
    split_lines,
    unescape,
)
from aed_plugins.core import Event, InputError, Timeline


def write(timeline: Timeline) -> str:
    r"""Write a label track.

    Parameters
    ----------
    timeline : Timeline
        The events to write.

    Examples
    --------
    >>> write(Timeline([Event("Crying, sobbing", 0.5, 2.0, 0.9)]))
    '0.500000\t2.000000\tCrying, sobbing\n'
    """
    labels = [escape(event.label, "[\t\r\n]") for event in timeline.events]
    return "".join(
        f"{event.onset:.6f}\t{event.offset:.6f}\t{label}\n"
        for event, label in zip(timeline.events, labels, strict=True)
    )


def read(text: str, where: str) -> list[Timeline]:
    """Read a label track.

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
        If a line is malformed or a label has no text; the message names the line.
    """
    events: list[Event] = []
    for number, line in enumerate(split_lines(text), start=1):
        place = f"{where} line {number}"
        if line.startswith("\\"):
            _check_frequencies(line, bool(events), place)
        elif line.strip():
            events.append(_event(line, place))
    return [make_timeline(where, events)]


def _event(line: str, where: str) -> Event:
    start, *rest = line.split("\t")
    onset = read_number(start, "start", where)
    if len(rest) == 2:
        return make_event(unescape(rest[1]), onset, read_number(rest[0], "end", where), None, where)
    if len(rest) == 1:
        return make_event(unescape(rest[0]), onset, onset, None, where)
    raise InputError(
        f"{where}: expected start, end and label with tabs between them, got {line[:60]!r}"
    )


def _check_frequencies(line: str, has_label: bool, where: str) -> None:
    _, *frequencies = line.split("\t")
    if not has_label or len(frequencies) != 2:
        raise InputError(f"{where}: expected two frequencies under a label, got {line[:60]!r}")
    for frequency in frequencies:
        read_number(frequency, "frequency", where)
