"""What a recipe lets a user choose: its own options, and the keys of a YAML file.

A value is passed on as JSON text, which is YAML too: it can be a list, it is the same in every
process, and it goes to a recipe's command line as it is.
"""

import dataclasses
import difflib
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ruamel.yaml
from ruamel.yaml.comments import CommentedMap

from aed_plugins.core import InputError
from aed_plugins.experiments.command_line import Experiment, parse_experiment
from aed_plugins.experiments.configuration import RUN_OPTIONS
from aed_plugins.experiments.hyperparameters import flatten
from aed_plugins.experiments.recipe import LIST_OPTIONS


def load_options(recipe: Path) -> type[Any]:
    """Ask a recipe's program for its options, and return a dataclass of them.

    Parameters
    ----------
    recipe : Path
        The program: it calls `run_recipe`, or answers `--list_options` by itself, with its options
        and their defaults as JSON.

    Raises
    ------
    InputError
        If it is no program, or does not list its options.
    """
    if recipe.suffix != ".py" or not recipe.is_file():
        raise InputError(f"{recipe}: expected a recipe, such as recipes/urbansound/train.py")
    command = [sys.executable, str(recipe), LIST_OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        if done.returncode != 0:
            raise ValueError(done.stderr.strip())
        listed = json.loads(done.stdout)
        fields = [(name, Any, _default(value)) for name, value in listed.items()]
    except (ValueError, AttributeError) as error:
        last = (str(error).splitlines() or ["nothing"])[-1]
        raise InputError(
            f"{recipe}: expected a recipe, whose {LIST_OPTIONS} lists its options as JSON: {last}"
        ) from error
    return dataclasses.make_dataclass("RecipeOptions", fields, frozen=True)


def check_command_line(
    own: type[Any], hparams: Path, options: Sequence[str], keys: Sequence[str] = (), **fixed: Any
) -> dict[str, str]:
    """Read a recipe's command line as the recipe will; list all that its results depend on.

    Where the results are written is left out, and how many workers read the clips.

    Parameters
    ----------
    own : dataclass
        What `load_options` gave.
    hparams : Path
        The hyperparameter file.
    options : sequence of str
        What follows it.
    keys : sequence of str
        What is to be added: options of the recipe, keys of the file, or places inside a value of
        the file such as `head.dropout`.
    **fixed
        Values of the file that are fixed, besides its output folder; the name of each other
        `!PLACEHOLDER` becomes its value.

    Returns
    -------
    dict
        As text: `hyperparameter KEY` for each leaf of the file, `option NAME` for the recipe's own
        options that differ from their defaults, and `run NAME` for SpeechBrain's options that are
        given and change what a training gives.

    Raises
    ------
    InputError
        If there is no such file, option or key, or a key is given as well.
    """
    experiment = parse_experiment([str(hparams), *options], own)
    tree = _resolved(experiment, {"output_folder": "output", **fixed})
    names = [field.name for field in dataclasses.fields(own)]
    for key in keys:
        if list(keys).count(key) > 1:
            raise InputError(f"{key} is both searched and gone over: leave one of them out")
        if key == "output_folder":
            raise InputError("output_folder: this program chooses that; give --output")
        if key not in names:
            _check_key(key, tree, names, hparams)
    overrides(dict.fromkeys(keys, "0"), options)
    return _described(experiment, tree)


def read_values(item: str) -> tuple[str, list[str]]:
    """Read `KEY=VALUE,VALUE`.

    Parameters
    ----------
    item : str
        As given on the command line; the values are YAML.

    Returns
    -------
    str, list of str
        The key, and each value as JSON.

    Raises
    ------
    InputError
        If it is not of that form, or a value is given twice.

    Examples
    --------
    >>> read_values("test_folds=[1],[2, 3]")
    ('test_folds', ['[1]', '[2, 3]'])
    """
    name, text = split_item(item)
    try:
        found = [json.dumps(value) for value in from_yaml(f"[{text}]")]
    except (ruamel.yaml.error.YAMLError, TypeError) as error:
        raise InputError(f"{item}: cannot read the values, which are YAML: 0.1,mean,[1]") from error
    twice = [value for value in found if found.count(value) > 1]
    if twice:
        raise InputError(f"{item}: {twice[0]} is given twice")
    return name, found


def split_item(item: str) -> tuple[str, str]:
    """Split `KEY=VALUES`.

    Parameters
    ----------
    item : str
        As given on the command line.

    Raises
    ------
    InputError
        If it has no key or no value.
    """
    name, equals, text = item.partition("=")
    if not (name and equals and text):
        raise InputError(f"{item}: expected KEY=VALUE,VALUE such as lr=1e-3,1e-4")
    return name.lstrip("-"), text


def overrides(parameters: Mapping[str, Any], given: Sequence[str] = ()) -> list[str]:
    """Return the command line's options for some parameters, joined with those given anyway.

    Parameters
    ----------
    parameters : mapping
        Values by key, as JSON text or numbers; a key such as `head.dropout` is a place inside a
        value of the file.
    given : sequence of str
        `--KEY=VALUE`; of one key, both can set different places.

    Raises
    ------
    InputError
        If both set the same place.

    Examples
    --------
    >>> overrides({"lr": "0.1", "head.dropout": "0.2"}, ["--head={pooling: max}", "--debug"])
    ['--debug', '--lr=0.1', '--head={"pooling": "max", "dropout": 0.2}']
    """
    chosen: dict[str, Any] = {}
    rest = list(given)
    for name, value in parameters.items():
        first, *inner = name.split(".")
        for option in [option for option in rest if option.startswith(f"--{first}=")]:
            rest.remove(option)
            chosen[first] = from_yaml(option.partition("=")[2])
        tree, last = chosen, first
        for key in inner:
            tree, last = tree.setdefault(last, {}), key
        if not isinstance(tree, dict) or last in tree:
            raise InputError(f"{name} is both searched and given: leave one of them out")
        tree[last] = json.loads(value) if isinstance(value, str) else value
    return [*rest, *(f"--{key}={_on_the_command_line(value)}" for key, value in chosen.items())]


def shown(value: Any) -> str:
    """Write a value for reading.

    Parameters
    ----------
    value : str or number
        JSON text, or a number.

    Examples
    --------
    >>> shown('"mean"'), shown("0.001"), shown(0.00034567891)
    ('mean', '0.001', '0.0003457')
    """
    if isinstance(value, str):
        decoded = json.loads(value)
        return decoded if isinstance(decoded, str) else value
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def from_yaml(text: str) -> Any:
    """Read YAML into plain Python values."""
    return ruamel.yaml.YAML(typ="safe", pure=True).load(text)


def _resolved(experiment: Experiment[Any], fixed: Mapping[str, Any]) -> CommentedMap:
    """Resolve the file before the recipe has prepared any data."""
    keys = experiment.keys
    tags = {key: getattr(getattr(value, "tag", None), "value", None) for key, value in keys.items()}
    names = {key: key for key, tag in tags.items() if tag == "!PLACEHOLDER"}
    return experiment.resolve(**{**names, **experiment.overrides, **fixed}).tree


def _described(experiment: Experiment[Any], tree: CommentedMap) -> dict[str, str]:
    own = dataclasses.fields(experiment.options)
    chosen = {field.name: getattr(experiment.options, field.name) for field in own}
    run = experiment.run_options
    return {
        **{f"hyperparameter {k}": v for k, v in flatten(tree).items() if "num_workers" not in k},
        **{f"option {k.name}": str(chosen[k.name]) for k in own if chosen[k.name] != k.default},
        **{f"run {k}": str(run[k]) for k in RUN_OPTIONS if k in run.overridden_args},
    }


def _check_key(name: str, tree: Any, own: Sequence[str], hparams: Path) -> None:
    known = [*own, *tree]
    *outer, last = name.split(".")
    for key in outer:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
        known = [] if not isinstance(tree, Mapping) else list(tree)
    if last in known:
        return
    close = difflib.get_close_matches(last, known, n=1)
    place = ".".join(outer)
    hint = f"; {place} has {', '.join(map(str, known)) or 'no keys'}" if place else ""
    if close:
        hint = f"; did you mean {'.'.join([*outer, *close])}?"
    raise InputError(f"{name} is neither an option of the recipe nor in {hparams}{hint}")


def _on_the_command_line(value: Any) -> str:
    """Write JSON, which is YAML; a plain word needs no quotes for either."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w/.-]*", value):
        return value if from_yaml(value) == value else json.dumps(value)
    return json.dumps(value)


def _default(value: Any) -> Any:
    """Return a field with a default from JSON."""
    return dataclasses.field(default=tuple(value) if isinstance(value, list) else value)
