"""Command lines: a parser with errors of one line, and options described by a dataclass."""

import argparse
import dataclasses
from collections.abc import Collection
from typing import Any, NoReturn, TypeVar

from aed_plugins.core.errors import InputError

Part = TypeVar("Part")


def option(default: Any, help: str) -> Any:  # noqa: A002  argparse's own word
    """Describe an option of a program, as a field of a dataclass.

    Parameters
    ----------
    default : object
        Its value where a user gives none; it must be immutable.
    help : str
        What it means, for `--help`.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Options:
    ...     seed: int = option(1986, "seed of the random numbers")
    >>> Options().seed, dataclasses.fields(Options)[0].metadata["help"]
    (1986, 'seed of the random numbers')
    """
    return dataclasses.field(default=default, metadata={"help": help})


def combine_options(*kinds: type[Any], without: Collection[str] = ()) -> type[Any]:
    """Return a dataclass with the options of several.

    Parameters
    ----------
    *kinds : dataclass
        Their fields are made with `option`; no two have one of the same name.
    without : collection of str
        Options that are left out.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Places:
    ...     folder: str = option("data", "where the data are")
    >>> @dataclasses.dataclass
    ... class Training:
    ...     seed: int = option(1986, "seed of the random numbers")
    >>> both = combine_options(Places, Training)(seed=1)
    >>> both.folder, take_options(both, Training)
    ('data', Training(seed=1))
    """
    fields = [
        (field.name, Any, dataclasses.field(default=field.default, metadata=field.metadata))
        for kind in kinds
        for field in dataclasses.fields(kind)
        if field.name not in without
    ]
    return dataclasses.make_dataclass("Options", fields, frozen=True)


def take_options(options: Any, kind: type[Part]) -> Part:
    """Return one of the dataclasses whose options were combined; what was left out is default.

    Parameters
    ----------
    options : object
        Of the class that `combine_options` returned.
    kind : dataclass
        One of those that it was given.
    """
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: getattr(options, name) for name in names if hasattr(options, name)})


class Parser(argparse.ArgumentParser):
    """A parser that raises an `InputError` of one line, as the recipes do.

    Examples
    --------
    >>> parser = Parser(prog="evaluate.py", allow_abbrev=False)
    >>> _ = parser.add_argument("--folds", type=parse_yaml)
    >>> parser.parse_args(["--folds=[1, 2]"]).folds
    [1, 2]
    >>> parser.parse_args(["--fold=1"])
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: unrecognized arguments: --fold=1; see --help
    """

    def error(self, message: str) -> NoReturn:
        """Raise the error that the program prints."""
        raise InputError(f"{message}; see --help")


def parse_yaml(text: str) -> Any:
    """Parse a value as the recipes do: YAML, such as 3, True or [1, 2].

    Parameters
    ----------
    text : str
        The text after the option's name.
    """
    import ruamel.yaml  # noqa: PLC0415  not for --help

    try:
        return ruamel.yaml.YAML(typ="safe").load(text)
    except ruamel.yaml.error.YAMLError as error:
        raise argparse.ArgumentTypeError(f"cannot read {text!r}") from error


def parse_boolean(text: str) -> bool:
    """Parse True or False.

    Parameters
    ----------
    text : str
        The text after the option's name.
    """
    given = parse_yaml(text)
    if not isinstance(given, bool):
        raise argparse.ArgumentTypeError(f"expected True or False, got {text!r}")
    return given
