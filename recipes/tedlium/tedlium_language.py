"""Make training text, lexicon and language model of one variant of the data."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tedlium_prepare import TedliumCorpus, filter_utterances, select_fraction

from aed_plugins.core import InputError, atomic_write, first_few
from asr.execution.stages import fingerprint_inputs, run_stage
from asr.formats.arpa import add_nonspeech_words
from asr.formats.lexicon import (
    Lexicon,
    add_nonspeech_phones,
    find_missing_words,
    read_lexicon,
)
from asr.formats.stm import StmSegment
from asr.formats.transcript import is_nonspeech_tag
from asr.recognizers.interface import Language, TrainingSet
from asr.recognizers.language_model import estimate_language_model

logger = logging.getLogger("aed_plugins.tedlium")  # shown on the screen

# Replaces a word that was not transcribed (`<unk>`) or that has no pronunciation: acoustic models
# have a phone for it, scoring removes it like `<unk>`.
UNKNOWN = "[UNK]"
MOST_UNKNOWN = 0.2  # fraction of the training words: above it, the lexicon is another language's


def make_training_set(
    corpus: TedliumCorpus, keep_tags: bool, fraction: float, seed: int, folder: Path
) -> TrainingSet:
    """Make the training set of a variant.

    Parameters
    ----------
    corpus : TedliumCorpus
        All talks.
    keep_tags : bool
        Whether `[NOISE]` and other non-speech tags are words with phones of their own.
    fraction : float
        How much of each speaker's speech the acoustic models are trained on. The language model is
        estimated from all training text.
    seed : int
        Of the selection; both variants have the same utterances.
    folder : Path
        Where `training_utterances.txt`, `missing_words.txt` and the language model are written.

    Raises
    ------
    InputError
        If more than a fifth of the training words have no pronunciation.
    """
    train = corpus.talks["train"]
    lexicon = read_lexicon(corpus.lexicon)
    everything = filter_utterances(train.utterances, keep_tags)
    words = Counter(
        word for utterance in everything for word in utterance.words if not _is_special(word)
    )
    missing = find_missing_words(lexicon, words)
    _report_missing(missing, words, corpus.lexicon, folder / "missing_words.txt")
    utterances = [
        _replace_unknown(utterance, missing)
        for utterance in filter_utterances(
            select_fraction(train.utterances, fraction, seed), keep_tags
        )
    ]
    _write_lines(
        folder / "training_utterances.txt",
        (f"{one.talk} {one.onset:.2f} {one.offset:.2f}" for one in utterances),
    )
    # Tags that are not in the acoustic models' training data have no phone.
    tags = {word for utterance in utterances for word in utterance.words if is_nonspeech_tag(word)}
    lexicon = add_nonspeech_phones(lexicon, tags)
    model = folder / "language_model.arpa"
    text = [_replace_unknown(utterance, missing).words for utterance in everything]
    _write_language_model(corpus.language_model, text, lexicon, model)
    return TrainingSet(train.recordings, utterances, Language(lexicon, model))


def _is_special(word: str) -> bool:
    return is_nonspeech_tag(word) or word == "<unk>"


def _replace_unknown(utterance: StmSegment, missing: Counter[str]) -> StmSegment:
    """Replace words that have no pronunciation by `[UNK]`."""
    words = (UNKNOWN if word == "<unk>" or word in missing else word for word in utterance.words)
    return utterance._replace(words=tuple(words))


def _report_missing(missing: Counter[str], words: Counter[str], lexicon: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    if not missing:
        return
    most = [f"{word} ({count} times)" for word, count in missing.most_common()]
    _write_lines(path, (f"{word} {count}" for word, count in missing.most_common()))
    message = (
        f"{lexicon}: {len(missing)} words of the training text have no pronunciation: "
        f"{first_few(most)}; all of them: {path}"
    )
    if sum(missing.values()) > MOST_UNKNOWN * sum(words.values()):
        raise InputError(f"{message}; expected the lexicon of these talks")
    logger.warning("%s; they are trained as %s", message, UNKNOWN)


def _write_language_model(
    released: Path | None,
    text: Sequence[Sequence[str]],
    lexicon: Lexicon,
    path: Path,
) -> None:
    """Add tags to the release's model, or estimate a model from the training text."""
    tokens = Counter(word for words in text for word in words if word in lexicon.nonspeech_phones)

    def work() -> None:
        if released is None:
            estimate_language_model(text, path, lexicon.pronunciations)
        else:
            add_nonspeech_words(released, tokens, sum(map(len, text)), path)

    text_hash = hashlib.sha256("\n".join(map(" ".join, text)).encode()).hexdigest()
    words_hash = hashlib.sha256("\n".join(sorted(lexicon.pronunciations)).encode()).hexdigest()
    depends_on = fingerprint_inputs(released, text_hash, dict(tokens), words_hash)
    run_stage("language_model", path.parent, depends_on, [path], work)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
