"""What a search may choose: values or ranges for the keys of a hyperparameter file.

A choice is kept as JSON text, which is YAML too: it can be a list, it is the same in every process,
and it goes to a recipe's command line as it is.
"""

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ruamel.yaml

from aed_plugins.core import InputError, one_line

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Space = Mapping[str, "BaseDistribution"]
Parameters = dict[str, Any]  # JSON text for a choice, a number for a range
NUMBER = r"[-+]?\d[\d.]*?(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.([^:]*)(?::(.*))?")


def split(item: str) -> tuple[str, str]:
    """Take `KEY=VALUES` apart.

    Parameters
    ----------
    item : str
        As given on the command line.

    Raises
    ------
    InputError
        If it has no key or no value.

    Examples
    --------
    >>> split("head.dropout=0.2,0.5")
    ('head.dropout', '0.2,0.5')
    """
    name, equals, text = item.partition("=")
    if not (name and equals and text):
        raise InputError(f"{item}: expected KEY=VALUE,VALUE such as lr=1e-3,1e-4")
    return name.lstrip("-"), text


def values(item: str) -> tuple[str, list[str]]:
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
    >>> values("test_folds=[1],[2, 3]")
    ('test_folds', ['[1]', '[2, 3]'])
    >>> values("lr=1e-3,0.0001")
    ('lr', ['0.001', '0.0001'])
    """
    name, text = split(item)
    try:
        found = [json.dumps(value) for value in from_yaml(f"[{text}]")]
    except (ruamel.yaml.error.YAMLError, TypeError) as error:
        raise InputError(f"{item}: cannot read the values, which are YAML: 0.1,mean,[1]") from error
    twice = [value for value in found if found.count(value) > 1]
    if twice:
        raise InputError(f"{item}: {twice[0]} is given twice")
    return name, found


def read_space(items: Sequence[str], grid: bool = False) -> dict[str, "BaseDistribution"]:
    """Read what may be chosen.

    Parameters
    ----------
    items : sequence of str
        `KEY=VALUE,VALUE`, or `KEY=LOW..HIGH`, whole numbers if both are, with `:log` or `:STEP`
        after it if wanted.
    grid : bool
        Whether ranges are refused, having no end of values.

    Returns
    -------
    dict
        The distribution of each key.

    Raises
    ------
    InputError
        If an item is of another form.

    Examples
    --------
    >>> space = read_space(["lr=1e-4..1e-2:log", "depth=18,34", "width=16..64:16"])
    >>> space["lr"]
    FloatDistribution(high=0.01, log=True, low=0.0001, step=None)
    >>> space["depth"]
    CategoricalDistribution(choices=('18', '34'))
    >>> space["width"]
    IntDistribution(high=64, log=False, low=16, step=16)
    """
    from optuna.distributions import CategoricalDistribution  # noqa: PLC0415  only for a search

    space: dict[str, BaseDistribution] = {}
    for item in items:
        name, text = split(item)
        if name in space:
            raise InputError(f"{item}: {name} is given twice")
        span = RANGE.fullmatch(text)
        if span is None:
            space[name] = CategoricalDistribution(values(item)[1])
        elif grid:
            raise InputError(f"{item}: a grid has values, such as {name}=1,2; ranges: --random")
        else:
            space[name] = _range(item, *span.groups())
    return space


def grid_points(space: Space) -> Iterator[Parameters]:
    """Give every combination of a space of choices, the last key changing fastest.

    Parameters
    ----------
    space : mapping
        What `read_space` gave.

    Examples
    --------
    >>> list(grid_points(read_space(["lr=0.1", "depth=18,34"])))
    [{'lr': '0.1', 'depth': '18'}, {'lr': '0.1', 'depth': '34'}]
    """
    choices = [distribution.choices for distribution in space.values()]  # type: ignore[attr-defined]
    for chosen in itertools.product(*choices):
        yield dict(zip(space, chosen, strict=True))


def random_points(space: Space, number: int, seed: int) -> list[Parameters]:
    """Draw different points at random: the first ones are the same whatever their number.

    Parameters
    ----------
    space : mapping
        What `read_space` gave.
    number : int
        How many; fewer where the space has not as many.
    seed : int
        Of the random numbers.

    Examples
    --------
    >>> space = read_space(["lr=1e-4..1e-2:log", "depth=18,34"])
    >>> random_points(space, 5, seed=1)[:3] == random_points(space, 3, seed=1)
    True
    >>> len(random_points(read_space(["depth=1..4"]), 100, seed=1))
    4
    """
    import optuna  # noqa: PLC0415  only for a search

    drawing = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    points: dict[str, Parameters] = {}
    while len(points) < min(number, size(space)):
        point = dict(drawing.ask(dict(space)).params)
        points.setdefault(name_of(point), point)
    return list(points.values())


def size(space: Space) -> float:
    """Count the points of a space: infinitely many where a range has no steps.

    Parameters
    ----------
    space : mapping
        What `read_space` gave.

    Examples
    --------
    >>> size(read_space(["depth=18,34", "width=16..64:16"])), size(read_space(["lr=0.1..0.2"]))
    (8, inf)
    """
    return math.prod(_size(distribution) for distribution in space.values())


def name_of(parameters: Mapping[str, Any]) -> str:
    """Name a combination by its values: the same ones always have the same name.

    Parameters
    ----------
    parameters : mapping
        Values by key.

    Examples
    --------
    >>> name_of({"lr": "0.1", "depth": "18"}) == name_of({"depth": "18", "lr": "0.1"})
    True
    """
    text = json.dumps(dict(parameters), sort_keys=True)
    return "trial-" + hashlib.sha256(text.encode()).hexdigest()[:10]


def shown(value: Any) -> str:
    """Write a value for reading.

    Parameters
    ----------
    value : str or number
        JSON text for a choice, a number for a range.

    Examples
    --------
    >>> shown('"mean"'), shown("0.001"), shown(0.00034567891)
    ('mean', '0.001', '0.0003457')
    """
    if isinstance(value, str):
        decoded = json.loads(value)
        return decoded if isinstance(decoded, str) else value
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def overrides(parameters: Mapping[str, Any], given: Sequence[str] = ()) -> list[str]:
    """Give a recipe's options for a combination, joined with those given for all of them.

    Parameters
    ----------
    parameters : mapping
        Values by key; a key such as `head.dropout` is a place inside a value of the file.
    given : sequence of str
        `--KEY=VALUE` for all combinations; of one key, both can set different places.

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


def from_yaml(text: str) -> Any:
    """Read YAML into plain Python values."""
    return ruamel.yaml.YAML(typ="safe", pure=True).load(text)


def _on_the_command_line(value: Any) -> str:
    """Write JSON, which is YAML; a plain word needs no quotes for either."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w/.-]*", value):
        return value if from_yaml(value) == value else json.dumps(value)
    return json.dumps(value)


def _range(item: str, low: str, high: str, kind: str | None) -> "BaseDistribution":
    from optuna.distributions import FloatDistribution, IntDistribution  # noqa: PLC0415

    log = kind == "log"
    try:
        bottom, top = from_yaml(low), from_yaml(high)
        step = from_yaml(kind) if kind is not None and not log else None
        if type(bottom) is int and type(top) is int:
            return IntDistribution(bottom, top, log=log, step=1 if step is None else step)
        return FloatDistribution(float(bottom), float(top), log=log, step=step)
    except (ValueError, TypeError, ruamel.yaml.error.YAMLError) as error:
        raise InputError(
            f"{item}: expected LOW..HIGH, LOW..HIGH:log or LOW..HIGH:STEP ({one_line(error)})"
        ) from error


def _size(distribution: Any) -> float:
    """Count the different values of a distribution."""
    if hasattr(distribution, "choices"):
        return len(distribution.choices)
    if distribution.step is None:
        return 1 if distribution.single() else math.inf
    return math.floor((distribution.high - distribution.low) / distribution.step + 1e-9) + 1
