r"""Back-off language models in ARPA form: read them, and add non-speech tags to them.

Source: SRILM's manual page ngram-format(5): `\data\` with the count of each order, then for each
order its lines of log10 probability, words and log10 back-off weight.
"""

import contextlib
import gzip
import io
import math
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from aed_plugins.core import InputError, atomic_write

SENTENCE_START, SENTENCE_END = "<s>", "</s>"
LOG_ZERO = -99.0  # log10, by convention: the probability of what cannot occur, such as `<s>`

_COUNT = re.compile(r"ngram\s+([0-9]+)\s*=\s*([0-9]+)")


class ArpaSummary(NamedTuple):
    """Counts and words of a language model.

    Attributes
    ----------
    counts : tuple of int
        How many entries there are of each order, from single words up.
    words : frozenset of str
        Its single words, with `<s>`, `</s>` and `<unk>` where it has them.
    """

    counts: tuple[int, ...]
    words: frozenset[str]


def read_arpa(path: str | Path) -> ArpaSummary:
    r"""Read a language model's counts and words, and nothing after them.

    Parameters
    ----------
    path : str or Path
        ARPA in UTF-8, plain or packed with gzip. What stands before `\data\` is passed over.

    Raises
    ------
    InputError
        If it cannot be read, has no `\data\` or other entries than it counts, or lacks `<s>` or
        `</s>`; the message names file and line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tiny.arpa"
    >>> lines = ["\\data\\", "ngram 1=3", "\\1-grams:", "-99 <s>", "-1 </s>", "-1 one", "\\end\\"]
    >>> _ = path.write_text("\n".join(lines))
    >>> summary = read_arpa(path)
    >>> summary.counts, sorted(summary.words)
    ((3,), ['</s>', '<s>', 'one'])
    """
    with _open_text(path) as stream:
        lines = _number_lines(path, stream)
        counts = _read_counts(path, lines)
        words: set[str] = set()
        number = 0
        for number, line in lines:
            if not line or line.startswith("\\"):
                break
            words.add(_parse_unigram(line, f"{path} line {number}")[1])
    if len(words) != counts[0]:
        raise InputError(
            f"{path} line {number}: expected {counts[0]} different words before the section's end, "
            f"got {len(words)}; the file is cut short or damaged: copy it again"
        )
    for word in (SENTENCE_START, SENTENCE_END):
        if word not in words:
            raise InputError(f"{path}: expected {word} among the words; estimate the model again")
    return ArpaSummary(counts, frozenset(words))


def add_nonspeech_words(
    arpa: str | Path, counts: Mapping[str, int], total: int, path: str | Path
) -> None:
    r"""Add non-speech tags to a language model that has none of them.

    Each becomes a single word with its fraction of the training text; the other single words have
    the rest. Pairs and more are kept as they are, so that the probabilities after a history that is
    followed by them add up to a little more than 1: an approximation. After a tag, words are as
    likely as by themselves.

    Parameters
    ----------
    arpa : str or Path
        The model, plain or packed with gzip.
    counts : mapping of str to int
        How often each tag is in the training text. Those that the model has already, and those
        that do not occur, are left as they are.
    total : int
        How many words and tags the training text has.
    path : str or Path
        Where the new model is written, as plain text; not `arpa` itself.

    Raises
    ------
    InputError
        If the model cannot be read, or the counts are not less than the total.
    """
    known = read_arpa(arpa).words
    new = {name: count for name, count in sorted(counts.items()) if count and name not in known}
    if sum(new.values()) >= total:
        raise InputError(
            f"expected fewer non-speech tags than the {total} words and tags of the text, "
            f"got {sum(new.values())}"
        )
    rest = math.log10(1 - sum(new.values()) / total)
    with (
        _open_text(arpa) as stream,
        atomic_write(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as out,
    ):
        lines = _number_lines(arpa, stream)
        sizes = _read_counts(arpa, lines)
        out.write("\\data\\\n" + f"ngram 1={sizes[0] + len(new)}\n")
        out.writelines(f"ngram {order}={size}\n" for order, size in enumerate(sizes[1:], start=2))
        out.write("\n\\1-grams:\n")
        out.writelines(f"{math.log10(new[name] / total):.4f}\t{name}\t0.0000\n" for name in new)
        for number, line in lines:
            if not line or line.startswith("\\"):
                out.write(f"\n{line}\n" if line else "\n")
                break
            log, word, weight = _parse_unigram(line, f"{arpa} line {number}")
            out.write(f"{log if log <= LOG_ZERO else log + rest:.6f}\t{word}{weight}\n")
        out.writelines(f"{line}\n" for _, line in lines)


@contextlib.contextmanager
def _open_text(path: str | Path) -> Iterator[io.BufferedIOBase]:
    """Open a file for reading, unpacked; reading errors become an `InputError`."""
    try:
        with contextlib.ExitStack() as stack:
            stream = stack.enter_context(Path(path).open("rb"))
            if os.fspath(path).endswith(".gz"):
                yield stack.enter_context(gzip.GzipFile(fileobj=stream))
            else:
                yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError, IsADirectoryError) as error:
        came = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path}: expected a language model that can be read, but: {came}"
        ) from error


def _number_lines(path: str | Path, stream: io.BufferedIOBase) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, without white space around them."""
    for number, content in enumerate(stream, start=1):
        try:
            yield number, content.decode("utf-8").strip(" \t\r\n")
        except UnicodeDecodeError as error:  # noqa: PERF203 - a line is named
            raise InputError(
                f"{path} line {number}: expected UTF-8, got the byte "
                f"{content[error.start : error.start + 1]!r}; convert the file to UTF-8"
            ) from error


def _read_counts(path: str | Path, lines: Iterator[tuple[int, str]]) -> tuple[int, ...]:
    r"""Read from the start to the line `\1-grams:`."""
    if not any(line == "\\data\\" for _, line in lines):
        raise InputError(
            f"{path}: expected a line \\data\\, as language models in ARPA form have, "
            "but there is none"
        )
    counts: list[int] = []
    for number, line in lines:
        if line == "\\1-grams:" and counts:
            return tuple(counts)
        match = _COUNT.fullmatch(line)
        if line and (match is None or int(match[1]) != len(counts) + 1):
            raise InputError(
                f"{path} line {number}: expected 'ngram {len(counts) + 1}=' and a count, "
                f"got {line[:60]!r}"
            )
        if match is not None:
            counts.append(int(match[2]))
    raise InputError(f"{path}: expected a line \\1-grams: after \\data\\ and its counts")


def _parse_unigram(line: str, where: str) -> tuple[float, str, str]:
    """Parse the line of a single word: log10, word, and a tab and its weight or nothing."""
    fields = line.split()
    try:
        log, weight = float(fields[0]), float(fields[2]) if len(fields) == 3 else 0.0
        word = fields[1]
    except (ValueError, IndexError):
        log = weight = math.nan
    if len(fields) > 3 or not (log <= 0 and math.isfinite(log) and math.isfinite(weight)):
        raise InputError(
            f"{where}: expected a log10 probability, a word and perhaps a weight, got {line[:60]!r}"
        )
    return log, word, f"\t{fields[2]}" if len(fields) == 3 else ""
