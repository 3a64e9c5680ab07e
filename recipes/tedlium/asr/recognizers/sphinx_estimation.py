"""Estimate acoustic models with the programs of sphinxtrain: what all stages have in common.

Source: the scripts of Debian's package sphinxtrain 1.0.8+5prealpha, with their settings, for
continuous models of three states. Deviation: the corpus alone determines into how many parts an
iteration is split, so that the number of processes does not change a model.
"""

import concurrent.futures
import functools
import math
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from aed_plugins.core import InputError
from asr.execution.programs import run_program
from asr.execution.stages import fingerprint_inputs, run_stage
from asr.recognizers.sphinx_files import SphinxCorpus

PARAMETERS = ("means", "variances", "mixture_weights", "transition_matrices")
MODEL_FILES = (*PARAMETERS, "mdef", "feat.params", "noisedict")

# An iteration is split into parts of five minutes at least; norm takes memory for each.
_MOST_PARTS = 8
_FRAMES_PER_PART = 30_000
_MOST_ITERATIONS = 10
# Iterations end when the log likelihood of a frame rises by less.
_CONVERGED = 0.1
_OVERALL = re.compile(r"overall>.*")

Argument = str | int | float | Path


class SphinxEstimator:
    """Runs programs in stages, and fits models to a corpus.

    Parameters
    ----------
    programs : Path
        The folder with sphinxtrain's programs.
    corpus : SphinxCorpus
        The training data.
    folder : Path
        Where models, stages and logs are written.
    jobs : int
        How many programs run at a time.
    """

    def __init__(self, programs: Path, corpus: SphinxCorpus, folder: Path, jobs: int) -> None:
        self.programs = programs
        self.corpus = corpus
        self.folder = folder
        self.jobs = jobs

    @property
    def architecture(self) -> Path:
        """The folder of the models' definitions."""
        return self.folder / "architecture"

    def stage(
        self,
        name: str,
        parameters: Sequence[object],
        after: str,
        outputs: Sequence[Path],
        work: Callable[[], None],
    ) -> None:
        """Run a stage, which depends on the corpus, its parameters and the stage before it.

        Parameters
        ----------
        name, outputs, work
            As for `run_stage`.
        parameters : sequence
            What else the outcome depends on, as JSON can hold it.
        after : str
            The stage before; empty for the first.
        """
        before = self.folder / f".done-{after}.json"
        earlier = before.read_text(encoding="utf-8") if after else ""
        depends_on = fingerprint_inputs(earlier, self.corpus.depends_on, *parameters)
        run_stage(name, self.folder, depends_on, outputs, work)

    def run(self, program: str, log: str, **options: Argument) -> None:
        """Run one of the programs.

        Parameters
        ----------
        program : str
            Its name.
        log : str
            The log's name.
        **options
            Without their hyphens; `_2passvar` stands for `-2passvar`.
        """
        command: list[str | Path] = [self.programs / program]
        for name, value in options.items():
            command += [f"-{name.lstrip('_')}", str(value)]
        run_program(command, self.folder / "logs" / f"{log}.log")

    def run_all(self, calls: Iterable[Callable[[], None]]) -> None:
        """Make several calls, `jobs` at a time."""
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for future in [pool.submit(call) for call in calls]:
                future.result()

    def reestimate(self, name: str, definition: Path, initial: str, densities: int) -> None:
        """Repeat Baum and Welch's estimate until the likelihood rises no more.

        Parameters
        ----------
        name : str
            The stage's and the new model's name.
        definition : Path
            Phones, contexts and states.
        initial : str
            The stage that made the model to begin with.
        densities : int
            Gaussians of each state.
        """
        target = self.folder / name

        def work() -> None:
            make_empty(target)
            source, before = self.folder / initial, -math.inf
            for iteration in range(1, _MOST_ITERATIONS + 1):
                log = f"{name}-{iteration}"
                likelihood = self._iterate(log, definition, source, target, densities)
                if likelihood - before < _CONVERGED:
                    break
                source, before = target, likelihood
            shutil.copyfile(definition, target / "mdef")
            shutil.copyfile(self.corpus.feature_options, target / "feat.params")
            shutil.copyfile(self.corpus.fillers, target / "noisedict")

        outputs = [target / file for file in MODEL_FILES]
        self.stage(name, (), initial, outputs, work)

    def grow(self, system: str, definition: Path, densities: int) -> str:
        """Split each Gaussian into two until there are enough.

        Parameters
        ----------
        system : str
            The model to begin with is `<system>-1`.
        definition : Path
            Phones, contexts and states.
        densities : int
            Gaussians of each state in the end: a power of two.

        Returns
        -------
        str
            The name of the last stage, `<system>-<densities>`.
        """
        count = 1
        while count < densities:
            name, bigger = f"{system}-{count}", f"{system}-{2 * count}"
            initial = f"{bigger}-initial"
            self.stage(
                initial,
                (),
                name,
                list_model_files(self.folder / initial),
                functools.partial(self._split, name, initial, count),
            )
            self.reestimate(bigger, definition, initial, 2 * count)
            count *= 2
        return f"{system}-{count}"

    def _split(self, name: str, initial: str, more: int) -> None:
        source, target = self.folder / name, self.folder / initial
        make_empty(target)
        self.run(
            "inc_comp",
            initial,
            ninc=more,
            dcountfn=source / "mixture_weights",
            **make_model_options(source, "in", transitions=False),
            **make_model_options(target, "out", transitions=False),
        )
        shutil.copyfile(source / "transition_matrices", target / "transition_matrices")

    def _iterate(
        self, log: str, definition: Path, source: Path, target: Path, densities: int
    ) -> float:
        """Write a better model from `source` into `target`; return a frame's log likelihood."""
        parts = min(_MOST_PARTS, 1 + self.corpus.frames // _FRAMES_PER_PART, self.corpus.utterances)
        accumulators = [self.folder / "accumulators" / str(part) for part in range(parts)]
        make_empty(self.folder / "accumulators", *accumulators)
        first = source != target

        def call(part: int) -> None:
            self.run(
                "bw",
                f"{log}-bw{part + 1}",
                moddeffn=definition,
                ts2cbfn=".cont.",
                **make_model_options(source),
                mwfloor=1e-8,
                tpfloor=1e-5,
                varfloor=1e-4,
                dictfn=self.corpus.dictionary,
                fdictfn=self.corpus.fillers,
                lsnfn=self.corpus.transcripts,
                accumdir=accumulators[part],
                topn=densities,
                abeam=1e-90,
                bbeam=1e-10,
                meanreest="yes",
                varreest="yes",
                _2passvar="no" if first else "yes",
                tmatreest="yes",
                timing="no",
                **self.features(part + 1, parts),
            )

        self.run_all(functools.partial(call, part) for part in range(parts))
        logs = [self.folder / "logs" / f"{log}-bw{part + 1}.log" for part in range(parts)]
        self.run(
            "norm",
            f"{log}-norm",
            accumdir=",".join(map(str, accumulators)),
            **make_model_options(target),
        )
        return _read_likelihood(logs)

    def features(self, part: int = 1, parts: int = 1) -> dict[str, Argument]:
        """Return the options by which a program finds the features of a part of the corpus."""
        return {
            "ctlfn": self.corpus.control,
            "part": part,
            "npart": parts,
            "cepdir": self.corpus.features,
            "cepext": "mfc",
            "agc": "none",
            "cmn": "batch",
            "varnorm": "no",
            "feat": "1s_c_d_dd",
            "ceplen": 13,
        }


def make_model_options(
    model: Path, prefix: str = "", *, transitions: bool = True
) -> dict[str, Argument]:
    """Return the options that name a model's files.

    Examples
    --------
    >>> list(make_model_options(Path("mono-1"), "src_", transitions=False))
    ['src_mixwfn', 'src_meanfn', 'src_varfn']
    """
    found: dict[str, Argument] = {
        f"{prefix}mixwfn": model / "mixture_weights",
        f"{prefix}meanfn": model / "means",
        f"{prefix}varfn": model / "variances",
    }
    if transitions:
        found[f"{prefix}tmatfn"] = model / "transition_matrices"
    return found


def list_model_files(model: Path) -> list[Path]:
    """List a model's files."""
    return [model / parameter for parameter in PARAMETERS]


def make_empty(*folders: Path) -> None:
    """Make folders empty."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)


def _read_likelihood(logs: Sequence[Path]) -> float:
    frames, total = 0, 0.0
    for log in logs:
        for line in _OVERALL.findall(log.read_text(encoding="utf-8", errors="replace")):
            fields = line.split()
            frames += int(fields[2])
            total += float(fields[5])
    if frames == 0:
        raise InputError(
            f"{logs[0]}: expected utterances that fit their transcripts, but none did; "
            "check that transcripts and recordings belong together"
        )
    return total / frames
