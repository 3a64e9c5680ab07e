"""The interface of speech recognizers."""

import abc
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aed_plugins.core import InputError
from asr.formats.ctm import CtmWord
from asr.formats.lexicon import Lexicon
from asr.formats.segments import SpeechSegment
from asr.formats.stm import StmSegment


class DecodingWeights(NamedTuple):
    """The weight of the language model, and the cost of a word.

    Attributes
    ----------
    language_weight : float
        The factor of the language model's log probabilities, in the recognizer's own
        scale (Kaldi: 7 to 17; Sphinx: 3 to 15).
    insertion_penalty : float
        The cost of each word, in the recognizer's own scale; see its class.
    """

    language_weight: float
    insertion_penalty: float


@dataclass(frozen=True)
class Language:
    """A lexicon and a language model.

    Attributes
    ----------
    lexicon : Lexicon
        Pronunciations, and the non-speech tags that have phones.
    arpa : Path
        A back-off language model in ARPA format, plain text.
    """

    lexicon: Lexicon
    arpa: Path


@dataclass(frozen=True)
class TrainingSet:
    """The data that an acoustic model is trained on.

    Attributes
    ----------
    recordings : mapping of str to Path
        Talks and their audio files.
    utterances : sequence of StmSegment
        Each with at least one word; all of them in the language's lexicon.
    language : Language
        Lexicon and language model.
    """

    recordings: Mapping[str, Path]
    utterances: Sequence[StmSegment]
    language: Language


class Recognizer(abc.ABC):
    """Recognizes words with times in segments of talks.

    Attributes
    ----------
    systems : tuple of str
        Its acoustic models, weakest first, such as `("mono", "tri")`; of a recognizer that comes
        trained, one.
    weights : tuple of DecodingWeights
        Those to choose from on development data, in ascending order.
    trainable : bool
        Whether `train` must come before `decode`.
    """

    systems: tuple[str, ...]
    weights: tuple[DecodingWeights, ...]
    trainable: bool

    @abc.abstractmethod
    def check(self) -> None:
        """Check that the programs and models that it needs are there.

        Raises
        ------
        InputError
            If not; the message says how to get them.
        """

    def train(self, data: TrainingSet, folder: Path) -> None:
        """Train all systems into a folder; go on where an earlier call was interrupted.

        Parameters
        ----------
        data : TrainingSet
            The training data.
        folder : Path
            Where models, stages and logs are written.

        Raises
        ------
        InputError
            If a stage fails; earlier stages stay done.
        """
        raise NotImplementedError(f"{type(self).__name__} comes trained")

    @abc.abstractmethod
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

        Parameters
        ----------
        system : str
            One of `systems`.
        recordings : mapping of str to Path
            Talks and their audio files.
        segments : sequence of SpeechSegment
            What to recognize, in any order.
        language : Language or None
            Words and language model; `None` for the recognizer's own, where it has one.
        weights : sequence of DecodingWeights
            Which of them to decode with.
        models : Path
            The folder that `train` filled.
        folder : Path
            Where results and logs of this decoding are written; one folder for one set of segments.

        Returns
        -------
        dict of DecodingWeights to list of CtmWord
            Words with times from the talk's start, by talk and onset. Non-speech tags are among
            the words; silence and the sentences' ends are not.

        Raises
        ------
        InputError
            If a stage fails; what was decoded before stays cached.
        """


def resolve_jobs(jobs: int | None) -> int:
    """Return the number of processes to use.

    Parameters
    ----------
    jobs : int or None
        What a user asked for; as many as there are processors when `None`.

    Raises
    ------
    InputError
        If it is not a whole number from 1 on.

    Examples
    --------
    >>> resolve_jobs(3)
    3
    """
    if jobs is None:
        return os.cpu_count() or 1
    if type(jobs) is not int or jobs < 1:
        raise InputError(f"expected jobs to be a whole number from 1 on, got {jobs!r}")
    return jobs
