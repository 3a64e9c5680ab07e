"""Scores of recognized talks: aligned words and counts of errors.

The same structure whichever program aligned the words; `wer.score_words` returns it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from asr.formats.ctm import CtmWord
from asr.formats.stm import StmSegment

WordKind = Literal["correct", "substitution", "insertion", "deletion"]


class AlignedWord(NamedTuple):
    """A reference word, a recognized word, or one of each that are aligned.

    Attributes
    ----------
    kind : str
        `correct`, `substitution`, `insertion` or `deletion`.
    reference : str or None
        The reference word; `None` for an insertion.
    hypothesis : CtmWord or None
        The recognized word with its time; `None` for a deletion.
    """

    kind: WordKind
    reference: str | None
    hypothesis: CtmWord | None


class ErrorCounts(NamedTuple):
    """Numbers of correct words and of errors. Two of them can be added with `+`.

    Attributes
    ----------
    correct, substitutions, insertions, deletions : int
        Numbers of words.

    Examples
    --------
    >>> counts = ErrorCounts(correct=7, substitutions=1) + ErrorCounts(insertions=1, deletions=2)
    >>> counts.reference_words, counts.errors, counts.wer
    (10, 4, 0.4)
    """

    correct: int = 0
    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0

    @property
    def reference_words(self) -> int:
        """The number of reference words."""
        return self.correct + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        """Substitutions, insertions and deletions together."""
        return self.substitutions + self.insertions + self.deletions

    @property
    def wer(self) -> float:
        """Errors per reference word (a fraction, not per cent); NaN without reference words."""
        return self.errors / self.reference_words if self.reference_words else float("nan")

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":  # type: ignore[override]
        """Add the numbers of two parts of the data."""
        return ErrorCounts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class ScoredSegment(NamedTuple):
    """A segment of the reference with the words recognized in it.

    Attributes
    ----------
    segment : StmSegment
        As it was scored: without non-speech tags and `<unk>`. Never one that scoring ignores.
    words : tuple of AlignedWord
        In the order of time. Without those that are `None`, the reference's words are
        `segment.words`.
    """

    segment: StmSegment
    words: tuple[AlignedWord, ...]

    @property
    def counts(self) -> ErrorCounts:
        """The number of words of each kind."""
        kinds = [word.kind for word in self.words]
        return ErrorCounts(
            kinds.count("correct"),
            kinds.count("substitution"),
            kinds.count("insertion"),
            kinds.count("deletion"),
        )


@dataclass(frozen=True)
class Score:
    """The scored segments of all talks.

    Attributes
    ----------
    segments : tuple of ScoredSegment
        Sorted by talk, channel and onset.
    engine : str
        The program that aligned the words: `sclite` or `own`.

    Examples
    --------
    >>> segment = StmSegment("ted", "A", "al", 0.0, 2.0, "", ("a", "b"))
    >>> words = (AlignedWord("deletion", "a", None), AlignedWord("deletion", "b", None))
    >>> score = Score((ScoredSegment(segment, words),), "own")
    >>> score.total.deletions, score.per_talk["ted"].wer
    (2, 1.0)
    """

    segments: tuple[ScoredSegment, ...]
    engine: str

    @property
    def total(self) -> ErrorCounts:
        """The counts of all segments."""
        return sum((segment.counts for segment in self.segments), ErrorCounts())

    @property
    def per_talk(self) -> Mapping[str, ErrorCounts]:
        """The counts of each talk, sorted by name."""
        return _add_counts(self.segments, lambda segment: segment.talk)

    @property
    def per_speaker(self) -> Mapping[str, ErrorCounts]:
        """The counts of each speaker, sorted by name."""
        return _add_counts(self.segments, lambda segment: segment.speaker)

    def select_talk(self, talk: str) -> tuple[ScoredSegment, ...]:
        """Return the segments of a talk, by time."""
        return tuple(scored for scored in self.segments if scored.segment.talk == talk)


def _add_counts(
    segments: Iterable[ScoredSegment], name: Callable[[StmSegment], str]
) -> dict[str, ErrorCounts]:
    added: dict[str, ErrorCounts] = {}
    for scored in segments:
        key = name(scored.segment)
        added[key] = added.get(key, ErrorCounts()) + scored.counts
    return dict(sorted(added.items()))
