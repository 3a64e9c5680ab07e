"""What a hyperparameter search may choose: Optuna's distributions for keys; values are JSON."""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import ruamel.yaml
from optuna import distributions
from optuna.distributions import BaseDistribution as Distribution

from aed_plugins.core import InputError, one_line
from aed_plugins.experiments.recipe_options import from_yaml, read_values, split_item

Space = dict[str, Distribution]
NUMBER = r"[-+]?\d[\d.]*?(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.([^:]*)(?::(.*))?")


def read_space(items: Sequence[str]) -> dict[str, Distribution]:
    """Read what may be chosen.

    Parameters
    ----------
    items : sequence of str
        `KEY=VALUE,VALUE`, or `KEY=LOW..HIGH`, whole numbers if both are, with `:log` or `:STEP`
        after it if wanted.

    Raises
    ------
    InputError
        If an item is of another form.

    Examples
    --------
    >>> read_space(["depth=18,34"])
    {'depth': CategoricalDistribution(choices=('18', '34'))}
    """
    space: dict[str, Distribution] = {}
    for item in items:
        name, text = split_item(item)
        if name in space:
            raise InputError(f"{item}: {name} is given twice")
        span = RANGE.fullmatch(text)
        if span is not None:
            space[name] = _range(item, *span.groups())
        else:
            space[name] = distributions.CategoricalDistribution(read_values(item)[1])
    return space


def grid_points(space: Space) -> list[dict[str, Any]]:
    """Return every combination of values, the last key changing fastest."""
    for name, it in space.items():
        if not isinstance(it, distributions.CategoricalDistribution):
            raise InputError(f"{name}: a grid has values, such as {name}=1,2; ranges: --random")
    choices = [distribution.choices for distribution in space.values()]  # type: ignore[attr-defined]
    return [dict(zip(space, chosen, strict=True)) for chosen in itertools.product(*choices)]


def name_of(parameters: Mapping[str, Any]) -> str:
    """Name a combination by its values: the same ones always have the same name."""
    text = json.dumps(dict(parameters), sort_keys=True)
    return "trial-" + hashlib.sha256(text.encode()).hexdigest()[:10]


def _range(item: str, low: str, high: str, kind: str | None) -> Distribution:
    log = kind == "log"
    try:
        bottom, top = from_yaml(low), from_yaml(high)
        step = from_yaml(kind) if kind is not None and not log else None
        if type(bottom) is int and type(top) is int:
            whole = 1 if step is None else step
            return distributions.IntDistribution(bottom, top, log=log, step=whole)
        return distributions.FloatDistribution(float(bottom), float(top), log=log, step=step)
    except (ValueError, TypeError, ruamel.yaml.error.YAMLError) as error:
        expected = "expected LOW..HIGH, LOW..HIGH:log or LOW..HIGH:STEP"
        raise InputError(f"{item}: {expected} ({one_line(error)})") from error
