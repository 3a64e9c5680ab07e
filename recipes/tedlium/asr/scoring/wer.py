"""Word error rates of recognized talks, with sclite or without, and the same either way."""

from collections.abc import Iterable, Sequence
from typing import Literal

from aed_plugins.core import InputError
from asr.formats.ctm import CtmWord
from asr.formats.stm import StmSegment
from asr.formats.transcript import for_scoring
from asr.scoring.alignment import align_segments
from asr.scoring.sclite import find_sclite, run_sclite
from asr.scoring.score import Score

Engine = Literal["auto", "sclite", "own"]


def score(
    references: Sequence[StmSegment], hypotheses: Sequence[CtmWord], engine: Engine = "auto"
) -> Score:
    """Align what was recognised in talks with what was said.

    Parameters
    ----------
    references : sequence of StmSegment
        The segments that a person wrote down, and those that are to be ignored.
    hypotheses : sequence of CtmWord
        What was recognised. A talk may be missing: all its words are deletions then. Annotations
        and `<unk>` are removed on both sides (see `transcript.for_scoring`).
    engine : {"auto", "sclite", "own"}
        What aligns them: NIST's program, this module, or the program where it is installed.

    Returns
    -------
    Score
        The scored segments, those that are to be ignored left out.

    Raises
    ------
    InputError
        If there is nothing to score, a talk was recognised that the references lack, or sclite is
        asked for and not there.

    Examples
    --------
    >>> said = [StmSegment("ted", "A", "al", 0.0, 2.0, "", ("so", "[BREATH]", "it", "is"))]
    >>> heard = [CtmWord("ted", "A", 0.5, 0.2, "it"), CtmWord("ted", "A", 1.0, 0.2, "was")]
    >>> score(said, heard, "own").total
    ErrorCounts(correct=1, substitutions=1, insertions=0, deletions=1)
    """
    segments = sorted(map(_cleaned, references), key=lambda it: (it.talk, it.channel, it.onset))
    words = sorted(
        (word for word in hypotheses if for_scoring((word.word,))),
        key=lambda word: (word.talk, word.channel, word.onset),
    )
    _check(segments, words)
    sclite = find_sclite() if engine != "own" else None
    if sclite is None and engine == "sclite":
        raise InputError(
            "expected sclite, but it is neither on the PATH nor in /usr/lib/sctk/bin nor in "
            "KALDI_ROOT; install Debian's package sctk, or score with engine='own'"
        )
    if sclite is None:
        return Score(tuple(align_segments(segments, words)), "own")
    return Score(tuple(run_sclite(sclite, segments, words)), "sclite")


def _cleaned(segment: StmSegment) -> StmSegment:
    return segment if segment.is_ignored else segment._replace(words=for_scoring(segment.words))


def _check(segments: Iterable[StmSegment], words: Iterable[CtmWord]) -> None:
    if all(segment.is_ignored for segment in segments):
        raise InputError("expected references with a segment that is to be scored, got none")
    known = {(segment.talk, segment.channel) for segment in segments}
    for word in words:
        if (word.talk, word.channel) not in known:
            raise InputError(
                f"{word.talk!r} channel {word.channel!r}: expected hypotheses for talks and "
                "channels of the references alone; leave this one out, or add its reference"
            )
