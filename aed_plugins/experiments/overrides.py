"""Overrides: the values on a recipe's command line, read and checked before anything is built."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ruamel.yaml
from ruamel.yaml.comments import CommentedMap

from aed_plugins.core import InputError, one_line
from aed_plugins.experiments.arguments import SPEECHBRAIN_OPTIONS


def read_overrides(
    texts: Mapping[str, str], options: type[Any], known: CommentedMap, file: Path
) -> dict[str, Any]:
    """Read values, and check that each has a place and is of the kind that belongs there.

    Parameters
    ----------
    texts : mapping of str to str
        Values by name, as YAML.
    options : dataclass
        The recipe's own options, all with defaults.
    known : CommentedMap
        The content of the hyperparameter file, where all others belong.
    file : Path
        Its name, for messages.

    Raises
    ------
    InputError
        If one is not YAML, has no place, or is of another kind.
    """
    _check_names(texts, options, known, file)
    overrides = {key: _read_value(key, text) for key, text in texts.items()}
    _check_overrides(overrides, options, known, file)
    return overrides


def _check_names(names: Iterable[str], options: type[Any], known: CommentedMap, file: Path) -> None:
    """Check that each is an option of the recipe or a key of the file that it leaves open."""
    own = [field.name for field in dataclasses.fields(options)]
    placeholders = {key for key in known if _tag(known[key]) == "!PLACEHOLDER"}
    for name in names:
        if name in own:
            continue
        if name in placeholders:
            raise InputError(f"--{name} is set by the recipe")
        if name not in known:
            there = [*own, *(key for key in known if key not in placeholders), *SPEECHBRAIN_OPTIONS]
            close = difflib.get_close_matches(name, there, n=1)
            hint = f"did you mean --{close[0]}?" if close else ""
            hint = hint or f"the recipe has --{', --'.join(own)}"
            raise InputError(f"--{name} is neither an option of this recipe nor in {file}; {hint}")


def _read_value(key: str, text: str) -> Any:
    try:
        return ruamel.yaml.YAML().load(f"{key}: {text}")[key]
    except ruamel.yaml.error.YAMLError as error:
        raise InputError(f"cannot read --{key}={text}: {one_line(error)}") from error


def _check_overrides(
    overrides: Mapping[str, Any], options: type[Any], known: CommentedMap, file: Path
) -> None:
    """Check that each value is of its option's or key's kind."""
    defaults = {field.name: field.default for field in dataclasses.fields(options)}
    for key, value in overrides.items():
        if key not in defaults:
            _check_number(key, value, known[key], file)
            _check_no_component(key, value, file)
        elif isinstance(defaults[key], bool):
            if not isinstance(value, bool):
                raise InputError(f"--{key}: expected True or False, got {value!r}")
        elif isinstance(value, bool) or (value is None and defaults[key] is not None):
            raise InputError(f"--{key}: expected a value, as in --{key}=VALUE, got {value!r}")


def _check_number(key: str, value: Any, written: Any, file: Path) -> None:
    """Check that a number is given where the file has one; null may stand for none."""
    numeric = isinstance(written, int | float) and not isinstance(written, bool)
    if numeric and isinstance(value, bool | str | list | dict):
        raise InputError(f"--{key}: expected a number, as the {written} of {file}, got {value!r}")


def _check_no_component(key: str, value: Any, file: Path) -> None:
    """Check that no mapping has a tag: HyperPyYAML would keep the class that the file names."""
    if not isinstance(value, Mapping):
        return
    if (tag := _tag(value)) is not None:
        raise InputError(
            f"--{key}: {tag} cannot replace a component here, only values inside one: change it in"
            f" a copy of {file}"
        )
    for inner in value.values():
        _check_no_component(key, inner, file)


def _tag(value: Any) -> str | None:
    return getattr(getattr(value, "tag", None), "value", None)
