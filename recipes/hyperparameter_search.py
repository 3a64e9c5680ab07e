r"""Hyperparameter search over any recipe and any YAML, with Optuna.

    python recipes/hyperparameter_search.py RECIPE YAML --grid KEY=VALUE,VALUE ... [-- options]

For example

    python recipes/hyperparameter_search.py \
        recipes/urbansound/train.py hparams/resnet_dilated.yaml \
        --grid lr=1e-3,1e-4 head.dropout=0.2,0.5 batch_size=16,32 --over seed=1,2,3 \
        -- --data_folder=data/UrbanSound8K --number_of_epochs=10

What is searched is a key of the YAML, or a place inside one (head.dropout), or an option of the
recipe. One of
    --grid KEY=VALUE,VALUE ...   every combination
    --random KEY=RANGE ...       so many (--trials), drawn at random
    --guided KEY=RANGE ...       so many, each chosen from what the earlier ones gave (TPE)
where RANGE is LOW..HIGH (whole numbers if both are), LOW..HIGH:log, LOW..HIGH:STEP, or values.

--over test_folds=[1],[2] runs each combination for each value and takes the mean. --prune stops
a run that is worse than the median of the others at the same epoch.

The study is kept in --output: interrupt it at any moment, even with kill -9; the same command goes
on. A trial whose process was killed is run again half a minute later, from its last checkpoint.
Give the command in several terminals, and they share the work (such as one for each GPU:
-- --device=cuda:1). Several machines share it through a database that all can reach, such as
--storage postgresql://user@host/name; they need one --output, best on a disk that they share. A
trial that fails is noted and the search goes on. leaderboard.md and leaderboard.csv are written
after each trial.

The metric that is maximized is the first of valid_accuracy, valid_mAP, accuracy and mAP that
results.json has, or --metric. With valid_, the validation clips of the epoch that was tested
choose, and the leaderboard has the test score as well. Where there is no validation, the test clips
choose, and the best of many is optimistically biased. The leaderboard tells which it was.

Report the test score of the best trial by validation. In a cross-validation what one run tests on
another validates on: search on some folds and run the best on others.
"""

import argparse
import functools
from pathlib import Path

from aed_plugins.core import InputError, Parser
from aed_plugins.experiments import (
    DEFAULT_METRICS,
    Search,
    SearchPlan,
    be_interruptible,
    grid_points,
    read_commands,
    read_space,
    read_values,
    run_program,
)

METHODS = ("grid", "random", "guided")


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    what = Parser(
        prog="hyperparameter_search.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what.add_argument("recipe", metavar="RECIPE", help="such as recipes/urbansound/train.py")
    what.add_argument("hparams", metavar="YAML", help="such as hparams/resnet_dilated.yaml")
    method = what.add_mutually_exclusive_group(required=True)
    method.add_argument("--grid", nargs="+", metavar="KEY=VALUES", help="every combination")
    method.add_argument("--random", nargs="+", metavar="KEY=RANGE", help="drawn at random")
    method.add_argument("--guided", nargs="+", metavar="KEY=RANGE", help="led by earlier trials")
    what.add_argument("--over", metavar="KEY=VALUES", help="runs of each combination: seeds, folds")
    what.add_argument("--trials", type=int, metavar="N", help="of --random and --guided; 20")
    what.add_argument("--seed", type=int, default=1, help="of what is drawn; 1")
    what.add_argument(
        "--metric",
        help="metric of results.json that is maximized; the first that is there of"
        f" {', '.join(DEFAULT_METRICS)}",
    )
    what.add_argument(
        "--prune",
        nargs="?",
        type=int,
        const=1,
        metavar="EPOCHS",
        help="stop bad runs, after so many epochs; 1",
    )
    what.add_argument("--retry", action="store_true", help="run the trials that failed again")
    what.add_argument("--output", type=Path, help="results/search/<recipe>/<YAML>")
    what.add_argument("--storage", metavar="URL", help="database; SQLite's study.db in --output")
    return what


def main(arguments: list[str]) -> None:
    """Run the trials that are left, and say which is the best."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    given = parser().parse_args(arguments[:cut])
    method = next(name for name in METHODS if getattr(given, name) is not None)
    if method == "grid" and given.trials is not None:
        raise InputError("--trials: a grid runs all its combinations; leave it out")
    trials = 20 if given.trials is None else given.trials
    for name, number in {"--trials": trials, "--prune": given.prune, "--seed": given.seed}.items():
        if number is not None and number < (name == "--trials"):
            raise InputError(f"{name}: expected a positive number, got {number}")
    over = None if given.over is None else read_values(given.over)
    commands = read_commands(given.recipe, given.hparams, arguments[cut + 1 :], over)
    space = read_space(getattr(given, method))
    named = Path("results/search", commands.recipe.parent.name, commands.hparams.stem)
    output = named if given.output is None else given.output
    if method == "grid":
        trials = len(grid_points(space))
    plan = SearchPlan(
        *(commands, space, method, output, trials),
        *(given.seed, given.metric, given.prune, given.storage),
    )
    results = Search(plan, functools.partial(print, flush=True)).run(given.retry)
    if results[0].state != "complete":
        note, folder = results[0].outcome["note"], results[0].folder
        raise InputError(f"no trial has a score; the first: {note} ({folder})")
    print("", (output / "leaderboard.md").read_text(encoding="utf-8"), sep="\n")
    print("look at:", output / "leaderboard.md", output / "leaderboard.csv", sep="\n  ")


if __name__ == "__main__":
    be_interruptible()
    run_program(main)
