"""What a search was asked for, with every mistake told before the first run."""

import ast
import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ruamel.yaml

from aed_plugins.core import InputError
from aed_plugins.experiments.command_line import Experiment, flatten, parse_experiment
from aed_plugins.experiments.hyperparameter_search.runs import Commands
from aed_plugins.experiments.hyperparameter_search.space import (
    Space,
    overrides,
    read_space,
    values,
)
from aed_plugins.experiments.hyperparameter_search.study import Aim

# Where and how fast a recipe runs, not what it gives: workers may differ in them.
ELSEWHERE = {"device", "noprogressbar", "num_workers"}


def read_aim(
    commands: Commands,
    method: str,
    items: Sequence[str],
    metric: str | None,
    trials: int = 20,
    seed: int = 1,
    prune: int | None = None,
) -> Aim:
    """Read what is searched, and see that the recipe and its file have a place for it.

    Parameters
    ----------
    commands : Commands
        Run the recipe.
    method : str
        `grid`, `random` or `guided`.
    items : sequence of str
        What may be chosen: see `space.read_space`.
    metric : str, optional
        Name of the figure that is to be high; by default as for `Worker`.
    trials, seed, prune : int
        As for `Aim`.

    Raises
    ------
    InputError
        If there is no such file, key or option, or one is given twice.
    """
    own = recipe_options(commands.recipe)
    experiment = read_experiment(commands, own)
    tree = experiment.resolved(**placeholders(commands.hparams, experiment.overrides))
    space = read_space(items, grid=method == "grid")
    searched = [*space, *([] if commands.over is None else [commands.over[0]])]
    for name in searched:
        if searched.count(name) > 1:
            raise InputError(f"{name} is both searched and gone over: leave one of them out")
        _check_key(name, tree, own, commands.hparams)
    _check_once(space, commands)
    configuration = _configuration(commands, experiment, tree)
    space_text = {f"values of {name}": str(distribution) for name, distribution in space.items()}
    asked = {"method": method, "metric": str(metric)}
    return Aim(space, method, trials, seed, prune, {**configuration, **space_text, **asked})


def read_commands(recipe: str, hparams: str, over: str | None, options: Sequence[str]) -> Commands:
    """Read what runs the recipe.

    Parameters
    ----------
    recipe, hparams : str
        Paths of the program and of the hyperparameter file.
    over : str, optional
        `KEY=VALUE,VALUE`: a run for each value.
    options : sequence of str
        Further options of the recipe.

    Raises
    ------
    InputError
        If the recipe is no program, or an option is not of the form `--KEY=VALUE` or `--FLAG`.
    """
    path = Path(recipe)
    if path.suffix != ".py" or not path.is_file():
        raise InputError(f"{recipe}: expected a recipe, such as recipes/urbansound/train.py")
    for option in options:
        if not option.startswith("--"):
            raise InputError(f"{option}: expected a recipe's option such as --batch_size=16")
    return Commands(path, Path(hparams), tuple(options), None if over is None else values(over))


def recipe_options(recipe: Path, class_name: str = "Options") -> list[str]:
    """List what a recipe lets a user choose besides the file: the fields of its class `Options`.

    Parameters
    ----------
    recipe : Path
        The program, which is read and not run.
    class_name : str
        The class that is looked for; those it inherits from are read in the modules beside it.
    """
    body = ast.parse(recipe.read_text(encoding="utf-8")).body
    origins = {
        alias.name: recipe.with_name(f"{node.module}.py")
        for node in body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    names: list[str] = []
    for found in body:
        if not (isinstance(found, ast.ClassDef) and found.name == class_name):
            continue
        for base in found.bases:
            if isinstance(base, ast.Name) and origins.get(base.id, recipe).is_file():
                names += recipe_options(origins.get(base.id, recipe), base.id)
        fields = [node.target for node in found.body if isinstance(node, ast.AnnAssign)]
        names += [field.id for field in fields if isinstance(field, ast.Name)]
    return names


def read_experiment(commands: Commands, own: Sequence[str]) -> Experiment[Any]:
    """Read the recipe's command line as the recipe will.

    Parameters
    ----------
    commands : Commands
        Run the recipe.
    own : sequence of str
        What `recipe_options` gave.

    Raises
    ------
    InputError
        If there is no such file, or an option is neither the recipe's nor the file's.
    """
    fields: list[Any] = [(name, Any, None) for name in own]
    options = dataclasses.make_dataclass("Options", fields, frozen=True)
    return parse_experiment([str(commands.hparams), *commands.options], options)


def placeholders(hparams: Path, given: Mapping[str, Any]) -> dict[str, str]:
    """Fill in what the recipe hands in, where it changes nothing that is asked.

    Parameters
    ----------
    hparams : Path
        The hyperparameter file.
    given : mapping
        Values that replace those of the file.
    """
    with hparams.open(encoding="utf-8") as file:
        tree = ruamel.yaml.YAML().load(file)
    tags = {key: getattr(getattr(value, "tag", None), "value", None) for key, value in tree.items()}
    return {key: key for key, tag in tags.items() if tag == "!PLACEHOLDER" and key not in given}


def _check_key(name: str, tree: Any, own: Sequence[str], hparams: Path) -> None:
    if name == "output_folder":
        raise InputError("output_folder: the search chooses it; give --output")
    if name in own:
        return
    known = [*own, *tree]
    *outer, last = name.split(".")
    for key in outer:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
        known = [] if not isinstance(tree, Mapping) else list(tree)
    if last not in known:
        close = difflib.get_close_matches(last, known, n=1)
        place = ".".join(outer)
        hint = f"; did you mean {'.'.join([*outer, *close])}?" if close else ""
        there = f"{place} has {', '.join(map(str, known)) or 'no keys'}" if place else ""
        raise InputError(
            f"{name} is neither an option of the recipe nor in {hparams}"
            f"{hint or (there and '; ' + there)}"
        )


def _check_once(space: Space, commands: Commands) -> None:
    """See that nothing searched is given as well, and that runs have folders of their own."""
    for option in commands.options:
        if option.partition("=")[0] == "--output_folder":
            raise InputError(f"{option}: the search chooses that folder; give --output")
    names = [*space, *([] if commands.over is None else [commands.over[0]])]
    overrides(dict.fromkeys(names, "0"), commands.options)
    if commands.over is not None:
        name, chosen = commands.over
        if len(commands.of({}, Path())) < len(chosen):
            raise InputError(f"{name}: its values give the same folder names")


def _configuration(commands: Commands, experiment: Experiment[Any], tree: Any) -> dict[str, str]:
    """List all that a trial's figures depend on, but for what is searched."""
    leaves = {
        f"hyperparameter {key}": value
        for key, value in flatten(tree).items()
        if key != "output_folder" and key.rpartition(".")[2] not in ELSEWHERE
    }
    own = {f"option {k}": str(v) for k, v in dataclasses.asdict(experiment.options).items()}
    options = experiment.run_options
    run = {
        f"option {name}": str(options[name]) for name in sorted(options.overridden_args - ELSEWHERE)
    }
    return {
        "recipe": commands.name,
        "file": commands.hparams.name,
        **leaves,
        **own,
        **run,
        "over": "nothing" if commands.over is None else f"{commands.over[0]} {commands.over[1]}",
    }
