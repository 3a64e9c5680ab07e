"""What the programs that are no recipes read from their command lines."""

import argparse
from typing import Any, NoReturn

import ruamel.yaml

from aed_plugins.core.errors import InputError


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, as the recipes do.

    Examples
    --------
    >>> parser = Parser(prog="evaluate.py", allow_abbrev=False)
    >>> _ = parser.add_argument("--folds", type=yaml_value)
    >>> parser.parse_args(["--folds=[1, 2]"]).folds
    [1, 2]
    >>> parser.parse_args(["--fold=1"])
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: unrecognized arguments: --fold=1; see --help
    """

    def error(self, message: str) -> NoReturn:
        """Raise what `experiment.run` prints."""
        raise InputError(f"{message}; see --help")


def yaml_value(text: str) -> Any:
    """Read a value as the recipes do: YAML, such as 3, True or [1, 2].

    Parameters
    ----------
    text : str
        What stands behind the option's name.
    """
    try:
        return ruamel.yaml.YAML(typ="safe").load(text)
    except ruamel.yaml.error.YAMLError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text!r}") from error


def boolean(text: str) -> bool:
    """Read True or False.

    Parameters
    ----------
    text : str
        What stands behind the option's name.
    """
    given = yaml_value(text)
    if not isinstance(given, bool):
        raise argparse.ArgumentTypeError(f"expected True or False, got {text!r}")
    return given
