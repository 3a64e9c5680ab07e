"""Find Kaldi on this machine, and check that the programs of its scripts are compiled."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from aed_plugins.core import InputError

SCRIPTS = Path("egs") / "wsj" / "s5"  # from Kaldi's root: where `steps` and `utils` are

# Kaldi's own programs that the scripts call, by the folder in `src` and the first system that
# needs them.
_FIRST = {
    "featbin": "add-deltas apply-cmvn compute-cmvn-stats compute-mfcc-feats copy-feats"
    " extract-segments feat-to-dim subset-feats",
    "lmbin": "arpa2fst",
    "fstbin": "fstaddselfloops fstcomposecontext fstdeterminizestar fstisstochastic"
    " fstminimizeencoded fstpushspecial fstrmepslocal fstrmsymbols fsttablecompose",
    "bin": "add-self-loops align-equal-compiled am-info compile-train-graphs make-h-transducer"
    " tree-info",
    "gmmbin": "gmm-acc-stats-ali gmm-align-compiled gmm-boost-silence gmm-est gmm-info"
    " gmm-init-mono gmm-latgen-faster gmm-sum-accs",
    "latbin": "lattice-add-penalty lattice-align-words lattice-prune lattice-scale"
    " lattice-to-ctm-conf",
}
_TREES = {
    "bin": "acc-tree-stats build-tree cluster-phones compile-questions convert-ali sum-tree-stats",
    "gmmbin": "gmm-init-model gmm-mixup",
}
_LDA = {
    "bin": "acc-lda ali-to-post est-lda est-mllt weight-silence-post",
    "featbin": "compose-transforms splice-feats transform-feats",
    "gmmbin": "gmm-acc-mllt gmm-transform-means",
}
_ADAPTED = {
    "gmmbin": "gmm-acc-stats-twofeats gmm-est-fmllr gmm-est-fmllr-gpost gmm-post-to-gpost"
    " gmm-rescore-lattice",
    "latbin": "lattice-determinize-pruned lattice-to-post",
}
_PROGRAMS = {"mono": _FIRST, "tri1": _TREES, "tri2": _LDA, "tri3": _ADAPTED}
SYSTEMS = tuple(_PROGRAMS)

# Programs that are not Kaldi's own; OpenFst's are in Kaldi's `tools`, or come from the system.
_OPENFST = ("fstarcsort", "fstcompile", "fstinfo", "fstprint", "fstproject", "fsttopsort")
_OTHERS = ("awk", "bash", "gunzip", "gzip", "perl", "python3", "sort")


def list_kaldi_programs(systems: Sequence[str]) -> list[str]:
    """List Kaldi's own programs that some systems need, by their place in Kaldi's `src`.

    Parameters
    ----------
    systems : sequence of str
        Of `mono`, `tri1`, `tri2`, `tri3`. Each needs what those before it need.

    Examples
    --------
    >>> programs = list_kaldi_programs(["mono"])
    >>> "gmmbin/gmm-init-mono" in programs, "bin/build-tree" in programs
    (True, False)
    """
    needed = [_PROGRAMS[system] for system in include_earlier_systems(systems)]
    return [f"{place}/{name}" for part in needed for place in part for name in part[place].split()]


def include_earlier_systems(systems: Sequence[str]) -> tuple[str, ...]:
    """Return all systems up to the last of some, weakest first: each starts from the one before.

    Parameters
    ----------
    systems : sequence of str
        Of `mono`, `tri1`, `tri2`, `tri3`, at least one.

    Examples
    --------
    >>> include_earlier_systems(["tri2"])
    ('mono', 'tri1', 'tri2')
    """
    return SYSTEMS[: max(SYSTEMS.index(system) for system in systems) + 1]


def find_kaldi(root: str | Path | None, systems: Sequence[str]) -> Path:
    """Find a Kaldi that was compiled, with all that some systems need.

    Parameters
    ----------
    root : str, Path or None
        Kaldi's folder; `None` for the variable `KALDI_ROOT`.
    systems : sequence of str
        As for `kaldi_programs`.

    Returns
    -------
    Path
        The folder, absolute.

    Raises
    ------
    InputError
        If it is not named, not Kaldi's, not compiled, not able to start, or its path has a space.

    Examples
    --------
    >>> find_kaldi("/nowhere", ["mono"])
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: KALDI_ROOT=/nowhere: expected Kaldi's folder, but it has no
     egs/wsj/s5/steps/train_mono.sh; set KALDI_ROOT to where Kaldi was unpacked and compiled
    """
    named = os.environ.get("KALDI_ROOT", "") if root is None else str(root)
    if not named:
        raise InputError(
            "KALDI_ROOT: expected the folder of a compiled Kaldi, but it is not set; "
            "set it, or choose another recognizer"
        )
    folder = check_shell_safe(Path(named).absolute())
    for script in (SCRIPTS / "steps" / "train_mono.sh", SCRIPTS / "utils" / "mkgraph.sh"):
        if not (folder / script).is_file():
            raise InputError(
                f"KALDI_ROOT={named}: expected Kaldi's folder, but it has no {script}; "
                "set KALDI_ROOT to where Kaldi was unpacked and compiled"
            )
    for program in list_kaldi_programs(systems):
        if not os.access(folder / "src" / program, os.X_OK):
            raise InputError(
                f"KALDI_ROOT={named}: expected a compiled Kaldi, but it has no src/{program}; "
                f"compile it: cd {folder}/src && ./configure --shared && make depend && make"
            )
    _check_starts(folder / "src" / "bin" / "am-info")
    _check_others(folder)
    return folder


def _check_starts(program: Path) -> None:
    """Check that a program finds its libraries: after Kaldi's folder was renamed it does not."""
    ended = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    if ended.returncode:
        message = (ended.stderr.strip().splitlines() or ["no output"])[-1]
        raise InputError(
            f"{program}: expected a program that starts, got status {ended.returncode}: {message}; "
            "compile Kaldi again in its present folder"
        )


def _check_others(root: Path) -> None:
    """Check the programs that are not Kaldi's own; OpenFst's may come from the system too."""
    places = f"{root / 'tools' / 'openfst' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    for program in (*_OPENFST, *_OTHERS):
        if shutil.which(program, path=places) is None:
            fix = "install it" if program in _OTHERS else f"compile OpenFst in {root}/tools"
            raise InputError(f"{program}: expected this program, which Kaldi uses; {fix}")


def check_shell_safe(path: Path) -> Path:
    """Check that Kaldi's scripts can work with a path, and return it.

    Parameters
    ----------
    path : Path
        A file or folder.

    Raises
    ------
    InputError
        If it has white space or a character that a shell interprets.
    """
    if wrong := re.search(r"[^\w./+=@%,-]", str(path)):
        raise InputError(
            f"{path}: expected a path that Kaldi's scripts can read, but it has {wrong[0]!r}; "
            "use a folder with letters, digits and -_.+=@%, alone"
        )
    return path
