"""JSON of our own: `{"recording": ..., "duration": ..., "events": [{"label": ...}, ...]}`.

Source: RFC 8259. Keeps everything exactly.
"""

import json
from typing import Any

from aed_plugins.annotations.parsing import make_event, make_timeline, read_json_number
from aed_plugins.core import Event, InputError, Timeline


def write(timeline: Timeline) -> str:
    """Write JSON.

    Parameters
    ----------
    timeline : Timeline
        The events to write.

    Examples
    --------
    >>> print(write(Timeline([Event("dog", 1, 2.5, 0.9)], "street.wav", 10.0)))
    {
     "recording": "street.wav",
     "duration": 10.0,
     "events": [
      {
       "label": "dog",
       "onset": 1.0,
       "offset": 2.5,
       "score": 0.9
      }
     ]
    }
    <BLANKLINE>
    """
    content = {
        "recording": timeline.recording,
        "duration": timeline.duration,
        "events": [event._asdict() for event in timeline.events],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read(text: str, where: str) -> list[Timeline]:
    """Read JSON; `score`, `recording` and `duration` may be missing.

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
        If it is not JSON or not of this form; the message names the line, or the event from 1.
    """
    content = load_json(text, where)
    if not isinstance(content, dict) or not isinstance(content.get("events"), list):
        raise InputError(f'{where}: expected {{"events": [...]}}, got {type(content).__name__}')
    events = [
        _event(event, f"{where} event {number}")
        for number, event in enumerate(content["events"], start=1)
    ]
    recording, duration = content.get("recording", ""), content.get("duration")
    if not isinstance(recording, str):
        raise InputError(f"{where}: expected a name as recording, got {recording!r}")
    seconds = None if duration is None else read_json_number(duration, "duration", where)
    return [make_timeline(where, events, recording, seconds)]


def load_json(text: str, where: str) -> Any:
    """Read JSON, and refuse what is not in its standard.

    Parameters
    ----------
    text : str
        The content of the file.
    where : str
        The file's name, for the message.

    Raises
    ------
    InputError
        If it is not JSON; the message names the line.
    """

    def refuse(name: str) -> None:
        raise InputError(f"{where}: expected JSON, got {name}, which is no number of JSON's")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise InputError(f"{where} line {error.lineno}: expected JSON: {error.msg}") from error
    except (RecursionError, ValueError) as error:  # the latter of numbers with 5000 digits
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: expected JSON of moderate depth and numbers") from error


def _event(event: Any, where: str) -> Event:
    if not isinstance(event, dict) or not isinstance(event.get("label"), str):
        raise InputError(f"{where}: expected label, onset and offset, got {str(event)[:60]!r}")
    onset = read_json_number(event.get("onset"), "onset", where)
    offset = read_json_number(event.get("offset"), "offset", where)
    score = event.get("score")
    probability = None if score is None else read_json_number(score, "score", where)
    return make_event(event["label"], onset, offset, probability, where)
