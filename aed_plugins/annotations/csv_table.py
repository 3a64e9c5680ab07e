"""Tables: columns onset, offset, label, score; read also as the DCASE community writes them.

Source: RFC 4180 (quoting; lines end in LF here, as in the project's other tables). The columns
`filename`, `event_onset`, `event_offset` and `event_label`, separated by tabs, are those of DESED
(https://github.com/turpaultn/DESED) and of sed_eval and dcase_util. A row that names a recording
and nothing else is how DESED states that a recording has no event.

Keeps times and scores exactly. Does not keep the recording's name and duration.
"""

import csv
import io
import re
from collections.abc import Iterator

from aed_plugins.annotations.parsing import (
    format_decimal,
    make_event,
    make_timeline,
    read_number,
)
from aed_plugins.core import Event, InputError, Timeline

_FIELDS = {
    "onset": "onset",
    "event_onset": "onset",
    "offset": "offset",
    "event_offset": "offset",
    "label": "label",
    "event_label": "label",
    "score": "score",
    "filename": "recording",
    "recording": "recording",
}


def write(timeline: Timeline) -> str:
    r"""Write a table.

    Parameters
    ----------
    timeline : Timeline
        The events to write.

    Examples
    --------
    >>> print(write(Timeline([Event("Crying, sobbing", 0.5, 2.0, 0.9), Event("dog", 1, 1)])))
    onset,offset,label,score
    0.5,2.0,"Crying, sobbing",0.9
    1.0,1.0,dog,
    <BLANKLINE>
    """
    rows = ["onset,offset,label,score"]
    for event in timeline.events:
        score = "" if event.score is None else format_decimal(event.score)
        times = f"{format_decimal(event.onset)},{format_decimal(event.offset)}"
        rows.append(f"{times},{_quoted(event.label)},{score}")
    return "\n".join(rows) + "\n"


def read(text: str, where: str) -> list[Timeline]:
    """Read a table; tabs separate its columns where there is one in the first line.

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
        If a column is missing or twice there, or a row is malformed; the message names the line.
    """
    found: dict[str, list[Event]] = {}
    named = False
    for row, line in _rows(text, where):
        named = "recording" in row
        events = found.setdefault(row.get("recording", ""), [])
        if not (named and row["onset"] == row["offset"] == row["label"] == ""):
            events.append(_event(row, line))
    if not named:
        return [make_timeline(where, found.get("", []))]
    return [make_timeline(where, events, name) for name, events in found.items()]


def _quoted(label: str) -> str:
    # The csv module leaves a lone CR unquoted when lines end in LF, and reads it as a line's end.
    if label == label.strip() and not any(character in label for character in ',"\r\n'):
        return label
    return '"' + label.replace('"', '""') + '"'


def _rows(text: str, where: str) -> Iterator[tuple[dict[str, str], str]]:
    """Give each row by our names of its columns, and where it stands."""
    has_tabs = re.match(r"[\r\n]*[^\r\n]*\t", text)
    delimiter = "\t" if has_tabs else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    try:
        for row in reader:
            line = f"{where} line {reader.line_num}"
            if not row:
                continue
            if not names:
                names = _columns(row, line)
                continue
            if len(row) != len(names):
                raise InputError(f"{line}: expected {len(names)} columns, got {len(row)}")
            yield {name: field for name, field in zip(names, row, strict=True) if name}, line
    except csv.Error as error:
        raise InputError(f"{where} line {reader.line_num}: expected a table: {error}") from error
    if not names:
        raise InputError(f"{where}: expected columns onset, offset, label, but the file is empty")


def _columns(header: list[str], where: str) -> list[str]:
    """Give our name of each column, and an empty one for those that are not read."""
    names = [_FIELDS.get(name.strip(), "") for name in header]
    for needed in ("onset", "offset", "label"):
        if names.count(needed) != 1:
            came = "none" if needed not in names else "several"
            raise InputError(
                f"{where}: expected one column {needed} (or event_{needed}), got {came} in"
                f" {', '.join(header)!r}"
            )
    for optional in ("score", "recording"):
        if names.count(optional) > 1:
            raise InputError(f"{where}: expected one column {optional} at most, got several")
    return names


def _event(row: dict[str, str], where: str) -> Event:
    onset = read_number(row["onset"], "onset", where)
    offset = read_number(row["offset"], "offset", where)
    text = row.get("score", "").strip()
    score = read_number(text, "score", where) if text else None
    return make_event(row["label"], onset, offset, score, where)
