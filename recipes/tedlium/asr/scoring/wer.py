"""Score recognized talks with sclite or with our own alignment; both give the same counts."""

from collections.abc import Iterable, Sequence
from typing import Literal

from aed_plugins.core import InputError
from asr.formats.ctm import CtmWord
from asr.formats.stm import StmSegment
from asr.formats.transcript import remove_unscored_words
from asr.scoring.alignment import align_segments
from asr.scoring.sclite import find_sclite, run_sclite
from asr.scoring.score import Score

Engine = Literal["auto", "sclite", "own"]


def score_words(
    references: Sequence[StmSegment], hypotheses: Sequence[CtmWord], engine: Engine = "auto"
) -> Score:
    """Align recognized words with the references, and count the errors.

    Parameters
    ----------
    references : sequence of StmSegment
        The transcribed segments, and those that are to be ignored.
    hypotheses : sequence of CtmWord
        The recognized words. A talk may be missing: all its words are deletions then. Non-speech
        tags and `<unk>` are removed on both sides (see `transcript.remove_unscored_words`).
    engine : {"auto", "sclite", "own"}
        What aligns them: NIST's program, `alignment.align_segments`, or the program where it is
        installed.

    Returns
    -------
    Score
        The scored segments, those that are to be ignored left out.

    Raises
    ------
    InputError
        If there is nothing to score, a talk was recognized that the references lack, or sclite is
        asked for and not there.

    Examples
    --------
    >>> references = [StmSegment("ted", "A", "al", 0.0, 2.0, "", ("so", "[BREATH]", "it", "is"))]
    >>> recognized = [CtmWord("ted", "A", 0.5, 0.2, "it"), CtmWord("ted", "A", 1.0, 0.2, "was")]
    >>> score_words(references, recognized, "own").total
    ErrorCounts(correct=1, substitutions=1, insertions=0, deletions=1)
    """
    segments = sorted(
        map(_remove_unscored, references), key=lambda it: (it.talk, it.channel, it.onset)
    )
    words = sorted(
        (word for word in hypotheses if remove_unscored_words((word.word,))),
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


def _remove_unscored(segment: StmSegment) -> StmSegment:
    if segment.is_ignored:
        return segment
    return segment._replace(words=remove_unscored_words(segment.words))


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
