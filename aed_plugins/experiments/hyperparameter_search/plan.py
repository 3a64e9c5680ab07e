"""What a hyperparameter search was asked for; every mistake is found before the first run."""

from dataclasses import dataclass
from pathlib import Path

from aed_plugins.experiments.hyperparameter_search.space import Space
from aed_plugins.experiments.recipe_options import check_command_line, load_options
from aed_plugins.experiments.recipe_runs import Commands


@dataclass(frozen=True)
class SearchPlan:
    """What is searched.

    Attributes
    ----------
    commands : Commands
        Run the recipe.
    space : mapping
        What may be chosen: see `space.read_space`.
    method : str
        `grid`, `random` or `guided` (by a tree-structured Parzen estimator).
    output : Path
        Folder of the trials and of their leaderboard.
    trials, seed : int
        How many in all (of a grid, all its points), and the seed of random choices.
    metric : str, optional
        Name of the metric of `results.json` that is maximized; by default the first of
        `recipe_scores.DEFAULT_METRICS` that the first results have.
    prune : int, optional
        Epochs after which a trial worse than the median of the others at the same epoch is stopped.
    storage : str, optional
        URL of the database; by default SQLite's file `study.db` in the output folder.
    """

    commands: Commands
    space: Space
    method: str
    output: Path
    trials: int = 20
    seed: int = 1
    metric: str | None = None
    prune: int | None = None
    storage: str | None = None


def check_plan(plan: SearchPlan) -> dict[str, str]:
    """Check keys and options as in `check_command_line`; list all that scores depend on."""
    commands, (over, values) = plan.commands, plan.commands.over or ("", [])
    own, keys = load_options(commands.recipe), [*plan.space, *([over] if over else [])]
    return {
        "recipe": commands.name,
        "file": commands.hparams.name,
        **check_command_line(own, commands.hparams, commands.options, keys),
        "over": f"{over} {values}" if over else "nothing",
        **{f"values of {name}": str(distribution) for name, distribution in plan.space.items()},
        "method": plan.method,
        "metric": str(plan.metric),
    }
