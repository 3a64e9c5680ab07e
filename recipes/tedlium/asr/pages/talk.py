"""Write the page of a talk: the reference above the recognized words, with the sound."""

import bisect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aed_plugins.audio import read_info
from aed_plugins.core import Event, InputError, atomic_write
from aed_plugins.report import (
    DELAY,
    EMBEDDED_SECONDS,
    data_element,
    join_scripts,
    read_asset,
    relative_link,
    sound_element,
)
from asr.formats.stm import StmSegment
from asr.formats.transcript import remove_unscored_words
from asr.pages.layout import render_page
from asr.scoring.score import ErrorCounts, ScoredSegment

_DATA = "\0"  # stands for the talk's data, which may be long


def write_alignment_page(
    path: str | Path,
    talk: str,
    scored: Sequence[ScoredSegment],
    *,
    reference: Sequence[StmSegment] = (),
    audio: Path | None = None,
    events: Sequence[Event] = (),
    notes: Mapping[str, str],
    demonstration: bool,
) -> None:
    """Write one HTML file that shows a talk's alignment, and works offline in any browser.

    Parameters
    ----------
    path : str or Path
        The page; it appears whole or not at all.
    talk : str
        The talk's name.
    scored : sequence of ScoredSegment
        Its scored segments: `Score.select_talk`.
    reference : sequence of StmSegment
        The talk's transcript before scoring, normalized: the page marks its non-speech tags,
        `<unk>` and the stretches that are not scored.
    audio : Path, optional
        The talk's sound. Up to an hour of it is put into the page as MP3, 0.5 MB a minute; a
        longer one is read from its file.
    events : sequence of Event
        Other sound events of the talk, such as applause.
    notes : mapping of str to str
        Further facts, such as the recognizer, shown in this order.
    demonstration : bool
        Whether the talk is synthesized; the page then has a notice.

    Raises
    ------
    InputError
        If there is a segment of another talk, or the sound cannot be read.

    Notes
    -----
    Words reach the page as data: its script puts them in as text, and its content security policy
    runs no script but that one and asks nothing of the network.

    Examples
    --------
    >>> import tempfile
    >>> from asr.scoring.score import AlignedWord
    >>> segment = StmSegment("AlGore_2009", "A", "AlGore", 1.0, 2.0, "", ("so",))
    >>> scored = [ScoredSegment(segment, (AlignedWord("deletion", "so", None),))]
    >>> page = Path(tempfile.mkdtemp()) / "AlGore.html"
    >>> write_alignment_page(page, "AlGore_2009", scored, notes={}, demonstration=False)
    >>> page.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    path = Path(path)
    for segment in (*(part.segment for part in scored), *reference):
        if segment.talk != talk:
            raise InputError(
                f"{path}: expected segments of {talk} alone, got one of {segment.talk}; remove it"
            )
    rows = _add_events(_make_rows(scored, reference), events)
    ends = [row["offset"] for row in rows]
    duration = read_info(audio).duration if audio else max(ends, default=1.0)
    content = {
        "rows": rows,
        "duration": duration,
        **_describe_counts(sum((part.counts for part in scored), ErrorCounts())),
        **_describe_audio(path, audio, duration),
    }
    own = "asr.pages"
    script = join_scripts(
        [read_asset("elements.js"), read_asset("player.js"), read_asset("talk.js", own)]
    )
    page = render_page(talk, notes, demonstration, read_asset("talk.html", own) + _DATA, script)
    before, after = page.split(_DATA)
    with atomic_write(path) as temporary, temporary.open("wb") as stream:
        stream.write(before.encode())
        stream.write(data_element("talk", content))
        if audio and content["audio"] == "embed":
            stream.writelines(sound_element(0, audio))
        stream.write(after.encode())


def _describe_counts(counts: ErrorCounts) -> dict[str, Any]:
    wer = counts.wer if counts.reference_words else None
    return {"wer": wer, "counts": {**counts._asdict(), "reference_words": counts.reference_words}}


def _describe_audio(path: Path, audio: Path | None, duration: float) -> dict[str, Any]:
    """Return what the page's player needs."""
    if audio is None:
        return {"audio": "none", "delay": 0}
    if duration <= EMBEDDED_SECONDS:
        return {"audio": "embed", "delay": DELAY}
    link = relative_link(path, audio)
    return {"audio": "link", "delay": 0, "link": link, "file": audio.name}


def _make_rows(
    scored: Sequence[ScoredSegment], reference: Sequence[StmSegment]
) -> list[dict[str, Any]]:
    """Return the rows of the segments by time, those that are not scored included."""
    tokens = {(segment.channel, segment.onset): segment.words for segment in reference}
    rows = [
        _make_row("not-scored", part.onset, part.offset) for part in reference if part.is_ignored
    ]
    for part in scored:
        segment = part.segment
        row = _make_row("segment", segment.onset, segment.offset)
        row["words"] = list(_list_words(part, tokens.get((segment.channel, segment.onset), ())))
        rows.append(row)
    return sorted(rows, key=lambda row: (row["onset"], row["offset"]))


def _make_row(kind: str, onset: float, offset: float) -> dict[str, Any]:
    return {"kind": kind, "onset": onset, "offset": offset, "words": [], "events": []}


def _list_words(part: ScoredSegment, tokens: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the aligned words, and between them the unscored tokens of the transcript."""
    last = part.segment.onset  # deleted words have no times of their own
    waiting = list(tokens)
    for word in part.words:
        if word.reference is not None:
            while waiting and not remove_unscored_words(waiting[:1]):
                yield _make_word("unscored", waiting.pop(0), None, last, last)
            waiting = waiting[1:]
        start = end = last
        if word.hypothesis is not None:
            start = word.hypothesis.onset
            last = end = start + word.hypothesis.duration
        recognized = None if word.hypothesis is None else word.hypothesis.word
        yield _make_word(word.kind, word.reference, recognized, start, end)
    for token in waiting:
        yield _make_word("unscored", token, None, last, last)


def _make_word(
    kind: str, reference: str | None, recognized: str | None, start: float, end: float
) -> dict[str, Any]:
    times = {"start": round(start, 3), "end": round(end, 3)}
    return {"kind": kind, "reference": reference, "recognized": recognized, **times}


def _add_events(rows: list[dict[str, Any]], events: Sequence[Event]) -> list[dict[str, Any]]:
    """Add events to the rows that they begin in, or to new rows between them."""
    onsets = [row["onset"] for row in rows]
    between: dict[int, dict[str, Any]] = {}
    for event in sorted(events, key=lambda event: (event.onset, event.offset)):
        place = bisect.bisect_right(onsets, event.onset)
        if place and event.onset < rows[place - 1]["offset"]:
            row = rows[place - 1]
        else:
            row = between.setdefault(place, _make_row("between", event.onset, event.offset))
            row["offset"] = max(row["offset"], event.offset)
        score = None if event.score is None else round(float(event.score), 4)
        row["events"].append({**event._asdict(), "score": score})
    return sorted([*rows, *between.values()], key=lambda row: row["onset"])
