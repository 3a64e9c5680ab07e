"""Train Kaldi's Gaussian mixtures, stage after stage, with Kaldi's own scripts.

Source: the recipes `egs/tedlium/s5` and `s5_r2`: features, the order of the systems and their
sizes. Deviations: pronunciation probabilities are not estimated, a speaker is a talk, and sizes
shrink with little data.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from asr.execution.stages import fingerprint_inputs, run_stage
from asr.recognizers.interface import TrainingSet
from asr.recognizers.kaldi_features import KaldiJobs, make_data
from asr.recognizers.kaldi_language import make_lang
from asr.recognizers.kaldi_programs import include_earlier_systems
from asr.recognizers.kaldi_work import KaldiWorkFolder

MONO_UTTERANCES = 10_000  # a flat start is easier on short utterances, and needs no more of them
_SAME_WORDS = 10  # how often a transcript may occur among them

_FRAMES_PER_HOUR = 360_000
_FRAMES_PER_GAUSSIAN = 80
_GAUSSIANS_PER_LEAF = 10


class ModelSize(NamedTuple):
    """The size of an acoustic model.

    Attributes
    ----------
    leaves, gaussians : int
        How many tied states, and how many Gaussians over all of them.
    """

    leaves: int
    gaussians: int


# What each system starts from, and the script that trains it.
_SCRIPTS = {
    "tri1": ("mono", "train_deltas.sh"),
    "tri2": ("tri1", "train_lda_mllt.sh"),
    "tri3": ("tri2", "train_sat.sh"),
}

SIZES = {
    "tri1": ModelSize(2500, 30_000),
    "tri2": ModelSize(4000, 50_000),
    "tri3": ModelSize(5000, 100_000),
}


def choose_model_size(system: str, hours: float) -> ModelSize:
    """Return the recipes' size of a system, or a smaller one where there is little speech.

    A Gaussian gets at least 80 frames of 10 ms, so that from 23 hours on, which is a fifth of
    release 1, all sizes are the recipes'; a leaf gets at least 10 Gaussians.

    Parameters
    ----------
    system : str
        `tri1`, `tri2` or `tri3`.
    hours : float
        How long the training utterances are together.

    Examples
    --------
    >>> choose_model_size("tri1", 40), choose_model_size("tri1", 0.5)
    (ModelSize(leaves=2500, gaussians=30000), ModelSize(leaves=225, gaussians=2250))
    """
    full = SIZES[system]
    gaussians = min(full.gaussians, round(hours * _FRAMES_PER_HOUR / _FRAMES_PER_GAUSSIAN))
    gaussians = max(gaussians, 500)
    return ModelSize(min(full.leaves, gaussians // _GAUSSIANS_PER_LEAF), gaussians)


class KaldiTraining:
    """The stages of training, each of which goes on from the one before.

    Parameters
    ----------
    work : KaldiWorkFolder
        Where; prepared.
    jobs : KaldiJobs
        How parts are started.
    sizes : mapping of str to ModelSize
        Sizes of systems, where not those of `choose_model_size`.
    """

    def __init__(
        self, work: KaldiWorkFolder, jobs: KaldiJobs, sizes: Mapping[str, ModelSize]
    ) -> None:
        self.work = work
        self.jobs = jobs
        self.sizes = sizes

    def train(self, data: TrainingSet, systems: Sequence[str]) -> None:
        """Train systems, and those before them.

        Parameters
        ----------
        data : TrainingSet
            The training data.
        systems : sequence of str
            Of `mono`, `tri1`, `tri2`, `tri3`.

        Raises
        ------
        InputError
            If a stage fails; earlier stages stay done.
        """
        prepared = make_data(self.work, "train", data.recordings, data.utterances, self.jobs)
        lang = make_lang(self.work, data.language.lexicon)
        hours = sum(utterance.offset - utterance.onset for utterance in data.utterances) / 3600
        depends_on = fingerprint_inputs(prepared.depends_on, lang.name)
        for system in include_earlier_systems(systems):
            size = None
            if system != "mono":
                size = self.sizes.get(system, choose_model_size(system, hours))
            depends_on = fingerprint_inputs(depends_on, system, size)
            self._train(system, size, prepared.folder, lang, depends_on)

    def _train(
        self, system: str, size: ModelSize | None, data: Path, lang: Path, depends_on: str
    ) -> None:
        model = self.work.folder / "exp" / system

        def work() -> None:
            shutil.rmtree(model, ignore_errors=True)
            if size is None:
                self._train_from_flat_start(data, lang, model)
            else:
                self._train_from_alignment(system, size, data, lang)

        outputs = [model / name for name in ("final.mdl", "tree", "phones.txt")]
        run_stage(system, self.work.folder, depends_on, outputs, work)

    def _train_from_flat_start(self, data: Path, lang: Path, model: Path) -> None:
        if _count_lines(data / "utt2spk") > MONO_UTTERANCES:
            short, distinct = data.with_name("train-short"), data.with_name("train-distinct")
            subset = ("utils/subset_data_dir.sh", "--shortest", data, str(MONO_UTTERANCES), short)
            self.work.run("mono", *subset)
            self.work.run(
                "mono", "utils/data/remove_dup_utts.sh", str(_SAME_WORDS), short, distinct
            )
            data = distinct
        script = "steps/train_mono.sh"
        self.work.run("mono", script, *self.jobs.options(data), data, lang, model)

    def _train_from_alignment(self, system: str, size: ModelSize, data: Path, lang: Path) -> None:
        earlier, script = _SCRIPTS[system]
        models = self.work.folder / "exp"
        aligned = models / f"{earlier}_ali"
        shutil.rmtree(aligned, ignore_errors=True)
        align = "steps/align_si.sh"
        self.work.run(
            system, align, *self.jobs.options(data), data, lang, models / earlier, aligned
        )
        sizes = (str(size.leaves), str(size.gaussians))
        self.work.run(
            system, f"steps/{script}", *self.jobs.cmd, *sizes, data, lang, aligned, models / system
        )


def _count_lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for _ in stream)
