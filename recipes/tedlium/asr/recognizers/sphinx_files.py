"""What Sphinx's programs read: dictionaries, transcripts and lists."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aed_plugins.core import InputError, first_few
from asr.execution.stages import fingerprint
from asr.execution.unchanged import write_if_changed
from asr.formats.lexicon import (
    SILENCE_PHONE,
    Lexicon,
    for_words,
    missing_words,
)
from asr.formats.stm import StmSegment
from asr.recognizers.interface import TrainingSet
from asr.recognizers.sphinx_features import front_end, write_features

FRAMES_PER_SECOND = 100

# Options of the front end's model which are about its Gaussians and not about its features.
_NOT_FEATURES = frozenset(("-model", "-svspec"))


@dataclasses.dataclass(frozen=True)
class SphinxCorpus:
    """Utterances as Sphinx's programs read them.

    Attributes
    ----------
    features : Path
        A folder per talk, a file per utterance.
    control, transcripts : Path
        Names of utterances; words and names.
    dictionary, variants : Path
        Pronunciations of the words as the transcripts have them, and all that they can have.
    fillers, feature_options : Path
        Silence; how features were made.
    phones : tuple of str
        Those that are said, silence among them, sorted.
    utterances, frames : int
        How many there are.
    depends_on : str
        A fingerprint of all that.
    """

    features: Path
    control: Path
    transcripts: Path
    dictionary: Path
    variants: Path
    fillers: Path
    feature_options: Path
    phones: tuple[str, ...]
    utterances: int
    frames: int
    depends_on: str


def filler_phone(phone: str) -> str:
    """Name an annotation's phone so that Sphinx's programs see that it is none of speech.

    Examples
    --------
    >>> filler_phone("NSN")
    '+NSN+'
    """
    return f"+{phone}+"


def write_dictionary(
    lexicon: Lexicon, path: str | Path, phones: Iterable[str] | None = None
) -> int:
    r"""Write words and annotations in Sphinx's form.

    Parameters
    ----------
    lexicon : Lexicon
        Words and annotations.
    path : str or Path
        The file to write.
    phones : iterable of str, optional
        Those that an acoustic model has, in its names; pronunciations with others are left out.

    Returns
    -------
    int
        How many words and annotations the file has.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tiny.dic"
    >>> read = Lexicon({"read": (("R", "IY", "D"), ("R", "EH", "D"))}, {"[NOISE]": "NSN"})
    >>> write_dictionary(read, path)
    2
    >>> path.read_text()
    '[NOISE] +NSN+\nread R IY D\nread(2) R EH D\n'
    """
    ways = {
        **lexicon.pronunciations,
        **{name: ((filler_phone(phone),),) for name, phone in lexicon.annotation_phones.items()},
    }
    known = None if phones is None else frozenset(phones)
    lines, words = [], 0
    for word in sorted(ways):
        kept = [way for way in ways[word] if known is None or known.issuperset(way)]
        words += bool(kept)
        for number, way in enumerate(kept, start=1):
            mark = "" if number == 1 else f"({number})"
            lines.append(f"{word}{mark} {' '.join(way)}\n")
    write_if_changed(path, lines)
    return words


def write_fillers(path: str | Path) -> None:
    """Write the filler dictionary: the sentences' ends and silence.

    Parameters
    ----------
    path : str or Path
        The file to write.
    """
    write_if_changed(path, (f"{word} {SILENCE_PHONE}\n" for word in ("<s>", "</s>", "<sil>")))


def write_corpus(data: TrainingSet, folder: Path, jobs: int) -> SphinxCorpus:
    """Write all that training reads; features that are there from an earlier call are kept.

    Parameters
    ----------
    data : TrainingSet
        Each word is written as if it were said in its first pronunciation.
    folder : Path
        Where the files are written.
    jobs : int
        How many processes compute features.

    Raises
    ------
    InputError
        If a word is not in the lexicon, a recording is missing, or an utterance ends after it.
    """
    lexicon = data.language.lexicon
    words = Counter(word for utterance in data.utterances for word in utterance.words)
    if not words:
        raise InputError(f"{folder}: expected utterances with words to train with, got none")
    if missing := missing_words(lexicon, words):
        named = [f"{word} ({count} times)" for word, count in missing.most_common()]
        raise InputError(
            f"expected a pronunciation of every word that is said, got none of {first_few(named)}; "
            "add them to the lexicon, or leave out their utterances"
        )
    lexicon = for_words(lexicon, words)
    annotations = {
        name: phone for name, phone in lexicon.annotation_phones.items() if name in words
    }
    lexicon = dataclasses.replace(lexicon, annotation_phones=annotations)
    by_talk = _by_talk(data.utterances)
    write_features(data.recordings, by_talk, folder / "features", jobs)
    return _write_lists(lexicon, by_talk, data.recordings, folder)


def _write_lists(
    said: Lexicon,
    by_talk: Mapping[str, Sequence[StmSegment]],
    recordings: Mapping[str, Path],
    folder: Path,
) -> SphinxCorpus:
    """Write everything besides features."""
    first = {word: ways[:1] for word, ways in said.pronunciations.items()}
    spoken = dataclasses.replace(said, pronunciations=first)
    annotations = map(filler_phone, said.annotation_phones.values())
    phones = tuple(sorted({*spoken.phones, *annotations, SILENCE_PHONE}))
    named = [
        (f"{talk}/{number:09d}", utterance)
        for talk, own in by_talk.items()
        for number, utterance in enumerate(own)
    ]
    lists = folder / "lists"
    corpus = SphinxCorpus(
        features=folder / "features",
        control=lists / "utterances.txt",
        transcripts=lists / "transcripts.txt",
        dictionary=lists / "spoken.dic",
        variants=lists / "variants.dic",
        fillers=lists / "fillers.dic",
        feature_options=lists / "feat.params",
        phones=phones,
        utterances=len(named),
        frames=round(FRAMES_PER_SECOND * sum(use.offset - use.onset for _, use in named)),
        depends_on=fingerprint(
            [recordings[talk] for talk in by_talk],
            [[name, use.onset, use.offset, use.words] for name, use in named],
            sorted(said.pronunciations.items()),
            sorted(said.annotation_phones.items()),
        ),
    )
    write_if_changed(corpus.control, (f"{name}\n" for name, _ in named))
    write_if_changed(
        corpus.transcripts, (f"<s> {' '.join(use.words)} </s> ({name})\n" for name, use in named)
    )
    write_dictionary(spoken, corpus.dictionary)
    write_dictionary(said, corpus.variants, phones)
    write_fillers(corpus.fillers)
    options = (front_end() / "feat.params").read_text(encoding="utf-8").splitlines(keepends=True)
    write_if_changed(
        corpus.feature_options, (line for line in options if line.split()[0] not in _NOT_FEATURES)
    )
    return corpus


def _by_talk(utterances: Iterable[StmSegment]) -> dict[str, list[StmSegment]]:
    found: dict[str, list[StmSegment]] = {}
    for utterance in sorted(utterances):
        found.setdefault(utterance.talk, []).append(utterance)
    return found
