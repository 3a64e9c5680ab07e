"""What `--help` of a recipe prints: its own options, the keys of a YAML, SpeechBrain's options."""

import dataclasses
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap
from speechbrain.utils.run_opts import HELP_TEXTS, RunOptions

from aed_plugins.experiments.arguments import SPEECHBRAIN_OPTIONS
from aed_plugins.experiments.hyperparameters import flatten

WIDTH, COLUMN = 100, 30


def describe_options(
    program: str, options: type[Any], file: Path | None, keys: CommentedMap | None
) -> str:
    """Describe all that a recipe's command line takes.

    Parameters
    ----------
    program : str
        The recipe's program, as it was called.
    options : dataclass
        The recipe's own options; the help of each is in the metadata of its field.
    file : Path, optional
        The hyperparameter file that was named.
    keys : CommentedMap, optional
        Its content.

    Returns
    -------
    str
        A usage line and three sections, each sorted by name.
    """
    lines = [f"usage: python {program} HPARAMS.yaml [--option=value ...]", ""]
    lines += ["options of this recipe:", *_describe_fields(options), ""]
    if keys is None:
        lines += ["keys of the hyperparameter file: name one to see them, as in"]
        lines += [f"  python {program} hparams/resnet_dilated.yaml --help"]
    else:
        lines += [f"keys of {file}, with their values (a place inside one: --key='{{inner: 1}}'):"]
        lines += _describe_keys(keys)
    lines += ["", "options of SpeechBrain:"]
    for name in sorted(SPEECHBRAIN_OPTIONS & HELP_TEXTS.keys()):
        lines += _entry(name, HELP_TEXTS[name], getattr(RunOptions, name, None))
    return "\n".join(lines)


def _describe_fields(options: type[Any]) -> Iterable[str]:
    for field in sorted(dataclasses.fields(options), key=lambda field: field.name):
        yield from _entry(field.name, field.metadata.get("help", ""), field.default)


def _describe_keys(keys: CommentedMap) -> Iterable[str]:
    for key in sorted(key for key in keys if not key.startswith("__")):
        leaves = {path.removeprefix(key): it for path, it in flatten(keys[key], key).items()}
        own = leaves.pop("", "[]" if keys[key] == [] else "")
        rows = {path.removeprefix("."): value for path, value in _join_lists(leaves).items()}
        own = f"{own} {rows.pop('', '')}".strip()
        yield from _row(f"--{key}", "set by the recipe" if own == "!PLACEHOLDER" else own)
        for path, value in rows.items():
            yield from _row(f"    {path}", value)


def _join_lists(leaves: Mapping[str, str]) -> dict[str, str]:
    """Write the items of a list of plain values in one row.

    >>> _join_lists({".dilations.0": "1", ".dilations.1": "2", ".channels": "4"})
    {'.dilations': '[1, 2]', '.channels': '4'}
    """
    joined: dict[str, list[str] | str] = {}
    for path, value in leaves.items():
        parent, _, last = path.rpartition(".")
        plain = last.isdecimal() and not any(other.startswith(f"{path}.") for other in leaves)
        items = joined.setdefault(parent, []) if plain else ""
        if isinstance(items, list):
            items.append(value)
        else:
            joined[path] = value
    return {
        path: f"[{', '.join(it)}]" if isinstance(it, list) else it for path, it in joined.items()
    }


def _entry(name: str, text: str, default: Any) -> list[str]:
    default = list(default) if isinstance(default, tuple) else default
    shown = "" if default is None or default is False else f"(default: {default})"
    return _row(f"--{name}", f"{text} {shown}".strip())


def _row(name: str, text: str) -> list[str]:
    """Lay out a name and what belongs to it in two columns."""
    first, indent = f"  {name}".ljust(COLUMN - 1), " " * COLUMN
    wrapped = textwrap.wrap(text, WIDTH - COLUMN, break_on_hyphens=False) or [""]
    if len(first) >= COLUMN:
        return [first, *(indent + line for line in wrapped)] if text else [first]
    return [f"{first} {wrapped[0]}".rstrip(), *(indent + line for line in wrapped[1:])]
