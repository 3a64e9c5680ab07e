"""JAMS: JSON annotated music specification, with time-stamped tags.

Source: Humphrey et al., "JAMS: A JSON Annotated Music Specification for Reproducible MIR Research",
ISMIR 2014; schema and namespaces of https://github.com/marl/jams. The namespace is `tag_open`: tags
of any vocabulary, which may overlap. Read are all annotations in it, in `segment_open` and in
`tag_audioset` and `tag_urbansound`.

Keeps everything. An offset is kept as a duration, so that its last of 17 digits may change. Says
always how long the recording is, as the schema asks: to the last offset where that is not known.
"""

import json
from decimal import Decimal
from typing import Any

from aed_plugins.annotations.json_file import load_json
from aed_plugins.annotations.parsing import make_event, make_timeline, read_json_number
from aed_plugins.core import Event, InputError, Timeline

_NAMESPACES = ("tag_open", "segment_open", "tag_audioset", "tag_urbansound")


def write(timeline: Timeline) -> str:
    """Write JAMS.

    Parameters
    ----------
    timeline : Timeline
        The events to write.

    Examples
    --------
    >>> text = write(Timeline([Event("dog", 0.1, 0.3, 0.9)], "street.wav", 10.0))
    >>> json.loads(text)["annotations"][0]["data"]
    [{'time': 0.1, 'duration': 0.2, 'value': 'dog', 'confidence': 0.9}]
    """
    tags = {
        "namespace": "tag_open",
        "annotation_metadata": {
            "curator": {"name": "", "email": ""},
            "annotator": {},
            "annotation_tools": "aed_plugins",
        },
        "data": [_observation(event) for event in timeline.events],
        "sandbox": {},
        "time": 0.0,
        "duration": timeline.duration,
    }
    reached = max((event.offset for event in timeline.events), default=0.0)
    file = {
        "title": timeline.recording,
        "artist": "",
        "release": "",
        "duration": reached if timeline.duration is None else timeline.duration,
        "identifiers": {},
        "jams_version": "0.3.5",
    }
    content = {"annotations": [tags], "file_metadata": file, "sandbox": {}}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read(text: str, where: str) -> list[Timeline]:
    """Read JAMS.

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
        If it is not JAMS or has no annotation in a namespace that is read; the message names the
        line, or annotation and observation from 1.
    """
    content = load_json(text, where)
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise InputError(f'{where}: expected {{"annotations": [...]}}')
    events: list[Event] = []
    others = []
    for number, tags in enumerate(content["annotations"], start=1):
        place = f"{where} annotation {number}"
        if not isinstance(tags, dict) or not isinstance(tags.get("namespace"), str):
            raise InputError(f"{place}: expected a namespace and data")
        if tags["namespace"] in _NAMESPACES:
            events += _events(tags.get("data"), place)
        else:
            others.append(tags["namespace"])
    if others and len(others) == len(content["annotations"]):
        known = ", ".join(_NAMESPACES)
        raise InputError(f"{where}: expected a namespace of {known}, got {', '.join(others)}")
    return [make_timeline(where, events, *_file(content.get("file_metadata"), where))]


def _observation(event: Event) -> dict[str, Any]:
    # In decimals: 0.3 - 0.1 is 0.2 there, not 0.19999999999999998.
    duration = Decimal(repr(event.offset)) - Decimal(repr(event.onset))
    return {
        "time": event.onset,
        "duration": float(duration),
        "value": event.label,
        "confidence": event.score,
    }


def _events(data: Any, where: str) -> list[Event]:
    if not isinstance(data, list):
        raise InputError(f"{where}: expected a list of observations, got {type(data).__name__}")
    return [
        _event(observation, f"{where} observation {number}")
        for number, observation in enumerate(data, start=1)
    ]


def _event(observation: Any, where: str) -> Event:
    if not isinstance(observation, dict) or not isinstance(observation.get("value"), str):
        came = str(observation)[:60]
        raise InputError(f"{where}: expected time, duration and a text as value, got {came!r}")
    onset = read_json_number(observation.get("time"), "time", where)
    duration = read_json_number(observation.get("duration"), "duration", where)
    confidence = observation.get("confidence")
    score = None if confidence is None else read_json_number(confidence, "confidence", where)
    offset = float(Decimal(repr(onset)) + Decimal(repr(duration)))
    return make_event(observation["value"], onset, offset, score, where)


def _file(metadata: Any, where: str) -> tuple[str, float | None]:
    """Give the recording's name and duration."""
    given = metadata if isinstance(metadata, dict) else {}
    title, duration = given.get("title"), given.get("duration")
    seconds = None if duration is None else read_json_number(duration, "duration", where)
    return title if isinstance(title, str) else "", seconds
