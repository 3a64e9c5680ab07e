"""ELAN's annotation files (EAF 3.0).

Source: Max Planck Institute for Psycholinguistics, "EAF Annotation Format" and the schema
http://www.mpi.nl/tools/elan/EAFv3.0.xsd. Annotations cannot overlap within a tier: each label has a
tier of its own, and further ones (`dog (2)`) where its events overlap. Scores stand in a tier that
depends on it, of the type `event-score`, one for each annotation. The recording is named without a
folder: ELAN looks for it in the file's folder. The label is an annotation's text, not its tier's
name; other dependent tiers are not read.

Times are rounded to a millisecond, the unit of EAF. Keeps scores exactly, the recording's name, its
duration (as a property of the header) and zero-length events, which ELAN itself does not make.
"""

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import PurePath
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from aed_plugins.annotations.parsing import (
    format_decimal,
    make_event,
    make_timeline,
    read_number,
    to_milliseconds,
)
from aed_plugins.annotations.tiers import find_free_name, group_by_label, split_into_tiers
from aed_plugins.core import Event, InputError, Timeline

_DURATION = "aed_plugins.duration"
# White space too: a parser turns it into spaces in attributes, and CR into LF in texts.
_REFERENCES = {character: f"&#{ord(character)};" for character in '&<>"\t\n\r'}
_TYPES = {".wav": "audio/x-wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg"}
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="aed_plugins" DATE="{date}" FORMAT="3.0" VERSION="3.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">"""
_FOOT = """<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="event"
 TIME_ALIGNABLE="true"/>
<LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" GRAPHIC_REFERENCES="false"
 LINGUISTIC_TYPE_ID="event-score" TIME_ALIGNABLE="false"/>
<CONSTRAINT DESCRIPTION="1-1 association with a parent annotation"
 STEREOTYPE="Symbolic_Association"/>
</ANNOTATION_DOCUMENT>
"""


def write(timeline: Timeline) -> str:
    """Write EAF.

    Parameters
    ----------
    timeline : Timeline
        The events to write.

    Examples
    --------
    >>> text = write(Timeline([Event("R&B", 1, 2.0004, 0.9)], "street.wav"))
    >>> [line for line in text.splitlines() if "TIME_VALUE" in line or "_VALUE>" in line]
    ['<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/>',
     '<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2000"/>',
     '<ANNOTATION_VALUE>R&#38;B</ANNOTATION_VALUE>', '<ANNOTATION_VALUE>0.9</ANNOTATION_VALUE>']
    """
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    lines = [_HEAD.format(date=date), *_header(timeline), "</HEADER>"]
    tiers: dict[str, list[str]] = {}
    times: list[int] = []
    for label, events in group_by_label(timeline.events).items():
        for lane in split_into_tiers(map(_rounded, events)):
            _add_tiers(label, lane, times, tiers)
    # The slots are listed by their times; a slot's number is its place in `times`.
    order = sorted(range(len(times)), key=lambda place: (times[place], place))
    lines.append("<TIME_ORDER>")
    lines += [f'<TIME_SLOT TIME_SLOT_ID="ts{i + 1}" TIME_VALUE="{times[i]}"/>' for i in order]
    lines.append("</TIME_ORDER>")
    for tier in tiers.values():
        lines += tier
    return "\n".join([*lines, _FOOT])


def read(text: str, where: str) -> list[Timeline]:
    """Read EAF.

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
        If it is not XML or not EAF; the message names the line, or the annotation by its id.
    """
    document = _parse(text, where)
    header = document.find("HEADER")
    units = "" if header is None else header.get("TIME_UNITS", "milliseconds")
    if document.tag != "ANNOTATION_DOCUMENT" or header is None or units != "milliseconds":
        came = f"{document.tag} {units}".strip()
        raise InputError(f"{where}: expected an ANNOTATION_DOCUMENT in milliseconds, got {came}")
    slots = _slots(document, where)
    scores = {
        reference.get("ANNOTATION_REF"): reference.findtext("ANNOTATION_VALUE") or ""
        for tier in document.iter("TIER")
        if tier.get("LINGUISTIC_TYPE_REF") == "event-score"
        for reference in tier.iter("REF_ANNOTATION")
    }
    events = []
    for found in document.iter("ALIGNABLE_ANNOTATION"):
        name = found.get("ANNOTATION_ID")
        place = f"{where} annotation {name}"
        onset, offset = (_time(found.get(f"TIME_SLOT_REF{end}"), slots, place) for end in (1, 2))
        score = read_number(scores[name], "score", place) if name in scores else None
        label = found.findtext("ANNOTATION_VALUE") or ""
        events.append(make_event(label, onset, offset, score, place))
    return [make_timeline(where, events, _recording(header), _duration(header, where))]


def _header(timeline: Timeline) -> Iterator[str]:
    name = PurePath(timeline.recording).name
    if name:
        url = f"./{quote(name)}"
        kind = _TYPES.get(PurePath(name).suffix.lower(), "unknown")
        yield f'<MEDIA_DESCRIPTOR MEDIA_URL="{url}" MIME_TYPE="{kind}" RELATIVE_MEDIA_URL="{url}"/>'
    if timeline.duration is not None:
        yield f'<PROPERTY NAME="{_DURATION}">{format_decimal(timeline.duration)}</PROPERTY>'


def _rounded(event: Event) -> Event:
    return event._replace(onset=to_milliseconds(event.onset), offset=to_milliseconds(event.offset))


def _add_tiers(
    label: str, lane: list[Event], times: list[int], tiers: dict[str, list[str]]
) -> None:
    """Add a lane of events in milliseconds as a tier, and their scores as another."""
    name = find_free_name(label, tiers)
    tiers[name] = [f'<TIER LINGUISTIC_TYPE_REF="event" TIER_ID="{_escaped(name)}">']
    scores = []
    for event in lane:
        times += [int(event.onset), int(event.offset)]
        end = len(times)
        identity = f"a{end // 2}"
        slots = f'TIME_SLOT_REF1="ts{end - 1}" TIME_SLOT_REF2="ts{end}"'
        tiers[name] += _annotation(
            f'ALIGNABLE_ANNOTATION ANNOTATION_ID="{identity}" {slots}', label
        )
        if event.score is not None:
            head = f'REF_ANNOTATION ANNOTATION_ID="s{end // 2}" ANNOTATION_REF="{identity}"'
            scores += _annotation(head, format_decimal(event.score))
    tiers[name].append("</TIER>")
    if scores:
        child = find_free_name(f"{name} score", tiers)
        parent = f'PARENT_REF="{_escaped(name)}" TIER_ID="{_escaped(child)}"'
        tiers[child] = [f'<TIER LINGUISTIC_TYPE_REF="event-score" {parent}>', *scores, "</TIER>"]


def _annotation(head: str, value: str) -> list[str]:
    kind = head.split(maxsplit=1)[0]
    inner = f"<ANNOTATION_VALUE>{_escaped(value)}</ANNOTATION_VALUE>"
    return ["<ANNOTATION>", f"<{head}>", inner, f"</{kind}>", "</ANNOTATION>"]


def _escaped(text: str) -> str:
    return "".join(_REFERENCES.get(character, character) for character in text)


class _Builder(ElementTree.TreeBuilder):
    """Refuses document type declarations: EAF has none, and their entities can fill the memory."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise InputError("expected EAF, got a document type declaration")


def _parse(text: str, where: str) -> ElementTree.Element:
    try:
        parser = ElementTree.XMLParser(target=_Builder())
        parser.feed(text)
        return parser.close()
    except ElementTree.ParseError as error:
        line = error.position[0]
        reason = str(error).partition(":")[0]
        raise InputError(f"{where} line {line}: expected EAF, which is XML: {reason}") from error
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _slots(document: ElementTree.Element, where: str) -> dict[str | None, float | None]:
    slots: dict[str | None, float | None] = {}
    for slot in document.iter("TIME_SLOT"):
        name, value = slot.get("TIME_SLOT_ID"), slot.get("TIME_VALUE")
        place = f"{where} time slot {name}"
        slots[name] = None if value is None else read_number(value, "TIME_VALUE", place) / 1000
    return slots


def _time(slot: str | None, slots: dict[str | None, float | None], where: str) -> float:
    time = slots.get(slot)
    if time is None:
        raise InputError(f"{where}: expected a time slot with a time, got {slot}; align it in ELAN")
    return time


def _recording(header: ElementTree.Element) -> str:
    media = header.find("MEDIA_DESCRIPTOR")
    if media is None:
        return ""
    url = media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or ""
    return unquote(url.rpartition("/")[2])


def _duration(header: ElementTree.Element, where: str) -> float | None:
    for found in header.iter("PROPERTY"):
        if found.get("NAME") == _DURATION:
            return read_number(found.text or "", _DURATION, where)
    return None
