"""Our own alignment of recognized words with reference words, the same as sclite's.

Every talk's words go to the reference's segments by the middle of their times; a word between two
segments goes to the later one, and one after the last to the last. What goes to a segment that is
to be ignored is not counted. Words are compared without regard to upper and lower case. Within a
segment a substitution costs 4, an insertion or a deletion 3; where alignments cost the same, a
substitution goes before an insertion, and that before a deletion, seen from the segment's end. So
not only the sum of the errors is sclite's, but each word's kind.

With these weights there may be more errors than the fewest possible, which SpeechBrain's and most
other edit distances count: `p q r a b` recognized as `a b x y z` is three deletions and three
insertions for sclite, and five substitutions for the others.

Source: NIST SCTK (https://github.com/usnistgov/SCTK), src/sclite: stm2ctm.c, net_dp.c, word.c.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from asr.formats.ctm import CtmWord
from asr.formats.stm import StmSegment
from asr.scoring.score import AlignedWord, ScoredSegment

_SUBSTITUTION, _OTHER = 4, 3


def align_segments(
    segments: Sequence[StmSegment], words: Iterable[CtmWord]
) -> Iterator[ScoredSegment]:
    """Align the words of each segment that is not to be ignored.

    Parameters
    ----------
    segments : sequence of StmSegment
        Sorted by talk, channel and onset, those that are to be ignored among them.
    words : iterable of CtmWord
        Sorted by talk, channel and onset; of talks that have segments.

    Yields
    ------
    ScoredSegment
        Segments in the same order.
    """
    for segment, recognized in zip(segments, assign_words(segments, words), strict=True):
        if segment.is_ignored:
            continue
        places = align_words(
            [word.lower() for word in segment.words], [word.word.lower() for word in recognized]
        )
        yield ScoredSegment(
            segment,
            tuple(
                _make_aligned_word(
                    None if row is None else segment.words[row],
                    None if column is None else recognized[column],
                )
                for row, column in places
            ),
        )


def _make_aligned_word(reference: str | None, hypothesis: CtmWord | None) -> AlignedWord:
    if reference is None:
        return AlignedWord("insertion", reference, hypothesis)
    if hypothesis is None:
        return AlignedWord("deletion", reference, hypothesis)
    same = reference.lower() == hypothesis.word.lower()
    return AlignedWord("correct" if same else "substitution", reference, hypothesis)


def assign_words(segments: Sequence[StmSegment], words: Iterable[CtmWord]) -> list[list[CtmWord]]:
    """Assign words to segments as sclite does.

    Parameters
    ----------
    segments : sequence of StmSegment
        Sorted by talk, channel and onset, those that are to be ignored among them.
    words : iterable of CtmWord
        Sorted by talk, channel and onset; of talks that have segments.

    Returns
    -------
    list of list of CtmWord
        The words of each segment.

    Examples
    --------
    >>> early = StmSegment("ted", "A", "al", 0.0, 2.0, "", ("so",))
    >>> late = StmSegment("ted", "A", "al", 4.0, 6.0, "", ("yes",))
    >>> words = [CtmWord("ted", "A", onset, 0.2, f"at {onset}") for onset in (1.8, 1.9, 9.0)]
    >>> for assigned in assign_words([early, late], words):
    ...     print([word.word for word in assigned])
    ['at 1.8']
    ['at 1.9', 'at 9.0']
    """
    waiting: dict[tuple[str, str], deque[CtmWord]] = defaultdict(deque)
    for word in words:
        waiting[word.talk, word.channel].append(word)
    lasts = {(segment.talk, segment.channel): place for place, segment in enumerate(segments)}
    assigned = []
    for place, segment in enumerate(segments):
        queue = waiting[segment.talk, segment.channel]
        is_last = lasts[segment.talk, segment.channel] == place
        end = float(np.float32(segment.offset))  # sclite keeps it so, and the words' times exactly
        taken = []
        while queue and (is_last or queue[0].onset + queue[0].duration / 2 < end):
            taken.append(queue.popleft())
        assigned.append(taken)
    return assigned


def align_words(
    reference: Sequence[str], hypothesis: Sequence[str]
) -> list[tuple[int | None, int | None]]:
    """Find the alignment of two word sequences that sclite finds.

    Parameters
    ----------
    reference, hypothesis : sequence of str
        Words; equal ones are correct.

    Returns
    -------
    list of tuple
        In order, the places of aligned words in the two sequences: `None` and a
        place for an insertion, a place and `None` for a deletion.

    Examples
    --------
    >>> align_words(["so", "it", "is"], ["it", "was"])
    [(0, None), (1, 0), (2, 1)]
    """
    costs = _compute_costs(reference, hypothesis).tolist()
    row, column = len(reference), len(hypothesis)
    places: list[tuple[int | None, int | None]] = []
    while row or column:
        here = costs[row][column]
        if row and column:
            cost = 0 if reference[row - 1] == hypothesis[column - 1] else _SUBSTITUTION
            stands = costs[row - 1][column - 1] + cost == here
        else:
            stands = False
        inserted = column and costs[row][column - 1] + _OTHER == here
        row, column = row - (stands or not inserted), column - bool(stands or inserted)
        places.append(
            (
                row if stands or not inserted else None,
                column if stands or inserted else None,
            )
        )
    return places[::-1]


def _compute_costs(reference: Sequence[str], hypothesis: Sequence[str]) -> np.ndarray:
    """Compute the least cost of aligning the first words, `(reference + 1, hypothesis + 1)`."""
    numbers = {word: number for number, word in enumerate({*reference, *hypothesis})}
    hypothesis_numbers = np.array([numbers[word] for word in hypothesis], dtype=np.int64)
    insertions = _OTHER * np.arange(len(hypothesis) + 1)
    costs = np.empty((len(reference) + 1, len(hypothesis) + 1), dtype=np.int64)
    costs[0] = insertions
    for row, word in enumerate(reference):
        best = costs[row] + _OTHER
        differs = hypothesis_numbers != numbers[word]
        best[1:] = np.minimum(best[1:], costs[row, :-1] + _SUBSTITUTION * differs)
        # An insertion comes from the left, within the row: without its cost, the least so far.
        costs[row + 1] = np.minimum.accumulate(best - insertions) + insertions
    return costs
