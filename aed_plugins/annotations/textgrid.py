"""Praat's TextGrid.

Source: the Praat manual, "TextGrid file formats". Intervals cannot overlap within a tier and fill
it: each label has an interval tier of its own, and further ones (`dog (2)`) where its events
overlap; the gaps are intervals without text. Events without length are in a point tier, for an
interval must have one. Written is the long text form in UTF-8, read the long and the short one, as
Praat does: numbers, texts in quotes and flags count, everything else is a comment. The label is an
interval's text, not its tier's name.

Keeps times exactly. Does not keep scores and the recording's name. Says always how long the
recording is: to the last offset where the duration is not known, or shorter.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from aed_plugins.annotations.parsing import (
    format_decimal,
    make_event,
    make_timeline,
    read_number,
)
from aed_plugins.annotations.tiers import find_free_name, group_by_label, split_into_tiers
from aed_plugins.core import Event, InputError, Timeline

_TOKEN = re.compile(
    r"""(?P<comment>(?<!\S)![^\r\n]*)
    |(?P<text>"(?:[^"]|"")*")
    |(?P<flag><\w+>)
    |(?P<number>(?<!\S)[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?!\S))
    |(?P<quote>")
    |(?P<other>[^\s"]+)""",
    re.VERBOSE,
)


class _Token(NamedTuple):
    kind: str
    text: str
    where: str


def write(timeline: Timeline) -> str:
    """Write a TextGrid.

    Parameters
    ----------
    timeline : Timeline
        The events to write.

    Raises
    ------
    InputError
        If there is neither a duration nor an event that ends after 0 s.

    Examples
    --------
    >>> text = write(Timeline([Event("dog", 1, 2), Event("dog", 1.5, 2.5)], duration=4.0))
    >>> [line.strip() for line in text.splitlines() if "name" in line or "text" in line]
    ['name = "dog"', 'text = ""', 'text = "dog"', 'text = ""',
     'name = "dog (2)"', 'text = ""', 'text = "dog"', 'text = ""']
    """
    known = [] if timeline.duration is None else [timeline.duration]
    end = max([*known, *(event.offset for event in timeline.events)], default=0.0)
    if end == 0:
        raise InputError("a TextGrid needs the recording's duration: give one above 0 s")
    tiers: dict[str, list[str]] = {}
    for label, events in group_by_label(timeline.events).items():
        for lane in split_into_tiers(event for event in events if event.duration > 0):
            tiers[find_free_name(label, tiers)] = _intervals(lane, end)
        for lane in split_into_tiers(event for event in events if event.duration == 0):
            tiers[find_free_name(label, tiers)] = _points(lane)
    if not tiers:
        tiers["events"] = _intervals([], end)  # Praat makes no TextGrid without a tier
    limits = ["xmin = 0", f"xmax = {format_decimal(end)}"]
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", *limits]
    head += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, content) in enumerate(tiers.items(), start=1):
        kind, *rest = content
        tier = [kind, f"name = {_quoted(name)}", *limits, *rest]
        head += [f"    item [{number}]:", *(f"        {line}" for line in tier)]
    return "\n".join(head) + "\n"


def read(text: str, where: str) -> list[Timeline]:
    """Read a TextGrid.

    Parameters
    ----------
    text : str
        The content of the file.
    where : str
        The file's name, for messages.

    Returns
    -------
    list of Timeline
        One; its duration is where the TextGrid ends.

    Raises
    ------
    InputError
        If it is not a TextGrid, or malformed or cut short; the message names the line.
    """
    tokens = _Tokens(text, where)
    if (tokens.text("ooTextFile"), tokens.text("TextGrid")) != ("ooTextFile", "TextGrid"):
        raise InputError(f"{where} line 1: expected a TextGrid in Praat's text format")
    tokens.number("xmin")
    end = tokens.number("xmax")
    events: list[Event] = []
    if tokens.flag() == "<exists>":
        for _ in range(tokens.count("tiers")):
            events += _tier(tokens)
    return [make_timeline(where, events, duration=end)]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _intervals(lane: list[Event], end: float) -> list[str]:
    spans: list[tuple[float, float, str]] = []
    reached = 0.0
    for event in lane:
        if event.onset > reached:
            spans.append((reached, event.onset, ""))
        spans.append((event.onset, event.offset, event.label))
        reached = event.offset
    if end > reached:
        spans.append((reached, end, ""))
    lines = ['class = "IntervalTier"', f"intervals: size = {len(spans)}"]
    for number, (start, stop, label) in enumerate(spans, start=1):
        limits = [f"    xmin = {format_decimal(start)}", f"    xmax = {format_decimal(stop)}"]
        lines += [f"intervals [{number}]:", *limits, f"    text = {_quoted(label)}"]
    return lines


def _points(lane: list[Event]) -> list[str]:
    lines = ['class = "TextTier"', f"points: size = {len(lane)}"]
    for number, event in enumerate(lane, start=1):
        time, mark = format_decimal(event.onset), _quoted(event.label)
        lines += [f"points [{number}]:", f"    number = {time}", f"    mark = {mark}"]
    return lines


class _Tokens:
    """What counts in a text file of Praat's, in order."""

    def __init__(self, text: str, where: str):
        self.file = where
        self.where = where
        self.tokens = self._split(text)

    def text(self, what: str) -> str:
        return self._next("text", what).text[1:-1].replace('""', '"')

    def number(self, what: str) -> float:
        token = self._next("number", what)
        return read_number(token.text, what, token.where)

    def count(self, what: str) -> int:
        value = self.number(f"number of {what}")
        if value < 0 or value != int(value):
            raise InputError(f"{self.where}: expected a number of {what}, got {value}")
        return int(value)

    def flag(self) -> str:
        return self._next("flag", "<exists>").text

    def _next(self, kind: str, what: str) -> _Token:
        token = next(self.tokens, None)
        if token is None:
            raise InputError(f"{self.file}: expected {what}, but the file ends: it was cut short")
        self.where = token.where
        if token.kind != kind:
            raise InputError(f"{token.where}: expected a {kind} ({what}), got {token.text[:60]!r}")
        return token

    def _split(self, text: str) -> Iterator[_Token]:
        line, counted, is_value = 1, 0, False
        for found in _TOKEN.finditer(text):
            kind = found.lastgroup or ""
            # What is no token is a comment to Praat, but not after an equals sign.
            passed_over = kind == "comment" or (kind == "other" and not is_value)
            is_value = kind == "other" and found[0].endswith("=")
            if passed_over:
                continue
            line += len(re.findall(r"\r\n|\r|\n", text[counted : found.start()]))
            counted = found.start()
            yield _Token(kind, found[0], f"{self.file} line {line}")


def _tier(tokens: _Tokens) -> Iterator[Event]:
    kind = tokens.text("class")
    if kind not in ("IntervalTier", "TextTier"):
        raise InputError(f"{tokens.where}: expected IntervalTier or TextTier, got {kind!r}")
    tokens.text("name")
    tokens.number("xmin")
    tokens.number("xmax")
    for _ in range(tokens.count("intervals or points")):
        onset = tokens.number("xmin" if kind == "IntervalTier" else "number")
        offset = tokens.number("xmax") if kind == "IntervalTier" else onset
        label = tokens.text("text" if kind == "IntervalTier" else "mark")
        if label.strip() or kind == "TextTier":
            yield make_event(label, onset, offset, None, tokens.where)
