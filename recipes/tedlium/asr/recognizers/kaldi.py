"""Kaldi: hidden Markov models with Gaussian mixtures, trained and decoded by its own scripts.

Source: Kaldi's recipes `egs/tedlium/s5` and `s5_r2`; see `kaldi_training` for what differs.
Kaldi itself is not included: unpack and compile it, and set `KALDI_ROOT`.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

from aed_plugins.core import InputError
from asr.formats.ctm import CtmWord
from asr.formats.segments import SpeechSegment
from asr.recognizers.interface import (
    DecodingWeights,
    Language,
    Recognizer,
    TrainingSet,
    resolve_jobs,
)
from asr.recognizers.kaldi_decoding import KaldiDecoding
from asr.recognizers.kaldi_features import KaldiJobs
from asr.recognizers.kaldi_programs import SCRIPTS, SYSTEMS, find_kaldi
from asr.recognizers.kaldi_training import KaldiTraining, ModelSize
from asr.recognizers.kaldi_work import KaldiWorkFolder


class Kaldi(Recognizer):
    """Kaldi's systems of Gaussian mixtures.

    `mono` models single phones; `tri1` phones with their neighbours; `tri2` adds LDA and MLLT;
    `tri3` adapts to the speaker. Each is trained from the one before.

    Parameters
    ----------
    systems : sequence of str
        Those that are wanted, of `mono`, `tri1`, `tri2`, `tri3`, in this order. Those before the
        last are trained, too.
    kaldi_root : str or Path, optional
        Kaldi's folder; the variable `KALDI_ROOT` by default.
    train_cmd, decode_cmd : str
        How Kaldi's scripts start their parts: `run.pl` on this machine, `queue.pl ...` or
        `slurm.pl ...` on a cluster. Passed through as they stand.
    jobs : int, optional
        How many parts run at a time; by default as many as there are processors. It is capped
        by the number of talks.
    sizes : mapping of str to (int, int), optional
        For `tri1`, `tri2` or `tri3` how many leaves and Gaussians, instead of those of
        the recipes, which are smaller with little data (see `kaldi_training.choose_model_size`).

    Raises
    ------
    InputError
        If a system's name is wrong, or there is no job.

    Examples
    --------
    >>> Kaldi(("mono", "tri1")).weights[0]
    DecodingWeights(language_weight=7.0, insertion_penalty=0.0)
    """

    trainable = True
    # As in the recipes. The penalty is a negative log probability (base e) per word.
    weights = tuple(
        DecodingWeights(float(weight), penalty)
        for weight, penalty in product(range(7, 18), (0.0, 0.5, 1.0))
    )

    def __init__(
        self,
        systems: Sequence[str] = ("mono", "tri1"),
        kaldi_root: str | Path | None = None,
        train_cmd: str = "run.pl",
        decode_cmd: str = "run.pl",
        jobs: int | None = None,
        sizes: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        self.systems = tuple(systems)
        if not self.systems or list(self.systems) != [s for s in SYSTEMS if s in self.systems]:
            known = ", ".join(SYSTEMS)
            raise InputError(f"systems: expected some of {known}, in this order, got {systems!r}")
        self.kaldi_root = kaldi_root
        count = resolve_jobs(jobs)
        self.train_jobs = KaldiJobs(train_cmd, count)
        self.decode_jobs = KaldiJobs(decode_cmd, count)
        self.sizes = {name: ModelSize(*size) for name, size in (sizes or {}).items()}
        if unknown := sorted(set(self.sizes) - set(SYSTEMS[1:])):
            raise InputError(f"sizes: expected tri1, tri2 or tri3, got {unknown[0]!r}")

    def check(self) -> None:
        """Check that Kaldi is compiled, and that the programs that start its parts are there.

        Raises
        ------
        InputError
            If not; the message says how to get them.
        """
        root = find_kaldi(self.kaldi_root, self.systems)
        for jobs in (self.train_jobs, self.decode_jobs):
            starter = jobs.command.split()[0] if jobs.command.split() else ""
            places = f"{root / SCRIPTS / 'utils'}{os.pathsep}{os.environ.get('PATH', '')}"
            if not starter or shutil.which(starter, path=places) is None:
                raise InputError(
                    "train_cmd and decode_cmd: expected a program in Kaldi's utils, such as run.pl "
                    f"or queue.pl, and its options, got {jobs.command!r}"
                )

    def train(self, data: TrainingSet, folder: Path) -> None:
        """Train all systems into a folder; go on where an earlier call was interrupted.

        Parameters
        ----------
        data, folder
            As for `Recognizer.train`. The folder's path must be without spaces.

        Raises
        ------
        InputError
            If Kaldi is not there, or a stage fails; earlier stages stay done.
        """
        self.check()
        work = self._work(folder)
        KaldiTraining(work, self.train_jobs, self.sizes).train(data, self.systems)

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

        A segment is decoded once, into a lattice; the weights choose other words from it. Segments
        shorter than 0.1 s have no words.

        Parameters
        ----------
        system, recordings, segments, language, weights, models, folder
            As for `Recognizer.decode`; Kaldi has no default language.

        Returns
        -------
        dict of DecodingWeights to list of CtmWord
            Words with confidences, without the unknown word `<unk>`.

        Raises
        ------
        InputError
            If Kaldi is not there, the system was not trained, or a stage fails.
        """
        if system not in self.systems:
            raise InputError(f"system: expected one of {', '.join(self.systems)}, got {system!r}")
        if language is None:
            raise InputError("Kaldi: expected a lexicon and a language model, got none")
        self.check()
        decoding = KaldiDecoding(self._work(models), self._work(folder), self.decode_jobs, system)
        return decoding.decode(recordings, segments, language, weights)

    def _work(self, folder: Path) -> KaldiWorkFolder:
        work = KaldiWorkFolder(folder.absolute(), find_kaldi(self.kaldi_root, self.systems))
        work.prepare()
        return work
