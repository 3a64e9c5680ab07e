"""Write what Sphinx's programs read: dictionaries, transcripts and lists."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aed_plugins.core import InputError, first_few
from asr.execution.stages import fingerprint_inputs
from asr.execution.unchanged import write_if_changed
from asr.formats.lexicon import (
    SILENCE_PHONE,
    Lexicon,
    find_missing_words,
    select_words,
)
from asr.formats.stm import StmSegment
from asr.recognizers.interface import TrainingSet
from asr.recognizers.sphinx_features import find_front_end, write_features

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
        Pronunciations in the transcripts, and all possible pronunciations.
    fillers, feature_options : Path
        Silence; the settings of the features.
    phones : tuple of str
        Those that occur, silence included, sorted.
    utterances, frames : int
        Their numbers.
    depends_on : str
        A hash of all that.
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


def make_filler_phone(phone: str) -> str:
    """Return a non-speech tag's phone with the marks by which Sphinx's programs know a filler.

    Examples
    --------
    >>> make_filler_phone("NSN")
    '+NSN+'
    """
    return f"+{phone}+"


def write_dictionary(
    lexicon: Lexicon, path: str | Path, phones: Iterable[str] | None = None
) -> int:
    r"""Write words and non-speech tags in Sphinx's form.

    Parameters
    ----------
    lexicon : Lexicon
        Words and non-speech tags.
    path : str or Path
        The file to write.
    phones : iterable of str, optional
        Those that an acoustic model has, in its names; pronunciations with others are left out.

    Returns
    -------
    int
        How many words and non-speech tags the file has.

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
        **{tag: ((make_filler_phone(phone),),) for tag, phone in lexicon.nonspeech_phones.items()},
    }
    known = None if phones is None else frozenset(phones)
    lines, words = [], 0
    for word in sorted(ways):
        selected = [way for way in ways[word] if known is None or known.issuperset(way)]
        words += bool(selected)
        for number, way in enumerate(selected, start=1):
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
    """Write all that training reads; features of an earlier call are used again.

    Parameters
    ----------
    data : TrainingSet
        Each word is written with its first pronunciation.
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
    if missing := find_missing_words(lexicon, words):
        named = [f"{word} ({count} times)" for word, count in missing.most_common()]
        raise InputError(
            f"expected a pronunciation of every word that occurs, got none of {first_few(named)}; "
            "add them to the lexicon, or leave out their utterances"
        )
    lexicon = select_words(lexicon, words)
    tags = {tag: phone for tag, phone in lexicon.nonspeech_phones.items() if tag in words}
    lexicon = dataclasses.replace(lexicon, nonspeech_phones=tags)
    by_talk = _group_by_talk(data.utterances)
    write_features(data.recordings, by_talk, folder / "features", jobs)
    return _write_lists(lexicon, by_talk, data.recordings, folder)


def _write_lists(
    lexicon: Lexicon,
    by_talk: Mapping[str, Sequence[StmSegment]],
    recordings: Mapping[str, Path],
    folder: Path,
) -> SphinxCorpus:
    """Write everything but the features."""
    first = {word: ways[:1] for word, ways in lexicon.pronunciations.items()}
    initial = dataclasses.replace(lexicon, pronunciations=first)
    fillers = map(make_filler_phone, lexicon.nonspeech_phones.values())
    phones = tuple(sorted({*initial.phones, *fillers, SILENCE_PHONE}))
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
        dictionary=lists / "initial.dic",
        variants=lists / "variants.dic",
        fillers=lists / "fillers.dic",
        feature_options=lists / "feat.params",
        phones=phones,
        utterances=len(named),
        frames=round(
            FRAMES_PER_SECOND * sum(utterance.offset - utterance.onset for _, utterance in named)
        ),
        depends_on=fingerprint_inputs(
            [recordings[talk] for talk in by_talk],
            [
                [name, utterance.onset, utterance.offset, utterance.words]
                for name, utterance in named
            ],
            sorted(lexicon.pronunciations.items()),
            sorted(lexicon.nonspeech_phones.items()),
        ),
    )
    write_if_changed(corpus.control, (f"{name}\n" for name, _ in named))
    write_if_changed(
        corpus.transcripts,
        (f"<s> {' '.join(utterance.words)} </s> ({name})\n" for name, utterance in named),
    )
    write_dictionary(initial, corpus.dictionary)
    write_dictionary(lexicon, corpus.variants, phones)
    write_fillers(corpus.fillers)
    options = (
        (find_front_end() / "feat.params").read_text(encoding="utf-8").splitlines(keepends=True)
    )
    write_if_changed(
        corpus.feature_options, (line for line in options if line.split()[0] not in _NOT_FEATURES)
    )
    return corpus


def _group_by_talk(utterances: Iterable[StmSegment]) -> dict[str, list[StmSegment]]:
    found: dict[str, list[StmSegment]] = {}
    for utterance in sorted(utterances):
        found.setdefault(utterance.talk, []).append(utterance)
    return found
