"""Write Kaldi's data folders: utterances with their audio, transcripts and speakers.

Source: Kaldi, "Data preparation" (kaldi-asr.org/doc/data_prep.html) and utils/validate_data_dir.sh,
whose checks are made here on writing and on reading. A talk is a recording and a speaker; all files
are sorted by code point, which in UTF-8 is the order of the C locale.
"""

import os
import shlex
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from aed_plugins.audio import read_info
from aed_plugins.core import InputError, atomic_write
from asr.formats.lines import format_number, join_fields
from asr.formats.segments import SpeechSegment
from asr.formats.sphere import convert_to_wav, is_sphere
from asr.formats.stm import StmSegment, format_stm
from asr.formats.transcript import CHANNEL

# What the conditions in the STM mean: sclite's tables by label need it.
_LABELS = """\
;; LABEL "o" "Overall" "All segments"
;; LABEL "f0" "f0" "Wide-band channel"
;; LABEL "f2" "f2" "Telephone channel"
;; LABEL "male" "Male" "Men"
;; LABEL "female" "Female" "Women"
"""
# hubscr.pl needs at least one rule; this one never applies.
_GLM = ";; no rules\n[FAKE] => %HESITATION / [ ] __ [ ]\n"

_RESERVED = frozenset(("<s>", "</s>", "#0"))  # symbols of Kaldi's own


def write_data_folder(
    folder: str | Path,
    recordings: Mapping[str, Path],
    utterances: Iterable[StmSegment],
    stm: Iterable[StmSegment] | None = None,
    sph2pipe: str | None = None,
) -> None:
    r"""Write a data folder.

    Parameters
    ----------
    folder : str or Path
        Where to write `wav.scp`, `segments`, `text`, `utt2spk`, `spk2utt` and
        `reco2file_and_channel`, and a folder `wav` with the recordings that Kaldi cannot read as
        they are; other files there are left alone. Made if there is none.
    recordings : mapping of str to Path
        Talks and their audio files; those without an utterance are left out, as Kaldi requires.
    utterances : iterable of StmSegment
        At least one, perhaps without words; ignored ones are left out.
    stm : iterable of StmSegment, optional
        What scoring compares with, ignored stretches included: for `stm` and `glm`.
    sph2pipe : str, optional
        The program that reads SPHERE for Kaldi. By default that of `find_sph2pipe`; if there is
        none, SPHERE files are decoded to `wav`, where they take as much space again.

    Raises
    ------
    InputError
        If there is no utterance, two have the same name, a talk has no recording or one that cannot
        be read, a name or word has white space or other characters that Kaldi refuses, or the
        talks' names are such that utterances and speakers cannot both be sorted.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> utterance = StmSegment("AlGore", "A", "AlGore", 17.82, 28.81, "", ("thank", "you"))
    >>> write_data_folder(folder, {"AlGore": Path("AlGore.sph")}, [utterance], sph2pipe="sph2pipe")
    >>> (folder / "text").read_text()
    'AlGore-0001782-0002881 thank you\n'
    """
    named = _name_utterances(utterances)
    talks = sorted({utterance.talk for utterance in named.values()})
    missing = [talk for talk in talks if talk not in recordings]
    if missing:
        raise InputError(f"expected a recording of each talk, got none of {missing[0]}; add it")
    by_talk = defaultdict(list)
    for name, utterance in named.items():
        by_talk[utterance.talk].append(name)
    files: dict[str, Iterable[str]] = {
        "segments": (
            join_fields(
                (
                    name,
                    utterance.talk,
                    format_number(utterance.onset),
                    format_number(utterance.offset),
                )
            )
            for name, utterance in named.items()
        ),
        "text": (join_fields((name, *utterance.words)) for name, utterance in named.items()),
        "utt2spk": (join_fields((name, utterance.talk)) for name, utterance in named.items()),
        "spk2utt": (join_fields((talk, *by_talk[talk])) for talk in talks),
        "reco2file_and_channel": (join_fields((talk, talk, CHANNEL)) for talk in talks),
    }
    if stm is not None:
        files |= {"stm": [_LABELS, format_stm(stm)], "glm": [_GLM]}
    # Last, when all names are checked: this may decode recordings.
    used = {talk: recordings[talk] for talk in talks}
    files["wav.scp"] = _format_audio_lines(used, Path(folder) / "wav", sph2pipe or find_sph2pipe())
    contents = {name: "".join(lines) for name, lines in files.items()}
    for name, content in contents.items():
        with atomic_write(Path(folder) / name) as temporary:
            temporary.write_bytes(content.encode("utf-8"))


def find_sph2pipe() -> str | None:
    """Find the program that reads SPHERE for Kaldi: in its tools, or on the path."""
    if root := os.environ.get("KALDI_ROOT"):
        found = sorted(Path(root).glob("tools/sph2pipe*/sph2pipe"))
        if found:
            return str(found[-1])
    return shutil.which("sph2pipe")


def make_audio_entry(path: str | Path, sph2pipe: str | None, wav_path: str | Path) -> str:
    """Return the file or command that gives Kaldi a recording's samples.

    Parameters
    ----------
    path : str or Path
        A SPHERE file, or any that libsndfile reads.
    sph2pipe : str or None
        The program that reads SPHERE, if there is one.
    wav_path : str or Path
        The file to decode the recording to, if Kaldi can read it in no other way.

    Raises
    ------
    InputError
        If a recording that `sph2pipe` does not read cannot be read, or a path has a line end.

    Examples
    --------
    >>> make_audio_entry("/talks/Al Gore.sph", "sph2pipe", "/data/wav/AlGore.wav")
    "sph2pipe -f wav -p '/talks/Al Gore.sph' |"
    """
    if sph2pipe is not None and is_sphere(path):
        return f"{shlex.quote(sph2pipe)} -f wav -p {_quoted(path)} |"
    if not _is_plain_wav(path):
        convert_to_wav(wav_path, path)
        path = wav_path
    quoted = _quoted(path)
    # Only a command's quotes are removed.
    return quoted if quoted == str(Path(path).absolute()) else f"cat {quoted} |"


def _format_audio_lines(
    recordings: Mapping[str, Path], wav_folder: Path, sph2pipe: str | None
) -> Iterator[str]:
    """Yield the lines of wav.scp."""
    for talk, path in recordings.items():
        wav_path = wav_folder / f"{quote(talk, safe='')}.wav"
        yield f"{talk} {make_audio_entry(path, sph2pipe, wav_path)}\n"


def _quoted(path: str | Path) -> str:
    """Return an absolute path in the form that a shell takes for one word."""
    absolute = str(Path(path).absolute())
    if len(absolute.splitlines()) != 1:
        raise InputError(f"expected a path without line ends, got {absolute!r}; rename it")
    return shlex.quote(absolute)


def _is_plain_wav(path: str | Path) -> bool:
    """Check whether a recording is a WAV file that Kaldi reads: 16 bits, one channel."""
    if is_sphere(path) or Path(path).suffix.lower() != ".wav":
        return False
    info = read_info(path)
    return (info.kind, info.channels) == ("WAV PCM_16", 1)


def check_words(words: Sequence[str], where: str) -> None:
    """Refuse words that Kaldi's checks refuse.

    Parameters
    ----------
    words : sequence of str
        A transcript.
    where : str
        The utterance, or file and line.

    Raises
    ------
    InputError
        If there is one.
    """
    for word in words:
        if word in _RESERVED or not word.isprintable():
            raise InputError(
                f"{where}: expected words of printable characters, other than Kaldi's own symbols"
                f" <s>, </s> and #0, got {word!r}; leave it out"
            )


def check_order(names: Sequence[str], speakers: Sequence[str], where: str) -> None:
    """Refuse utterances that are not sorted, or not by their speakers too.

    Parameters
    ----------
    names, speakers : sequence of str
        Of each utterance.
    where : str
        The file, for the message.

    Raises
    ------
    InputError
        If an utterance's name comes twice or too late, or its speaker's does.
    """
    for (one, before), (other, after) in pairwise(zip(names, speakers, strict=True)):
        if one >= other:
            came = f"{one} twice" if one == other else f"{other} after {one}"
            raise InputError(
                f"{where}: expected each utterance once, sorted in the C locale, got {came}"
            )
        if before > after:
            raise InputError(
                f"{where}: expected names of speakers that sort like those of their utterances, got"
                f" {other} of {after} after {one} of {before}; rename {before} or {after}"
            )


def _name_utterances(utterances: Iterable[StmSegment]) -> dict[str, StmSegment]:
    """Name utterances, and sort them by name."""
    pairs = sorted(
        (SpeechSegment(utterance.talk, utterance.onset, utterance.offset).name, utterance)
        for utterance in utterances
        if not utterance.is_ignored
    )
    if not pairs:
        raise InputError("expected utterances for Kaldi, got none")
    for name, utterance in pairs:
        check_words(utterance.words, f"utterance {name}")
    check_order(
        [name for name, _ in pairs], [utterance.talk for _, utterance in pairs], "Kaldi's utt2spk"
    )
    return dict(pairs)
