"""Read TED-LIUM: talks, transcripts, lexicon and language model of a release.

Sources: Rousseau, Deléglise, Estève, "TED-LIUM: an automatic speech recognition dedicated corpus"
(LREC 2012), its second release (LREC 2014), and Hernandez et al., "TED-LIUM 3" (SPECOM 2018);
https://www.openslr.org/7, /19 and /51; CC BY-NC-ND 3.0. A set is a folder with `sph/<talk>.sph` and
`stm/<talk>.stm`; of release 3 the sets are in `legacy`.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tedlium_demo import build_demonstration

from aed_plugins.core import InputError
from asr.formats.sphere import read_duration
from asr.formats.stm import StmSegment, read_stm
from asr.formats.transcript import normalize_segment, remove_nonspeech_tags

SETS = ("train", "dev", "test")
DEFAULT_FOLDERS = tuple(
    Path("data") / name for name in ("TEDLIUM_release-3", "TEDLIUM_release2", "TEDLIUM_release1")
)
DEMONSTRATION_FOLDER = Path("data/TEDLIUM_demonstration")

# Seconds by which a transcript may exceed its recording: Kaldi's programs cut as much.
OVERSHOOT = 0.5
SHORTEST = 0.01  # seconds of an utterance after the cut


@dataclass(frozen=True)
class TalkSet:
    """A set of the corpus: train, dev or test.

    Attributes
    ----------
    recordings : dict of str to Path
        Talks and their audio files, by name.
    durations : dict of str to float
        Seconds of each talk.
    stm : list of StmSegment
        All segments, normalized, by talk and onset; ignored stretches are included.
    """

    recordings: dict[str, Path]
    durations: dict[str, float]
    stm: list[StmSegment]

    @property
    def utterances(self) -> list[StmSegment]:
        """The scored segments: all of `stm` but the ignored stretches."""
        return [segment for segment in self.stm if not segment.is_ignored]


@dataclass(frozen=True)
class TedliumCorpus:
    """A release of TED-LIUM.

    Attributes
    ----------
    talks : dict of str to TalkSet
        The sets train, dev and test.
    lexicon : Path
        The release's pronunciations.
    language_model : Path or None
        The release's ARPA file, where there is one.
    """

    talks: dict[str, TalkSet]
    lexicon: Path
    language_model: Path | None


def find_data(folder: str | None) -> Path:
    """Find the corpus, or build the demonstration corpus where there is none.

    Parameters
    ----------
    folder : str or None
        What the user named; by default a release in `data/`.

    Returns
    -------
    Path
        The folder that holds train, dev and test.

    Raises
    ------
    InputError
        If the named folder has no such sets.
    """
    if folder is None:
        there = [path for path in DEFAULT_FOLDERS if path.is_dir()]
        if not there:
            return build_demonstration(DEMONSTRATION_FOLDER)
        folder = str(there[0])
    root = Path(folder)
    inside = [root, root / "legacy", *(root / path.name for path in DEFAULT_FOLDERS)]
    inside.append(root / "TEDLIUM_release-3/legacy")
    for path in inside:
        if all((path / name / "stm").is_dir() for name in SETS):
            return path
    raise InputError(
        f"{root}: expected a release of TED-LIUM (folders train, dev and test, each with stm and "
        "sph, or those in legacy), found none; see recipes/tedlium/README.md"
    )


def read_corpus(folder: Path, language_model: str | None = None) -> TedliumCorpus:
    """Read all transcripts and the headers of all recordings.

    Parameters
    ----------
    folder : Path
        What `find_data` returned.
    language_model : str, optional
        An ARPA file to use instead of the release's.

    Raises
    ------
    InputError
        If a transcript is malformed, a talk has no recording or one that ends before its transcript
        does, or the lexicon or the named language model is missing.
    """
    talks = {name: read_talks(folder / name) for name in SETS}
    release = folder.parent if folder.name == "legacy" else folder
    lexicons = sorted([*release.glob("*.dic"), *release.glob("*.dic.gz")])
    if not lexicons:
        raise InputError(f"{release}: expected the release's lexicon, such as TEDLIUM.152k.dic")
    models = sorted([*release.glob("LM/*.arpa"), *release.glob("LM/*.arpa.gz")])
    model = models[0] if models else None
    if language_model is not None:
        model = Path(language_model)
        if not model.is_file():
            raise InputError(f"{model}: expected a language model (ARPA), but there is none")
    return TedliumCorpus(talks, lexicons[0], model)


def read_talks(folder: Path) -> TalkSet:
    """Read a set.

    Parameters
    ----------
    folder : Path
        With `stm` and `sph`; recordings may also be in WAV or FLAC.

    Raises
    ------
    InputError
        As `read_corpus`.
    """
    files = sorted((folder / "stm").glob("[!.]*.stm"))
    if not files:
        raise InputError(f"{folder / 'stm'}: expected STM files, one a talk, found none")
    recordings, stm = {}, []
    for file in files:
        segments = [normalize_segment(segment) for segment in read_stm(file)]
        if not any(not segment.is_ignored for segment in segments):
            raise InputError(f"{file}: expected a transcript, found none")
        for talk in sorted({segment.talk for segment in segments}):
            if talk in recordings:
                raise InputError(f"{file}: talk {talk} is also in another STM file; remove one")
            recordings[talk] = _find_recording(folder / "sph", talk, file)
        stm += segments
    with ThreadPoolExecutor() as pool:
        durations = dict(zip(recordings, pool.map(read_duration, recordings.values()), strict=True))
    stm.sort(key=lambda segment: (segment.talk, segment.onset))
    return TalkSet(recordings, durations, list(_cut_to_recordings(stm, recordings, durations)))


def _find_recording(folder: Path, talk: str, stm: Path) -> Path:
    for suffix in (".sph", ".wav", ".flac"):
        path = folder / f"{talk}{suffix}"
        if path.is_file():
            return path
    raise InputError(
        f"{folder / talk}.sph: expected the recording of {stm}, but there is none; "
        "unpack the release again, or leave the STM file out"
    )


def _cut_to_recordings(
    stm: Sequence[StmSegment], recordings: dict[str, Path], durations: dict[str, float]
) -> Iterator[StmSegment]:
    """Cut what continues shortly after the recording; refuse what continues for longer."""
    for segment in stm:
        duration = durations[segment.talk]
        cut = segment._replace(offset=min(segment.offset, duration))
        is_long_enough = cut.offset - cut.onset >= SHORTEST
        if segment.is_ignored and not is_long_enough:
            continue
        too_far = segment.offset > duration + OVERSHOOT and not segment.is_ignored
        if too_far or not is_long_enough:
            raise InputError(
                f"{recordings[segment.talk]}: expected {segment.offset:.2f} s of sound, as far as "
                f"the transcript goes, got {duration:.2f} s; copy the recording again"
            )
        yield cut


def select_fraction(
    utterances: Sequence[StmSegment], fraction: float, seed: int
) -> list[StmSegment]:
    """Select a fraction of the speech of each speaker.

    Parameters
    ----------
    utterances : sequence of StmSegment
        Of all speakers.
    fraction : float
        Of the seconds of speech, in (0, 1].
    seed : int
        The same seed selects the same utterances.

    Returns
    -------
    list of StmSegment
        In the order of `utterances`. Over all speakers the fraction is met to within an utterance.

    Raises
    ------
    InputError
        If the fraction is not in (0, 1].

    Examples
    --------
    >>> utterances = [StmSegment("talk", "A", "talk", t, t + 1.0, "", ("yes",)) for t in range(10)]
    >>> len(select_fraction(utterances, 0.2, seed=1))
    2
    """
    if not 0 < fraction <= 1:
        raise InputError(f"expected a training_fraction above 0 and up to 1, got {fraction}")
    by_talk = defaultdict(list)
    for number, utterance in enumerate(utterances):
        by_talk[utterance.talk].append((number, utterance.offset - utterance.onset))
    chosen, wanted, taken = [], 0.0, 0.0
    for talk, numbered in by_talk.items():
        wanted += fraction * sum(seconds for _, seconds in numbered)
        random.Random(f"{seed} {talk}").shuffle(numbered)
        for number, seconds in numbered:
            if taken + seconds / 2 > wanted:
                break
            chosen.append(number)
            taken += seconds
    return [utterances[number] for number in sorted(chosen)]


def filter_utterances(utterances: Sequence[StmSegment], keep_tags: bool) -> list[StmSegment]:
    """Return utterances with or without non-speech tags; those without a word are left out.

    Parameters
    ----------
    utterances : sequence of StmSegment
        Normalized.
    keep_tags : bool
        Whether `[NOISE]` and other non-speech tags stay among the words.
    """
    filtered = [
        utterance
        if keep_tags
        else utterance._replace(words=tuple(remove_nonspeech_tags(utterance.words)))
        for utterance in utterances
    ]
    return [utterance for utterance in filtered if utterance.words]
