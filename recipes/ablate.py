r"""Compare variants of a model with it, on the same folds with the same seeds.

    python recipes/ablate.py YAML --variants "NAME: [OTHER.yaml] [--key=value ...]" ... \
        --folds FOLD ... [--seeds N] [-- recipe's options]

For example

    python recipes/ablate.py hparams/resnet_dilated.yaml \
        --variants "plain: hparams/resnet_plain.yaml" "without dropout: --dropout=0" \
        "narrow: --encoder.width=0.5" --folds 1 2 3 --seeds 2 --jobs 2 \
        --rows recipes/urbansound/ablation.csv -- --valid_folds=[] --number_of_epochs=10

The reference is the YAML, named as the file. A variant is the same but for what is said of it: the
name, then another YAML, options, or both. What stands behind -- is for all; a variant's own win.
With --members=N, as in "mean of 4: --members=4", a variant is the mean of the probabilities of N
trainings with seeds of their own: 1 to N for seed 1, N + 1 to 2 N for seed 2, and so on. Those that
are there already are taken, so keep --output.

A run is a variant on a test fold with a seed. Interrupt them at any moment, even with kill -9; the
same command goes on. Give it in several terminals, and they share the work. A run that fails is
reported, and the others go on; the same command tries it again.

Each finished run is a row of --rows, which can be committed: what is in it is not run again, on
another machine either. A row belongs to a variant by what the hyperparameters and the recipe's
options say, not by its name. Rows of other variants, folds and seeds stay, and are left out here.
Where the data lie is not among that: runs on other data need --rows of their own, and are refused
where they are known to be of another state or trained on more folds.

--output has ablation.md, the table with differences, confidence intervals and tests, and a picture,
ablation.png. Both are written anew after each run.
"""

import argparse
import functools
from pathlib import Path

from aed_plugins.core import InputError, Parser
from aed_plugins.experiments import (
    ABLATION_FILES,
    Ablation,
    AblationWorker,
    be_interruptible,
    read_variants,
    run_program,
    write_ablation_report,
)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    what = Parser(
        prog="ablate.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what.add_argument("hparams", metavar="YAML", help="such as hparams/resnet_dilated.yaml")
    what.add_argument("--variants", nargs="+", required=True, metavar="VARIANT", help="see above")
    what.add_argument("--folds", nargs="+", type=int, required=True, metavar="FOLD", help="to test")
    what.add_argument("--seeds", default="1", metavar="N", help="1 to N, or a list as 7,8; 1")
    what.add_argument("--jobs", type=int, default=1, metavar="N", help="so many runs at once; 1")
    what.add_argument("--recipe", default="recipes/urbansound/train.py", help="%(default)s")
    what.add_argument("--output", type=Path, help="results/ablation/<YAML>")
    what.add_argument("--rows", type=Path, metavar="CSV", help="<output>/ablation.csv")
    return what


def seeds_of(text: str) -> list[int]:
    """Read how many seeds there are, or which.

    Parameters
    ----------
    text : str
        A number, or numbers with commas.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> seeds_of("3"), seeds_of("7,8")
    ([1, 2, 3], [7, 8])
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"--seeds: expected how many, or a list such as 7,8, got {text}")
    numbers = [int(part) for part in parts]
    return numbers if len(numbers) > 1 else list(range(1, numbers[0] + 1))


def main(arguments: list[str]) -> None:
    """Run what is missing, and print the table."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    given = parser().parse_args(arguments[:cut])
    seeds = seeds_of(given.seeds)
    if not seeds:
        raise InputError("--seeds: expected a positive number, got 0")
    if given.jobs < 1:
        raise InputError(f"--jobs: expected a positive number, got {given.jobs}")
    for name, numbers in {"--folds": given.folds, "--seeds": seeds}.items():
        if len(set(numbers)) < len(numbers):
            raise InputError(f"{name}: one is given twice")
    variants = read_variants(given.recipe, given.hparams, given.variants, arguments[cut + 1 :])
    output = given.output or Path("results/ablation", Path(given.hparams).stem)
    rows = given.rows or output / "ablation.csv"
    ablation = Ablation(variants, given.folds, seeds, output, rows)
    known, total = sum(map(len, ablation.finished().values())), len(ablation.compared)
    if known:
        print(f"{known} of {total} runs are in {rows}", flush=True)
    worker = AblationWorker(ablation, given.jobs, functools.partial(print, flush=True))
    worker.run()
    finished = ablation.finished()
    if any(finished.values()):
        print("", write_ablation_report(output, finished, total), sep="\n")
        print("look at:", *(output / name for name in ABLATION_FILES), rows, sep="\n  ")
    if worker.failed:
        failed, why = next(iter(worker.failed.items()))
        raise InputError(
            f"{len(worker.failed)} of {len(ablation.runs)} runs failed; the first: {failed}: {why}"
        )


if __name__ == "__main__":
    be_interruptible()
    run_program(main)
