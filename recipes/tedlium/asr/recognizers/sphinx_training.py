"""Train acoustic models of phones alone and in context with the programs of sphinxtrain.

Source: the scripts `20.ci_hmm` to `50.cd_hmm_tied` of Debian's package sphinxtrain. Deviations:
models of single phones get several Gaussians too, and models in context grow out of those with one;
after an alignment, training continues with the model that made it instead of a new flat start, as
silence and non-speech phones may swap when all models start equal.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from asr.execution.unchanged import write_if_changed
from asr.formats.lexicon import SILENCE_PHONE, Lexicon
from asr.recognizers.sphinx_alignment import align_corpus
from asr.recognizers.sphinx_estimation import (
    SphinxEstimator,
    list_model_files,
    make_empty,
    make_model_options,
)
from asr.recognizers.sphinx_files import write_dictionary

PROGRAMS = (
    *("bldtree", "bw", "cp_parm", "inc_comp", "init_gau", "init_mixw", "make_quests", "mk_flat"),
    *("mk_mdef_gen", "norm", "prunetree", "tiestate"),
)

STATES = 3  # of each phone
_TOPOLOGY = """\
#Version number
0.1
4
3.0 1.0 0.0 0.0
0.0 3.0 1.0 0.0
0.0 0.0 3.0 1.0
"""


def train_mono(estimator: SphinxEstimator, densities: int) -> str:
    """Train models of single phones, and find the pauses with them.

    Parameters
    ----------
    estimator : SphinxEstimator
        Its corpus is aligned afterwards.
    densities : int
        Gaussians of each state: a power of two.

    Returns
    -------
    str
        The name of the last stage, which is also the folder of the model.
    """
    definition = estimator.architecture / "mono.mdef"
    estimator.stage(
        "flat",
        (),
        "",
        [definition, *list_model_files(estimator.folder / "flat")],
        functools.partial(_start_flat, estimator),
    )
    before = "flat"
    # Twice: a model trained with some pauses finds more.
    for rough in ("rough-1", "rough-2"):
        estimator.reestimate(rough, definition, before, 1)
        estimator.corpus = align_corpus(
            estimator.corpus, estimator.folder / rough, f"aligned-{rough}"
        )
        before = rough
    estimator.reestimate("mono-1", definition, before, 1)
    return estimator.grow("mono", definition, densities)


def train_tri(estimator: SphinxEstimator, lexicon: Lexicon, senones: int, densities: int) -> str:
    """Train models of phones in context whose states are tied by decision trees.

    Parameters
    ----------
    estimator : SphinxEstimator
        Has trained models of single phones.
    lexicon : Lexicon
        The words that are to be recognized: models of their phones in context are made.
    senones : int
        How many tied states.
    densities : int
        Gaussians of each of them: a power of two.

    Returns
    -------
    str
        The name of the last stage, which is also the folder of the model.

    Raises
    ------
    InputError
        If a stage fails.
    """
    architecture = estimator.architecture
    untied, tied = architecture / "untied.mdef", architecture / "tied.mdef"
    outputs = [untied, *list_model_files(estimator.folder / "untied-initial")]
    estimator.stage("untied-initial", (), "mono-1", outputs, functools.partial(_untie, estimator))
    estimator.reestimate("untied", untied, "untied-initial", 1)
    trees = estimator.folder / "trees"
    leaves = [
        trees / f"{phone}-{state}.dtree"
        for phone in estimator.corpus.phones
        if not _is_filler(phone)
        for state in range(STATES)
    ]
    estimator.stage(
        "trees", (), "untied", leaves, functools.partial(_build_trees, estimator, leaves)
    )
    known = sorted(lexicon.pronunciations.items())
    outputs = [tied, *list_model_files(estimator.folder / "tri-initial")]
    estimator.stage(
        "tri-initial",
        (senones, known),
        "trees",
        outputs,
        functools.partial(_tie, estimator, lexicon, senones),
    )
    estimator.reestimate("tri-1", tied, "tri-initial", 1)
    return estimator.grow("tri", tied, densities)


def _start_flat(estimator: SphinxEstimator) -> None:
    """Initialize every state of every phone with the mean of all speech."""
    architecture, target = estimator.architecture, estimator.folder / "flat"
    accumulator = estimator.folder / "accumulators" / "flat"
    make_empty(architecture, target, accumulator)
    phones = architecture / "phones.txt"
    write_if_changed(phones, (f"{phone} - - -\n" for phone in estimator.corpus.phones))
    write_if_changed(architecture / "topology.txt", [_TOPOLOGY])
    definition = architecture / "mono.mdef"
    estimator.run(
        "mk_mdef_gen", "flat-define", phnlstfn=phones, ocimdef=definition, n_state_pm=STATES
    )
    estimator.run(
        "mk_flat",
        "flat-flat",
        moddeffn=definition,
        topo=architecture / "topology.txt",
        mixwfn=target / "mixture_weights",
        tmatfn=target / "transition_matrices",
        nstream=1,
        ndensity=1,
    )
    states = len(estimator.corpus.phones) * STATES
    copies = architecture / "copies.txt"
    write_if_changed(copies, (f"{state}\t0\n" for state in range(states)))
    mean, variance = target / "global_mean", target / "global_variance"
    for step, found, given in (("mean", mean, {}), ("var", variance, {"meanfn": mean})):
        estimator.run(
            "init_gau", f"flat-{step}", accumdir=accumulator, **estimator.features(), **given
        )
        estimator.run("norm", f"flat-{step}-norm", accumdir=accumulator, **{f"{step}fn": found})
    for found, name in ((mean, "means"), (variance, "variances")):
        estimator.run(
            "cp_parm",
            f"flat-{name}",
            cpopsfn=copies,
            igaufn=found,
            ncbout=states,
            ogaufn=target / name,
        )


def _untie(estimator: SphinxEstimator) -> None:
    """Copy the model of each phone to its contexts in the training data."""
    untied = estimator.architecture / "untied.mdef"
    estimator.run(
        "mk_mdef_gen",
        "untied-define",
        phnlstfn=estimator.architecture / "phones.txt",
        dictfn=estimator.corpus.dictionary,
        fdictfn=estimator.corpus.fillers,
        lsnfn=estimator.corpus.transcripts,
        ountiedmdef=untied,
        n_state_pm=STATES,
    )
    _copy_from_mono(estimator, "untied-initial", untied)


def _copy_from_mono(estimator: SphinxEstimator, name: str, definition: Path) -> None:
    target = estimator.folder / name
    make_empty(target)
    estimator.run(
        "init_mixw",
        f"{name}-copy",
        src_moddeffn=estimator.architecture / "mono.mdef",
        src_ts2cbfn=".cont.",
        **make_model_options(estimator.folder / "mono-1", "src_"),
        dest_moddeffn=definition,
        dest_ts2cbfn=".cont.",
        **make_model_options(target, "dest_"),
    )


def _build_trees(estimator: SphinxEstimator, leaves: Sequence[Path]) -> None:
    """Build a decision tree of contexts for each state."""
    make_empty(estimator.folder / "trees")
    mono, untied = estimator.folder / "mono-1", estimator.folder / "untied"
    questions = estimator.architecture / "questions.txt"
    estimator.run(
        "make_quests",
        "trees-questions",
        moddeffn=estimator.architecture / "mono.mdef",
        **make_model_options(mono, transitions=False),
        npermute=12,
        niter=1,
        qstperstt=20,
        questfn=questions,
        type=".cont.",
    )

    def build(leaf: Path) -> None:
        phone, state = leaf.stem.rsplit("-", 1)
        estimator.run(
            "bldtree",
            f"trees-{leaf.stem}",
            treefn=leaf,
            moddeffn=estimator.architecture / "untied.mdef",
            **make_model_options(untied, transitions=False),
            ts2cbfn=".cont.",
            mwfloor=1e-8,
            psetfn=questions,
            phone=phone,
            state=state,
            stwt="1.0,0.05,0.0",
            ssplitmin=1,
            ssplitmax=7,
            ssplitthr=0,
            csplitmin=1,
            csplitmax=2000,
            csplitthr=0,
        )

    estimator.run_all(functools.partial(build, leaf) for leaf in leaves)


def _tie(estimator: SphinxEstimator, lexicon: Lexicon, senones: int) -> None:
    """Prune the trees to a number of leaves, and tie the states of each leaf."""
    architecture, pruned = estimator.architecture, estimator.folder / "trees-pruned"
    make_empty(pruned)
    dictionary, foreseen = architecture / "foreseen.dic", architecture / "foreseen.mdef"
    write_dictionary(lexicon, dictionary, estimator.corpus.phones)
    estimator.run(
        "mk_mdef_gen",
        "tri-define",
        phnlstfn=architecture / "phones.txt",
        oalltphnmdef=foreseen,
        dictfn=dictionary,
        fdictfn=estimator.corpus.fillers,
        n_state_pm=STATES,
    )
    questions = architecture / "questions.txt"
    estimator.run(
        "prunetree",
        "tri-prune",
        itreedir=estimator.folder / "trees",
        nseno=senones,
        otreedir=pruned,
        moddeffn=foreseen,
        psetfn=questions,
        minocc=0,
    )
    tied = architecture / "tied.mdef"
    estimator.run(
        "tiestate",
        "tri-tie",
        imoddeffn=foreseen,
        omoddeffn=tied,
        treedir=pruned,
        psetfn=questions,
    )
    _copy_from_mono(estimator, "tri-initial", tied)


def _is_filler(phone: str) -> bool:
    return phone == SILENCE_PHONE or phone.startswith("+")
