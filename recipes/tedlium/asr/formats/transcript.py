"""Bring TED-LIUM's transcripts to one form: non-speech tags, marks and split words.

Source: Kaldi, egs/tedlium/s5_r2/local/prepare_data.sh and join_suffix.py. Unlike these:
non-speech tags are rewritten in the STM too, where sclite reads `{NOISE}` as a choice of words; a
suffix joins whatever word stands before it (`rock 'n 'roll` is one word), but never a tag,
`<unk>` or the condition, so a segment may begin with `'cause`.
"""

import re
from collections.abc import Iterable

from asr.formats.stm import StmSegment

UNKNOWN = "<unk>"
CHANNEL = "A"

_SILENCE = "<sil>"
_TAG = re.compile(r"[\[{]([^\[\]{}\s]+)[\]}]")
_PRONUNCIATION = re.compile(r"(\(\d+\))+$")
_CONDITION = re.compile(r"<F(\d)_([FM])>")
_SEX = {"F": "female", "M": "male"}


def normalize_segment(segment: StmSegment) -> StmSegment:
    """Bring a segment of any release to one form.

    Parameters
    ----------
    segment : StmSegment
        As a release's file has it.

    Returns
    -------
    StmSegment
        On channel A; with conditions such as `<o,f0,male>`; non-speech tags in capitals and square
        brackets; without the utterance's name in brackets at the end, marks of silence `<sil>` and
        of pronunciation `(2)`; with words whole: `it 's` is `it's`. Doing it twice changes nothing.

    Examples
    --------
    >>> words = ("{breath}", "it", "'s", "<sil>", "zero(2)", "(AlGore-1.00-2.50-F0_M-S0)")
    >>> normalize_segment(StmSegment("AlGore", "1", "AlGore", 1.0, 2.5, "<F0_M>", words))[5:]
    ('<o,f0,male>', ('[BREATH]', "it's", 'zero'))
    """
    if segment.is_ignored:
        return segment._replace(channel=CHANNEL)
    condition = segment.condition
    if named := _CONDITION.fullmatch(condition):
        condition = f"<o,f{named[1]},{_SEX[named[2]]}>"
    words = tuple(_join_suffixes(_remove_marks(segment.words)))
    return segment._replace(channel=CHANNEL, condition=condition, words=words)


def is_nonspeech_tag(token: str) -> bool:
    """Check whether a token is a non-speech tag rather than a word.

    Parameters
    ----------
    token : str
        Of a transcript or of recognized words.

    Examples
    --------
    >>> [is_nonspeech_tag(token) for token in ("[NOISE]", "{breath}", "noise", "<unk>", "[")]
    [True, True, False, False, False]
    """
    return _TAG.fullmatch(token) is not None


def remove_nonspeech_tags(words: Iterable[str]) -> tuple[str, ...]:
    """Remove non-speech tags.

    Parameters
    ----------
    words : iterable of str
        A transcript. The real words "noise", "cough" and "um" stay.

    Examples
    --------
    >>> remove_nonspeech_tags(["[NOISE]", "the", "noise", "<unk>"])
    ('the', 'noise', '<unk>')
    """
    return tuple(word for word in words if not is_nonspeech_tag(word))


def remove_unscored_words(words: Iterable[str]) -> tuple[str, ...]:
    """Remove what scoring does not count: non-speech tags and `<unk>`.

    To be applied to the reference and to the recognized words. `<unk>` in a transcript marks a word
    that was not transcribed, so no recognized word can match it; a recognizer that returns `<unk>`
    has recognized nothing.

    Parameters
    ----------
    words : iterable of str
        A transcript, or recognized words.

    Examples
    --------
    >>> remove_unscored_words(["[NOISE]", "the", "noise", "<unk>"])
    ('the', 'noise')
    """
    return tuple(word for word in words if word != UNKNOWN and not is_nonspeech_tag(word))


def _remove_marks(words: tuple[str, ...]) -> list[str]:
    """Remove the marks from the words, and the utterance's name from the end."""
    # Hardly a word of a release's two million has a mark: to look first saves a third of the time.
    unmarked = (_PRONUNCIATION.sub("", word) if word[-1:] == ")" else word for word in words)
    bare = [word for word in unmarked if word not in ("", _SILENCE)]
    while bare and bare[-1].startswith("(") and bare[-1].endswith(")"):
        bare.pop()
    return bare


def _join_suffixes(words: list[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if word[0] in "[{" and (tag := _TAG.fullmatch(word)):
            joined.append(f"[{tag[1].upper()}]")
        elif word.startswith("'") and joined and _takes_suffix(joined[-1]):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _takes_suffix(word: str) -> bool:
    return word != UNKNOWN and not is_nonspeech_tag(word)
