"""Read Kaldi's data folders, as strictly as Kaldi's own utils/validate_data_dir.sh does."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aed_plugins.core import InputError
from asr.formats.kaldi_data import check_order, check_words
from asr.formats.lines import read_lines, read_span
from asr.formats.stm import StmSegment, read_stm

# What Kaldi's programs take for part of a word, and its checks refuse.
_OTHER_SPACE = re.compile(r"[^\S \t]")


@dataclass(frozen=True)
class DataFolder:
    """The content of a Kaldi data folder.

    Attributes
    ----------
    audio : dict of str to str
        For each recording the file or command that gives its samples, as `wav.scp` has it.
    utterances : tuple of StmSegment
        By name, without conditions.
    stm : tuple of StmSegment or None
        What scoring compares with, where there is such a file.
    """

    audio: dict[str, str]
    utterances: tuple[StmSegment, ...]
    stm: tuple[StmSegment, ...] | None


class _Table:
    """A file of a data folder: keys, and the fields that belong to each."""

    def __init__(self, path: Path, fewest: int, most: int | None = None) -> None:
        self.path = path
        self.rows: dict[str, list[str]] = {}
        self._numbers: dict[str, int] = {}
        previous = ""
        for number, line in enumerate(_lines(path), start=1):
            key, *fields = line.split() or [""]
            if not key or len(fields) < fewest or (most is not None and len(fields) > most):
                expected = f"{fewest}" if most == fewest else f"{fewest} or more"
                raise InputError(
                    f"{path} line {number}: expected a name and {expected} fields,"
                    f" got {line[:60]!r}"
                )
            if key <= previous:
                raise InputError(
                    f"{path} line {number}: expected each name once, sorted in the C locale, got"
                    f" {key} after {previous}"
                )
            self.rows[key], self._numbers[key], previous = fields, number, key
        if not self.rows:
            raise InputError(f"{path}: expected lines, but the file is empty")

    def place(self, key: str) -> str:
        """Return the file and line of a key."""
        return f"{self.path} line {self._numbers[key]}"

    def check_keys(self, expected: Iterable[str], source: str) -> None:
        """Refuse keys other than those of another file."""
        wanted = set(expected)
        for key in self.rows:
            if key not in wanted:
                raise InputError(f"{self.place(key)}: expected a name of {source}, got {key}")
        if missing := sorted(wanted - set(self.rows)):
            raise InputError(
                f"{self.path}: expected a line for {missing[0]}, as in {source}, but there is none"
            )


def read_data_folder(folder: str | Path) -> DataFolder:
    r"""Read a data folder.

    Parameters
    ----------
    folder : str or Path
        With `wav.scp`, `segments`, `text`, `utt2spk`, `spk2utt` and `reco2file_and_channel`, and
        perhaps `stm`.

    Raises
    ------
    InputError
        If a file is missing or malformed, has names twice or not in the order of the C locale, or
        two files do not fit together. The message names file and line.

    Examples
    --------
    >>> import tempfile
    >>> from asr.formats.kaldi_data import write_data_folder
    >>> folder = Path(tempfile.mkdtemp())
    >>> utterance = StmSegment("AlGore", "A", "AlGore", 17.82, 28.81, "", ("thank", "you"))
    >>> write_data_folder(folder, {"AlGore": Path("AlGore.sph")}, [utterance], sph2pipe="sph2pipe")
    >>> read_data_folder(folder).utterances == (utterance,)
    True
    """
    folder = Path(folder)
    speakers = _Table(folder / "utt2spk", 1, 1)
    segments, text = _Table(folder / "segments", 3, 3), _Table(folder / "text", 0)
    audio, channels = _Table(folder / "wav.scp", 1), _Table(folder / "reco2file_and_channel", 2, 2)
    for table in (text, segments):
        table.check_keys(speakers.rows, "utt2spk")
    recordings = {fields[0] for fields in segments.rows.values()}
    for table in (audio, channels):
        table.check_keys(recordings, "segments")
    _check_speakers(speakers, _Table(folder / "spk2utt", 1))
    for recording, (_, channel) in channels.rows.items():
        if channel not in ("A", "B"):
            place = channels.place(recording)
            raise InputError(f"{place}: expected A or B as channel, got {channel}")
    entries = (line.split(maxsplit=1) for line in _lines(folder / "wav.scp"))
    stm = tuple(read_stm(folder / "stm")) if (folder / "stm").is_file() else None
    utterances = tuple(_utterances(segments, text, speakers, channels))
    return DataFolder({name: entry.strip() for name, entry in entries}, utterances, stm)


def _lines(path: Path) -> Iterator[str]:
    lines = read_lines(path)
    content = path.read_bytes()
    if b"\r" in content or (content and not content.endswith(b"\n")):
        raise InputError(f"{path}: expected each line to end with a line feed alone, for Kaldi")
    for number, line in enumerate(lines, start=1):
        if _OTHER_SPACE.search(line):
            raise InputError(
                f"{path} line {number}: expected no white space but spaces and tabs,"
                f" got {line[:60]!r}"
            )
        yield line


def _check_speakers(speakers: _Table, utterances: _Table) -> None:
    """Compare utt2spk with spk2utt."""
    check_order(
        list(speakers.rows), [speaker for (speaker,) in speakers.rows.values()], str(speakers.path)
    )
    by_speaker = defaultdict(list)
    for name, (speaker,) in speakers.rows.items():
        by_speaker[speaker].append(name)
    utterances.check_keys(by_speaker, "utt2spk")
    for speaker, names in utterances.rows.items():
        if names != by_speaker[speaker]:
            raise InputError(
                f"{utterances.place(speaker)}: expected the utterances of {speaker} in utt2spk,"
                f" {' '.join(by_speaker[speaker])[:60]!r}, got {' '.join(names)[:60]!r}"
            )


def _utterances(
    segments: _Table, text: _Table, speakers: _Table, channels: _Table
) -> Iterator[StmSegment]:
    for name, (recording, start, end) in segments.rows.items():
        onset, offset = read_span((start, end), segments.place(name))
        words = tuple(text.rows[name])
        check_words(words, text.place(name))
        talk, channel = channels.rows[recording]
        yield StmSegment(talk, channel, speakers.rows[name][0], onset, offset, "", words)
