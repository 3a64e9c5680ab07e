"""What can be said: training text, lexicon and language model of one variant of the data."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tedlium_prepare import Corpus, choose_share, spoken

from aed_plugins.core import InputError, atomic_write, first_few
from asr.execution.stages import fingerprint, run_stage
from asr.formats.arpa import with_nonspeech_words as model_with_annotations
from asr.formats.lexicon import (
    Lexicon,
    missing_words,
    read_lexicon,
    with_nonspeech_tags,
)
from asr.formats.stm import StmSegment
from asr.formats.transcript import is_nonspeech_tag
from asr.recognizers.interface import Language, TrainingSet
from asr.recognizers.language_model import estimate_language_model

logger = logging.getLogger("aed_plugins.tedlium")  # shown on the screen

# Stands for a word that nobody could write down (`<unk>`), or that has no pronunciation: acoustic
# models get a phone for it, scoring leaves it out as it does `<unk>`.
UNKNOWN = "[UNK]"
MOST_UNKNOWN = 0.2  # of the training words: beyond it, the lexicon is that of another language


def training_set(
    corpus: Corpus, annotations: bool, share: float, seed: int, folder: Path
) -> TrainingSet:
    """Make the training set of a variant.

    Parameters
    ----------
    corpus : Corpus
        All talks.
    annotations : bool
        Whether `[NOISE]` and the like are kept as words with phones of their own.
    share : float
        How much of each speaker's training speech the acoustic models hear. The language model is
        estimated from all training text.
    seed : int
        What the choice depends on; both variants hear the same utterances.
    folder : Path
        Where `training_utterances.txt`, `missing_words.txt` and the language model are written.

    Raises
    ------
    InputError
        If more than a fifth of the training words have no pronunciation.
    """
    train = corpus.talks["train"]
    lexicon = read_lexicon(corpus.lexicon)
    everything = spoken(train.utterances, annotations)
    words = Counter(word for said in everything for word in said.words if not _is_special(word))
    missing = missing_words(lexicon, words)
    _report_missing(missing, words, corpus.lexicon, folder / "missing_words.txt")
    utterances = [
        _known(said, missing)
        for said in spoken(choose_share(train.utterances, share, seed), annotations)
    ]
    _write_lines(
        folder / "training_utterances.txt",
        (f"{said.talk} {said.onset:.2f} {said.offset:.2f}" for said in utterances),
    )
    # Those that acoustic models never hear have no phone.
    heard = {word for said in utterances for word in said.words if is_nonspeech_tag(word)}
    lexicon = with_nonspeech_tags(lexicon, heard)
    model = folder / "language_model.arpa"
    text = [_known(said, missing).words for said in everything]
    _write_language_model(corpus.language_model, text, lexicon, model)
    return TrainingSet(train.recordings, utterances, Language(lexicon, model))


def _is_special(word: str) -> bool:
    return is_nonspeech_tag(word) or word == "<unk>"


def _known(said: StmSegment, missing: Counter[str]) -> StmSegment:
    """Put `[UNK]` in the place of words that have no pronunciation."""
    words = (UNKNOWN if word == "<unk>" or word in missing else word for word in said.words)
    return said._replace(words=tuple(words))


def _report_missing(missing: Counter[str], words: Counter[str], lexicon: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    if not missing:
        return
    most = [f"{word} ({count} times)" for word, count in missing.most_common()]
    _write_lines(path, (f"{word} {count}" for word, count in missing.most_common()))
    said = (
        f"{lexicon}: {len(missing)} words of the training text have no pronunciation: "
        f"{first_few(most)}; all of them: {path}"
    )
    if sum(missing.values()) > MOST_UNKNOWN * sum(words.values()):
        raise InputError(f"{said}; expected the lexicon of these talks")
    logger.warning("%s; they are trained as %s", said, UNKNOWN)


def _write_language_model(
    released: Path | None,
    text: Sequence[Sequence[str]],
    lexicon: Lexicon,
    path: Path,
) -> None:
    """Take the release's model, with annotations added, or estimate one from the training text."""
    tokens = Counter(word for words in text for word in words if word in lexicon.annotation_phones)

    def work() -> None:
        if released is None:
            estimate_language_model(text, path, lexicon.pronunciations)
        else:
            model_with_annotations(released, tokens, sum(map(len, text)), path)

    said = hashlib.sha256("\n".join(map(" ".join, text)).encode()).hexdigest()
    words = hashlib.sha256("\n".join(sorted(lexicon.pronunciations)).encode()).hexdigest()
    depends_on = fingerprint(released, said, dict(tokens), words)
    run_stage("language_model", path.parent, depends_on, [path], work)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
