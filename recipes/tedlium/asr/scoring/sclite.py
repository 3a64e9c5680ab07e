"""Run NIST's sclite, the usual program for scoring recognized speech.

It reads an STM and a CTM file and writes an SGML report of alignments. Words and talks are
written for it with `%` escapes, in lower case: in its files braces and slashes are alternations, an
at sign is no word, a first word with an angle bracket is a condition, and its report does not
escape quotes and commas.

Source: sclite's manual, https://github.com/usnistgov/SCTK/blob/master/doc/sclite.htm, and the files
that it writes.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from aed_plugins.annotations import format_decimal
from asr.execution.programs import run_program
from asr.formats.ctm import CtmWord
from asr.formats.stm import IGNORED, StmSegment
from asr.scoring.score import AlignedWord, ScoredSegment, WordKind

_DEBIAN = Path("/usr/lib/sctk/bin/sclite")
_PATH = re.compile(r'<PATH [^>]*sequence="(\d+)"[^>]*>\n(.*)\n</PATH>')
_WORD = re.compile(r'([CSID]),(?:"([^"]*)")?,(?:"([^"]*)",([\d.]+)\+([\d.]+))?')
_KINDS: dict[str, WordKind] = {
    "C": "correct",
    "S": "substitution",
    "I": "insertion",
    "D": "deletion",
}


def find_sclite() -> Path | None:
    """Find the program: on the PATH, where Debian's package sctk has it, or within KALDI_ROOT.

    Returns
    -------
    Path or None
        The program; `None` where there is none.
    """
    on_path = shutil.which("sclite")
    places = [Path(on_path)] if on_path else []
    places.append(_DEBIAN)
    if root := os.environ.get("KALDI_ROOT"):
        places.append(Path(root) / "tools/sctk/bin/sclite")
    return next((place for place in places if os.access(place, os.X_OK)), None)


def run_sclite(
    sclite: Path, segments: Sequence[StmSegment], words: Sequence[CtmWord]
) -> list[ScoredSegment]:
    """Run sclite on segments and recognized words.

    Parameters
    ----------
    sclite : Path
        The program.
    segments : sequence of StmSegment
        Sorted by talk, channel and onset, those that are to be ignored among them.
    words : sequence of CtmWord
        Sorted by talk, channel and onset; of talks that have segments.

    Returns
    -------
    list of ScoredSegment
        One for each segment that is not to be ignored.

    Raises
    ------
    InputError
        If sclite fails; its files stay then, and the message names its log.
    """
    folder = Path(tempfile.mkdtemp(prefix="sclite-"))
    stm, ctm = folder / "reference.stm", folder / "hypothesis.ctm"
    stm.write_text("".join(map(_format_stm_line, segments)), encoding="ascii")
    ctm.write_text("".join(map(_format_ctm_line, words)), encoding="ascii")
    run_program(
        [
            *(sclite, "-f", "0", "-s", "-r", stm, "stm", "-h", ctm, "ctm"),
            *("-O", folder, "-n", "report", "-o", "sgml"),
        ],
        folder / "sclite.log",
    )
    report = (folder / "report.sgml").read_text(encoding="ascii")
    scored = _read_report(
        report, [segment for segment in segments if not segment.is_ignored], words
    )
    shutil.rmtree(folder)
    return scored


def _escape(text: str) -> str:
    return quote(text, safe="'")


def _format_stm_line(segment: StmSegment) -> str:
    words = [IGNORED] if segment.is_ignored else [_escape(word.lower()) for word in segment.words]
    times = format_decimal(segment.onset), format_decimal(segment.offset)
    names = _escape(segment.talk), _escape(segment.channel), "speaker"
    return " ".join((*names, *times, *words)) + "\n"


def _format_ctm_line(word: CtmWord) -> str:
    times = format_decimal(word.onset), format_decimal(word.duration)
    names = _escape(word.talk), _escape(word.channel)
    return " ".join((*names, *times, _escape(word.word.lower()))) + "\n"


def _read_report(
    report: str, segments: Sequence[StmSegment], words: Sequence[CtmWord]
) -> list[ScoredSegment]:
    paths = {int(number): line for number, line in _PATH.findall(report)}
    if sorted(paths) != list(range(len(segments))):
        raise RuntimeError(f"sclite scored {len(paths)} segments of {len(segments)}")
    rest = iter(words)
    return [
        ScoredSegment(segment, tuple(_read_words(paths[number], segment, rest)))
        for number, segment in enumerate(segments)
    ]


def _read_words(line: str, segment: StmSegment, words: Iterator[CtmWord]) -> Iterable[AlignedWord]:
    references = iter(segment.words)  # as they were spelled before they were escaped
    for letter, _, text, onset, offset in _WORD.findall(line):
        hypothesis = None
        if text:
            place = segment.talk, segment.channel, text, float(onset), float(offset)
            hypothesis = _find_next_word(words, *place)
        yield AlignedWord(_KINDS[letter], None if letter == "I" else next(references), hypothesis)


def _find_next_word(
    words: Iterator[CtmWord], talk: str, channel: str, text: str, onset: float, offset: float
) -> CtmWord:
    """Advance to the word that the report names, past those in stretches that are ignored."""
    for word in words:
        is_there = (word.talk, word.channel, _escape(word.word.lower())) == (talk, channel, text)
        end = word.onset + word.duration
        if is_there and abs(word.onset - onset) < 0.001 and abs(end - offset) < 0.001:
            return word
    raise RuntimeError(f"sclite reports {text!r} of {talk} at {onset}, which it was not given")
