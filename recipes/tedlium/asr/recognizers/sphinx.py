"""Sphinx: models of phones alone and in context, trained with sphinxtrain's programs.

Decodes with the wheel `pocketsphinx`.
"""

import logging
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from aed_plugins.core import InputError, first_few
from asr.execution.stages import fingerprint_inputs, run_stage
from asr.formats.arpa import read_arpa
from asr.formats.ctm import CtmWord
from asr.formats.lexicon import Lexicon, select_words
from asr.formats.segments import SpeechSegment
from asr.recognizers.interface import (
    DecodingWeights,
    Language,
    Recognizer,
    TrainingSet,
    resolve_jobs,
)
from asr.recognizers.pocketsphinx_decoding import SphinxModel, decode_talks
from asr.recognizers.pocketsphinx_wheel import find_english_model
from asr.recognizers.sphinx_estimation import MODEL_FILES, SphinxEstimator
from asr.recognizers.sphinx_features import SAMPLE_RATE
from asr.recognizers.sphinx_files import FRAMES_PER_SECOND, write_corpus, write_dictionary
from asr.recognizers.sphinx_training import (
    PROGRAMS,
    STATES,
    train_mono,
    train_tri,
)

# Where Debian's package and sphinxtrain's own installation put the programs.
PLACES = (
    Path("/usr/lib/sphinxtrain"),
    Path(f"/usr/lib/{platform.machine()}-linux-gnu/sphinxtrain"),
    Path("/usr/local/libexec/sphinxtrain"),
)

MOST_DENSITIES = 8
# Frames of speech for the training of each Gaussian.
FRAMES_PER_DENSITY = 100

# Wider than pocketsphinx's own, as in the settings that sphinxtrain writes for decoding.
_BEAMS = {"beam": 1e-80, "pbeam": 1e-80, "wbeam": 1e-40}

logger = logging.getLogger(__name__)


class Sphinx(Recognizer):
    """Trains and decodes with CMU Sphinx.

    Its `language_weight` and `insertion_penalty` are those of `pocketsphinx_decoding.decode_talks`.

    Parameters
    ----------
    programs : str or Path, optional
        The folder with sphinxtrain's programs; looked for in `PLACES` and on `PATH` when not given.
    senones : int, optional
        Tied states of `tri`; by the amount of speech when not given (see `choose_senones`).
    densities : int, optional
        Gaussians of each state of both systems, a power of two; by the amount of speech when not
        given (see `choose_densities`).
    jobs : int, optional
        How many processes run at a time; as many as there are processors when not given. With more
        than one, a script that uses this needs its `if __name__ == "__main__":`.
    """

    systems = ("mono", "tri")
    trainable = True
    weights = tuple(
        DecodingWeights(language, insertion)
        for language in (5.0, 8.0, 11.0)
        for insertion in (0.2, 0.65)
    )

    def __init__(
        self,
        programs: str | Path | None = None,
        senones: int | None = None,
        densities: int | None = None,
        jobs: int | None = None,
    ) -> None:
        if densities is not None and (densities < 1 or densities & (densities - 1)):
            raise InputError(f"expected a power of two as densities, got {densities}")
        self.programs = None if programs is None else Path(programs)
        self.senones = senones
        self.densities = densities
        self.jobs = resolve_jobs(jobs)

    def check(self) -> None:
        """Check that sphinxtrain's programs and the wheel pocketsphinx are there.

        Raises
        ------
        InputError
            If not; the message says how to get them.
        """
        find_english_model()
        self._find_programs()

    def train(self, data: TrainingSet, folder: Path) -> None:
        """Train both systems into a folder; go on where an earlier call was interrupted.

        Parameters
        ----------
        data : TrainingSet
            The training data. Pauses and pronunciations are found during training.
        folder : Path
            Where models, stages and logs are written.

        Raises
        ------
        InputError
            If a stage fails; earlier stages stay done.
        """
        programs = self._find_programs()
        corpus = write_corpus(data, folder, self.jobs)
        estimator = SphinxEstimator(programs, corpus, folder, self.jobs)
        states = STATES * len(corpus.phones)
        last = train_mono(estimator, self._choose_densities(corpus.frames, states))
        _copy_model(folder, last, "mono")
        senones = self.senones
        if senones is None:
            senones = choose_senones(corpus.frames / FRAMES_PER_SECOND / 3600)
        senones = max(senones, states)
        lexicon = data.language.lexicon
        densities = self._choose_densities(corpus.frames, senones + states)
        last = train_tri(estimator, lexicon, senones, densities)
        _copy_model(folder, last, "tri")

    def decode(
        self,
        system: str,
        recordings: Mapping[str, Path],
        segments: Sequence[SpeechSegment],
        language: Language | None,
        weights: Sequence[DecodingWeights],
        models: Path,
        folder: Path,
    ) -> dict[DecodingWeights, list[CtmWord]]:
        """Recognize segments; go on where an earlier call was interrupted.

        Words with a phone that was never trained are not recognized; a warning names them.

        Parameters
        ----------
        system : str
            `mono` or `tri`.
        recordings : mapping of str to Path
            Talks and their audio files.
        segments : sequence of SpeechSegment
            What to recognize, in any order.
        language : Language
            Words and language model.
        weights : sequence of DecodingWeights
            Which of them to decode with.
        models : Path
            The folder that `train` filled.
        folder : Path
            Where results of this decoding are written; one folder for one set of segments.

        Returns
        -------
        dict of DecodingWeights to list of CtmWord
            As for `Recognizer.decode`.

        Raises
        ------
        InputError
            If a model or the language is missing, or as `decode_talks` does.
        """
        if language is None:
            raise InputError(
                "expected a lexicon and a language model to decode with: Sphinx has none of its own"
            )
        acoustic = models / system
        if system not in self.systems or not (acoustic / "mdef").is_file():
            raise InputError(
                f"{acoustic}: expected the model {system}, one of {', '.join(self.systems)}, "
                "but there is none; train first"
            )
        dictionary = folder / "recognized.dic"
        _write_known_words(language, acoustic, dictionary)
        model = SphinxModel(
            acoustic, dictionary, language.arpa, options=_BEAMS, sample_rate=SAMPLE_RATE
        )
        return decode_talks(model, recordings, segments, weights, folder, self.jobs)

    def _find_programs(self) -> Path:
        on_path = shutil.which("bw")
        places = [*PLACES, *([Path(on_path).parent] if on_path else [])]
        if self.programs is not None:
            places = [self.programs]
        for place in places:
            if all(os.access(place / program, os.X_OK) for program in PROGRAMS):
                return place
        raise InputError(
            f"expected sphinxtrain's programs ({first_few(list(PROGRAMS))}) in "
            f"{first_few([str(place) for place in places], len(places))}, but they are not there; "
            "install them: apt-get install sphinxtrain"
        )

    def _choose_densities(self, frames: int, states: int) -> int:
        return choose_choose_densities(frames, states) if self.densities is None else self.densities


def choose_senones(hours: float) -> int:
    """Choose the number of tied states that an amount of speech suffices for.

    The rule combines Sphinx's advice for small vocabularies and Kaldi's 2500 to 4000 for TED-LIUM.

    Parameters
    ----------
    hours : float
        Hours of speech.

    Examples
    --------
    >>> choose_senones(1 / 3), choose_senones(40)
    (198, 3030)
    """
    return max(50, min(6000, round(370 * hours**0.57)))


def choose_choose_densities(frames: int, states: int) -> int:
    """Choose the number of Gaussians of each state.

    Parameters
    ----------
    frames, states : int
        How many there are.

    Returns
    -------
    int
        The largest power of two up to `MOST_DENSITIES` that leaves each Gaussian
        `FRAMES_PER_DENSITY` frames, and 1 at least.

    Examples
    --------
    >>> choose_choose_densities(120_000, 75), choose_choose_densities(15_000, 75)
    (8, 2)
    """
    densities = 1
    while densities < MOST_DENSITIES and frames >= 2 * densities * states * FRAMES_PER_DENSITY:
        densities *= 2
    return densities


def _copy_model(folder: Path, stage: str, system: str) -> None:
    """Copy the last stage's model to the folder of its system."""

    def copy() -> None:
        for name in MODEL_FILES:
            shutil.copyfile(folder / stage / name, folder / system / name)

    (folder / system).mkdir(exist_ok=True)
    outputs = [folder / system / name for name in MODEL_FILES]
    depends_on = fingerprint_inputs(*(folder / stage / name for name in MODEL_FILES))
    run_stage(system, folder, depends_on, outputs, copy)


def _write_known_words(language: Language, acoustic: Path, path: Path) -> None:
    """Write the words that are in the language model and that the acoustic model has phones for."""
    words = read_arpa(language.arpa).words
    lexicon = select_words(language.lexicon, words)
    tags = {tag: phone for tag, phone in lexicon.nonspeech_phones.items() if tag in words}
    known = Lexicon(lexicon.pronunciations, tags)
    wanted = len(known.pronunciations) + len(tags)
    written = write_dictionary(known, path, _read_phones(acoustic / "mdef"))
    if written == 0:
        raise InputError(
            f"{language.arpa}: expected words of the lexicon with phones of the acoustic model, "
            "got none; lexicon and language model must be of the same language"
        )
    if written < wanted:
        logger.warning(
            "%d of %d words have only pronunciations with phones that were never trained, and "
            "cannot be recognized",
            wanted - written,
            wanted,
        )


def _read_phones(definition: Path) -> frozenset[str]:
    """Read the phones of a model definition: its lines `phone - - - ...`."""
    with definition.open(encoding="utf-8") as stream:
        lines = (line.split() for line in stream)
        return frozenset(fields[0] for fields in lines if fields[1:4] == ["-", "-", "-"])
