"""The page of a talk: what was said against what was recognised, with the sound."""

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
from asr.formats.transcript import for_scoring
from asr.pages.frame import framed
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
        What was recognised in it: `Score.of_talk`.
    reference : sequence of StmSegment
        The talk's transcript before scoring, normalised: where it has annotations, `<unk>` and
        stretches that are not scored, the page marks them.
    audio : Path, optional
        The talk's sound. Up to an hour of it is put into the page as MP3, 0.5 MB a minute; a
        longer one is read from its file.
    events : sequence of Event
        What else is heard in the talk, such as applause.
    notes : mapping of str to str
        What else a reader should know, such as the recogniser; shown in its order.
    demonstration : bool
        Whether the talk is synthesized; the page says so.

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
                f"{path}: expected segments of {talk} alone, got one of {segment.talk}; "
                "leave it out"
            )
    rows = _with_events(_segment_rows(scored, reference), events)
    ends = [row["offset"] for row in rows]
    duration = read_info(audio).duration if audio else max(ends, default=1.0)
    content = {
        "rows": rows,
        "duration": duration,
        **_counted(sum((part.counts for part in scored), ErrorCounts())),
        **_way_to_hear(path, audio, duration),
    }
    own = "asr.pages"
    script = join_scripts(
        [read_asset("elements.js"), read_asset("player.js"), read_asset("talk.js", own)]
    )
    page = framed(talk, notes, demonstration, read_asset("talk.html", own) + _DATA, script)
    before, after = page.split(_DATA)
    with atomic_write(path) as temporary, temporary.open("wb") as stream:
        stream.write(before.encode())
        stream.write(data_element("talk", content))
        if audio and content["audio"] == "embed":
            stream.writelines(sound_element(0, audio))
        stream.write(after.encode())


def _counted(counts: ErrorCounts) -> dict[str, Any]:
    wer = counts.wer if counts.reference_words else None
    return {"wer": wer, "counts": {**counts._asdict(), "reference_words": counts.reference_words}}


def _way_to_hear(path: Path, audio: Path | None, duration: float) -> dict[str, Any]:
    """Give what the page's player needs to know."""
    if audio is None:
        return {"audio": "none", "delay": 0}
    if duration <= EMBEDDED_SECONDS:
        return {"audio": "embed", "delay": DELAY}
    link = relative_link(path, audio)
    return {"audio": "link", "delay": 0, "link": link, "file": audio.name}


def _segment_rows(
    scored: Sequence[ScoredSegment], reference: Sequence[StmSegment]
) -> list[dict[str, Any]]:
    """Give the segments, those that are not scored too, in the order of time."""
    tokens = {(segment.channel, segment.onset): segment.words for segment in reference}
    rows = [_row("not-scored", part.onset, part.offset) for part in reference if part.is_ignored]
    for part in scored:
        segment = part.segment
        row = _row("segment", segment.onset, segment.offset)
        row["words"] = list(_words(part, tokens.get((segment.channel, segment.onset), ())))
        rows.append(row)
    return sorted(rows, key=lambda row: (row["onset"], row["offset"]))


def _row(kind: str, onset: float, offset: float) -> dict[str, Any]:
    return {"kind": kind, "onset": onset, "offset": offset, "words": [], "events": []}


def _words(part: ScoredSegment, tokens: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give the aligned words, and between them what scoring left out of the transcript."""
    last = part.segment.onset  # words that were not heard have no times of their own
    waiting = list(tokens)
    for word in part.words:
        if word.reference is not None:
            while waiting and not for_scoring(waiting[:1]):
                yield _word("annotation", waiting.pop(0), None, last, last)
            waiting = waiting[1:]
        start = end = last
        if word.hypothesis is not None:
            start = word.hypothesis.onset
            last = end = start + word.hypothesis.duration
        heard = None if word.hypothesis is None else word.hypothesis.word
        yield _word(word.kind, word.reference, heard, start, end)
    for token in waiting:
        yield _word("annotation", token, None, last, last)


def _word(
    kind: str, said: str | None, heard: str | None, start: float, end: float
) -> dict[str, Any]:
    times = {"start": round(start, 3), "end": round(end, 3)}
    return {"kind": kind, "said": said, "heard": heard, **times}


def _with_events(rows: list[dict[str, Any]], events: Sequence[Event]) -> list[dict[str, Any]]:
    """Put events into the rows that they begin in, or into new ones between them."""
    onsets = [row["onset"] for row in rows]
    between: dict[int, dict[str, Any]] = {}
    for event in sorted(events, key=lambda event: (event.onset, event.offset)):
        place = bisect.bisect_right(onsets, event.onset)
        if place and event.onset < rows[place - 1]["offset"]:
            row = rows[place - 1]
        else:
            row = between.setdefault(place, _row("between", event.onset, event.offset))
            row["offset"] = max(row["offset"], event.offset)
        score = None if event.score is None else round(float(event.score), 4)
        row["events"].append({**event._asdict(), "score": score})
    return sorted([*rows, *between.values()], key=lambda row: row["onset"])
