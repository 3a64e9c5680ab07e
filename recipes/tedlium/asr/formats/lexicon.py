"""Read lexicons, select from them, and add phones for non-speech tags.

Source: the form of CMUdict as TED-LIUM and Sphinx use it: a word and its phones in a line, a second
pronunciation under the name `word(2)`.
"""

import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aed_plugins.core import InputError

# The phones of non-speech tags in Kaldi's recipe for TED-LIUM.
NONSPEECH_PHONES = {
    "[BREATH]": "BRH",
    "[NOISE]": "NSN",
    "[COUGH]": "CGH",
    "[SMACK]": "SMK",
    "[UM]": "UM",
    "[UH]": "UHH",
}
SILENCE_PHONE = "SIL"

_NOT_WORDS = frozenset(("<s>", "</s>", "<unk>", "<sil>", "!SIL"))
_VARIANT = re.compile(r"(.+)\(([0-9]+)\)")
_TAG = re.compile(r"\[([^\[\]\s]+)\]")


@dataclass(frozen=True)
class Lexicon:
    """Pronunciations of words, and phones of non-speech tags.

    Attributes
    ----------
    pronunciations : mapping of str to tuple of tuple of str
        For each word its pronunciations, most usual first; a pronunciation is a tuple of phones.
        Non-speech tags are not among them.
    nonspeech_phones : mapping of str to str
        For each non-speech tag, such as `[BREATH]`, its own phone, such as `BRH`; empty where
        tags are left out.
    """

    pronunciations: Mapping[str, tuple[tuple[str, ...], ...]]
    nonspeech_phones: Mapping[str, str]

    @property
    def phones(self) -> tuple[str, ...]:
        """The phones of words, sorted; those of non-speech tags and of silence are not included."""
        ways = self.pronunciations.values()
        return tuple(sorted({phone for variants in ways for way in variants for phone in way}))


def read_lexicon(path: str | Path) -> Lexicon:
    r"""Read a lexicon, plain or packed with gzip.

    Parameters
    ----------
    path : str or Path
        UTF-8: a word and its phones in each line, separated by white space, variants as `word(2)`
        or under the same name.
        Lines that begin with `;;;` and the entries of `<s>`, `</s>`, `<unk>` and silence are
        passed over.

    Returns
    -------
    Lexicon
        Without non-speech tags, variants in the order of the file.

    Raises
    ------
    InputError
        If the file cannot be read, or a line has no phones; the message names file and line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tiny.dic"
    >>> _ = path.write_text("read  R IY D\nread(2)  R EH D\n")
    >>> read_lexicon(path).pronunciations
    {'read': (('R', 'IY', 'D'), ('R', 'EH', 'D'))}
    """
    found: dict[str, list[tuple[str, ...]]] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        fields = line.split()
        if not fields or line.startswith(";;;"):
            continue
        if len(fields) < 2:
            raise InputError(
                f"{path} line {number}: expected a word and its phones, got {line[:60]!r}; "
                "add the phones or remove the line"
            )
        _add(found, fields[0], tuple(fields[1:]))
    if not found:
        raise InputError(f"{path}: expected words and their phones, but there are none")
    return Lexicon({word: tuple(ways) for word, ways in found.items()}, {})


def read_text(path: str | Path) -> str:
    """Read a text file whole, unpacking it when its name ends in `.gz`.

    Parameters
    ----------
    path : str or Path
        UTF-8, with line ends of any system, which become line feeds.

    Raises
    ------
    InputError
        If it is not there, cannot be read, or is not UTF-8; the message names the line.
    """
    try:
        content = Path(path).read_bytes()
        if str(path).endswith(".gz"):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        came = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected a file that can be read, but: {came}") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        wrong = content[error.start : error.start + 1]
        raise InputError(
            f"{path} line {number}: expected UTF-8, got the byte {wrong!r}; "
            "convert the file to UTF-8"
        ) from error
    return io.IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)


def find_missing_words(lexicon: Lexicon, words: Mapping[str, int]) -> Counter[str]:
    """Find the words that a lexicon does not have.

    Parameters
    ----------
    lexicon : Lexicon
        Words and non-speech tags.
    words : mapping of str to int
        Words and non-speech tags with their counts.

    Returns
    -------
    Counter of str
        Those without a pronunciation, with their counts.

    Examples
    --------
    >>> lexicon = Lexicon({"one": (("W", "AH", "N"),)}, {})
    >>> find_missing_words(lexicon, Counter(["one", "won", "won"]))
    Counter({'won': 2})
    """
    known = (lexicon.pronunciations, lexicon.nonspeech_phones)
    return Counter(
        {word: count for word, count in words.items() if not any(word in some for some in known)}
    )


def select_words(lexicon: Lexicon, words: Iterable[str]) -> Lexicon:
    """Select some of the words; all non-speech tags stay.

    Parameters
    ----------
    lexicon : Lexicon
        All words.
    words : iterable of str
        Which to select; those without a pronunciation are ignored (see `find_missing_words`).

    Examples
    --------
    >>> both = Lexicon({"two": (("T", "UW"),), "too": (("T", "UW"),)}, {})
    >>> select_words(both, ["two", "three"]).pronunciations
    {'two': (('T', 'UW'),)}
    """
    selected = sorted(set(words) & lexicon.pronunciations.keys())
    return replace(
        lexicon, pronunciations={word: lexicon.pronunciations[word] for word in selected}
    )


def add_nonspeech_phones(lexicon: Lexicon, tags: Iterable[str]) -> Lexicon:
    """Add a phone for each non-speech tag.

    Parameters
    ----------
    lexicon : Lexicon
        Its words stay; the non-speech tags that it had are replaced.
    tags : iterable of str
        Upper case in square brackets, such as `[BREATH]`.

    Returns
    -------
    Lexicon
        `[BREATH]`, `[NOISE]`, `[COUGH]`, `[SMACK]`, `[UM]` and `[UH]` have the phones of Kaldi's
        recipe for TED-LIUM; another's phone is named by its letters, or `ANN` where it has none.
        Where a phone of words has the name already, `_` is added.

    Raises
    ------
    InputError
        If one is not in square brackets.

    Examples
    --------
    >>> lexicon = Lexicon({"um": (("UM",),)}, {})
    >>> add_nonspeech_phones(lexicon, ["[UM]", "[LAUGH]", "[UH]"]).nonspeech_phones
    {'[LAUGH]': 'LAUGH', '[UH]': 'UHH', '[UM]': 'UM_'}
    """
    taken = {*lexicon.phones, SILENCE_PHONE}
    phones: dict[str, str] = {}
    known_first = sorted(set(tags), key=lambda name: (name not in NONSPEECH_PHONES, name))
    for tag in known_first:
        match = _TAG.fullmatch(tag)
        if match is None:
            raise InputError(
                f"expected a non-speech tag such as [NOISE], got {tag!r}; "
                "write it in square brackets"
            )
        phone = NONSPEECH_PHONES.get(tag, re.sub("[^A-Z]", "", match[1].upper()) or "ANN")
        while phone in taken:
            phone += "_"
        taken.add(phone)
        phones[tag] = phone
    return replace(lexicon, nonspeech_phones=dict(sorted(phones.items())))


def _add(found: dict[str, list[tuple[str, ...]]], entry: str, phones: tuple[str, ...]) -> None:
    """Add an entry of the file to those before it."""
    if entry in _NOT_WORDS:
        return
    match = _VARIANT.fullmatch(entry) if entry.endswith(")") else None
    ways = found.setdefault(entry if match is None else match[1], [])
    if phones not in ways:
        ways.append(phones)
