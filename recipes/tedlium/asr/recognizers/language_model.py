"""Estimate a language model from text, with the tool in pocketsphinx's wheel."""

import io
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from aed_plugins.core import InputError, atomic_write
from asr.formats.arpa import LOG_ZERO, SENTENCE_END, SENTENCE_START
from asr.recognizers.pocketsphinx_wheel import import_pocketsphinx

# The probability mass of a history for words that never followed it; ArpaBoLM's own default.
_DISCOUNT = 0.5


def estimate_language_model(
    sentences: Iterable[Sequence[str]], path: str | Path, vocabulary: Iterable[str] = ()
) -> None:
    """Estimate a language model of pairs and triples of words from text.

    Parameters
    ----------
    sentences : iterable of sequence of str
        Words without `<s>` and `</s>`; non-speech tags are words here.
    path : str or Path
        Where ARPA is written, as plain text.
    vocabulary : iterable of str
        Words that the model is to have in addition to those of the text; each counts as one
        occurrence.

    Raises
    ------
    InputError
        If there is no word, or one that ARPA cannot hold.

    Examples
    --------
    >>> import tempfile
    >>> from asr.formats.arpa import read_arpa
    >>> path = Path(tempfile.mkdtemp()) / "digits.arpa"
    >>> estimate_language_model([["one", "two"], ["two"]], path)
    >>> read_arpa(path).counts
    (4, 4, 3)

    Notes
    -----
    Source: `pocketsphinx.lm.ArpaBoLM`, which keeps half of each history's probability for words
    that did not follow it. Deviations: `<s>` is never predicted; single words have the whole
    probability rather than half of it; a weight is such that the probabilities after a history add
    up to 1, but never above 1, so that a rare word does not get nearly half of them where all
    others followed: there they add up to less.
    """
    model = import_pocketsphinx("pocketsphinx.lm").ArpaBoLM(add_start=True, discount_mass=_DISCOUNT)
    model.read_corpus(_join_checked(sentence) for sentence in sentences)
    for word in sorted(set(vocabulary) - model.grams_1.keys()):
        _join_checked([word])
        model.grams_1[word] = 1
    if not model.grams_1.keys() - {SENTENCE_START, SENTENCE_END}:
        raise InputError(f"{path}: expected text to estimate a language model from, got no words")
    model.compute()
    _normalize_model(model)
    text = io.StringIO()
    model.write(text)
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        _write_with_tabs(text.getvalue().split("\n"), out)


def _join_checked(sentence: Sequence[str]) -> str:
    """Join words, and refuse those that ARPA or its estimator would take for something else."""
    for word in sentence:
        if word in (SENTENCE_START, SENTENCE_END) or word.split() != [word] or word.endswith(")"):
            raise InputError(
                f"expected words without white space, other than {SENTENCE_START}, {SENTENCE_END}, "
                f"and without ')' at their end, got {word!r}"
            )
    return " ".join(sentence)


def _normalize_model(model: Any) -> None:
    """Give single words the whole probability, and let back-off weights fit to that."""
    singles = model.prob_1
    singles.pop(SENTENCE_START)
    total = sum(singles.values())
    for word in singles:
        singles[word] /= total
    model.alpha_1 = {
        word: _backoff_weight(singles, model.grams_2.get(word, ())) for word in model.grams_1
    }
    for first, followers in model.grams_2.items():
        thirds = model.grams_3.get(first, {})
        for second in followers:
            known = thirds.get(second, ())
            model.alpha_2[first][second] = _backoff_weight(model.prob_2[second], known)
    singles[SENTENCE_START] = 10**LOG_ZERO


def _backoff_weight(shorter: Mapping[str, float], followers: Iterable[str]) -> float:
    """Compute a history's weight from the shorter history's probabilities of its followers."""
    seen = sum(shorter[word] for word in followers)
    return _DISCOUNT / max(1 - seen, _DISCOUNT) if seen else 1.0


def _write_with_tabs(lines: Iterable[str], out: TextIO) -> None:
    r"""Copy ARPA from `\data\` on, with tabs between its fields, as most readers need them."""
    order = 0
    for line in itertools.dropwhile(lambda line: line != "\\data\\", lines):
        if match := re.fullmatch(r"\\([0-9]+)-grams:", line):
            order = int(match[1])
        fields = line.split()
        if order and len(fields) > order:
            words = " ".join(fields[1 : order + 1])
            out.write("\t".join([fields[0], words, *fields[order + 1 :]]) + "\n")
        else:
            out.write(line + "\n")
