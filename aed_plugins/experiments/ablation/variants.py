"""What an ablation compares: a model and variants of it, each with a digest of what it is."""

import hashlib
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ruamel.yaml

from aed_plugins.core import InputError, error_prefix
from aed_plugins.experiments.ablation.run import DIGITS
from aed_plugins.experiments.recipe_options import (
    check_command_line,
    from_yaml,
    load_options,
    overrides,
)
from aed_plugins.experiments.recipe_runs import Commands, read_commands

# What the ablation gives the recipe itself, and the option of its own that decides it.
CHOSEN = {"test_folds": "--folds", "seed": "--seeds", "output_folder": "--output"}
# Options with which a recipe leaves no new results where they are looked for.
WITHOUT_RESULTS = {"debug", "test_only"}
# A variant's own option: so many trainings of it are averaged.
MEMBERS = "--members="
# Options of a recipe that say where it reads, not what.
PLACES = {"data_folder", "prepared_folder", "test_folds"}


@dataclass(frozen=True)
class Variant:
    """A model and how it is trained.

    Attributes
    ----------
    name : str
        What it is called in tables.
    commands : Commands
        Run the recipe with it.
    configuration : str
        The first 12 hexadecimal digits of a SHA-256 of all that its figures depend on, but for
        fold, seed and data.
    members : int
        How many trainings with seeds of their own are averaged to one; 1 for none.
    member : Variant, optional
        What these are trainings of; None for the variant itself.
    """

    name: str
    commands: Commands
    configuration: str
    members: int = 1
    member: "Variant | None" = None

    def member_seeds(self, seed: int) -> range:
        """Give the seeds of the trainings that are averaged: no two seeds share one.

        Parameters
        ----------
        seed : int
            Of the average; 1 or more.

        Raises
        ------
        InputError
            If it is 0.
        """
        if seed < 1:
            raise InputError(f"--seeds: with {MEMBERS}{self.members} they begin at 1, got {seed}")
        return range((seed - 1) * self.members + 1, seed * self.members + 1)


def read_variants(
    recipe: str, hparams: str, texts: Sequence[str], options: Sequence[str]
) -> list[Variant]:
    """Read what is compared.

    Parameters
    ----------
    recipe, hparams : str
        Paths of the program and of the reference's hyperparameter file.
    texts : sequence of str
        A variant each: `NAME: [OTHER.yaml] [--key=value ...]`; a key such as `head.dropout` is a
        place inside a value of the file. With `--members=N` it is the mean of N trainings.
    options : sequence of str
        The recipe's for all variants; a variant's own win.

    Returns
    -------
    list of Variant
        The reference, named as its file, and the others.

    Raises
    ------
    InputError
        If there is no such recipe, file or option, the recipe tests no folds, an option is what the
        ablation chooses, or two variants have one name or are the same.
    """
    common = read_commands(recipe, hparams, options)
    own = load_options(common.recipe)
    if "test_folds" not in own.__dataclass_fields__:
        raise InputError(
            f"{recipe}: expected a recipe with folds and one label per clip, such as"
            " recipes/urbansound/train.py, but it has no --test_folds"
        )
    _check_options(common.options)
    stem = common.hparams.stem
    found = [Variant(stem, common, _digest(configuration(common, own)))]
    for text in texts:
        name, given = _split(text)
        with error_prefix(f"variant {name}"):
            members, given = _members(given)
            commands = _commands(common, given)
            single = Variant(name, commands, _digest(configuration(commands, own)))
            found.append(single if members == 1 else _ensemble(single, members, found))
    _check_different(found)
    return found


def join_options(common: Sequence[str], own: Sequence[str]) -> list[str]:
    """Join the options of all variants with a variant's own, which win.

    Parameters
    ----------
    common, own : sequence of str
        `--KEY=VALUE` or `--FLAG`.

    Raises
    ------
    InputError
        If a value is not YAML.

    Examples
    --------
    >>> join_options(["--lr=0.1", "--encoder={depth: 34, width: 2}"], ["--encoder.width=0.5"])
    ['--lr=0.1', '--encoder={"depth": 34, "width": 0.5}']
    >>> join_options(["--lr=0.1"], ["--lr=0.2", "--compile"])
    ['--compile', '--lr=0.2']
    """
    keys = {_first_key(option) for option in own}
    rest = [option for option in common if _first_key(option) not in keys]
    places: dict[str, str] = {}
    for option in [*(option for option in common if _first_key(option) in keys), *own]:
        key, equals, text = option.removeprefix("--").partition("=")
        if not equals:
            rest.append(option)
            continue
        new = dict(_places(key, _value(option, text)))
        kept = {old: at for old, at in places.items() if not any(_overlap(old, key) for key in new)}
        places = kept | new
    return overrides(places, rest)


def configuration(commands: Commands, own: type[Any]) -> dict[str, str]:
    """List all that the scores of a variant depend on, but for fold, seed and data.

    Where weights or data lie on a disk is left out, and what decides only the speed.

    Parameters
    ----------
    commands : Commands
        Run the recipe with it.
    own : dataclass
        What `recipe_options.load_options` gave.

    Raises
    ------
    InputError
        If there is no such file, or an option is neither the recipe's nor the file's.
    """
    described = check_command_line(own, commands.hparams, commands.options, seed=0)
    return {
        "recipe": commands.name,
        **{
            key: _movable(key, value)
            for key, value in described.items()
            if key.removeprefix("option ") not in PLACES
        },
    }


def _digest(content: Mapping[str, str]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _movable(key: str, value: str) -> str:
    """Leave of the path of weights on this machine the file's name."""
    is_path = re.split("[ .]", key)[-1] == "pretrained" and "://" not in value
    return Path(value).name if is_path else value


def _split(text: str) -> tuple[str, list[str]]:
    name, colon, rest = text.partition(":")
    name = " ".join(name.split())
    if not (name and colon):
        raise InputError(
            f"{text!r}: expected a variant such as 'plain: hparams/resnet_plain.yaml' or 'without"
            " dropout: --dropout=0'"
        )
    try:
        return name, shlex.split(rest)
    except ValueError as error:
        raise InputError(f"variant {name}: {error} in {rest.strip()}") from error


def _members(given: Sequence[str]) -> tuple[int, list[str]]:
    """Take the number of trainings that are averaged out of a variant's words."""
    texts = [word.removeprefix(MEMBERS) for word in given if word.startswith(MEMBERS)]
    if not texts:
        return 1, list(given)
    if not texts[-1].isdecimal() or int(texts[-1]) < 2:
        raise InputError(f"{MEMBERS}{texts[-1]}: expected a number of trainings, 2 or more")
    return int(texts[-1]), [word for word in given if not word.startswith(MEMBERS)]


def _ensemble(single: Variant, members: int, others: Sequence[Variant]) -> Variant:
    """Average trainings of a variant: of one that is compared itself, where it is the same."""
    same = (it for it in others if it.configuration == single.configuration)
    digest = _digest({"member": single.configuration, "members": str(members)})
    return Variant(single.name, single.commands, digest, members, next(same, single))


def _commands(common: Commands, given: Sequence[str]) -> Commands:
    files = [word for word in given if not word.startswith("--")]
    if len(files) > 1 or any(Path(file).suffix != ".yaml" for file in files):
        raise InputError(
            f"expected at most one hyperparameter file (.yaml) and options such as --lr=0.01, got"
            f" {' '.join(given)}"
        )
    own = [word for word in given if word.startswith("--")]
    _check_options(own)
    hparams = Path(files[0]) if files else common.hparams
    return Commands(common.recipe, hparams, tuple(join_options(common.options, own)))


def _check_options(options: Sequence[str]) -> None:
    for option in options:
        key = option.partition("=")[0].removeprefix("--")
        if key in CHOSEN:
            raise InputError(f"{option}: the ablation chooses that; give {CHOSEN[key]}")
        if key in WITHOUT_RESULTS:
            raise InputError(f"{option}: an ablation takes whole runs; leave it out")


def _check_different(variants: Sequence[Variant]) -> None:
    twice = [name for name, n in Counter(it.name for it in variants).items() if n > 1]
    if twice:
        raise InputError(f"two variants are called {twice[0]}: give each a name of its own")
    known: dict[str, str] = {}
    for variant in variants:
        other = known.setdefault(variant.configuration, variant.name)
        if other != variant.name:
            raise InputError(
                f"variant {variant.name} is the same as {other}: its options change nothing"
            )


def _first_key(option: str) -> str:
    return option.removeprefix("--").partition("=")[0].partition(".")[0]


def _value(option: str, text: str) -> Any:
    try:
        return from_yaml(text)
    except ruamel.yaml.error.YAMLError as error:
        raise InputError(f"{option}: cannot read the value, which is YAML") from error


def _places(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Give the places that a value sets, and what it sets there, as JSON."""
    if isinstance(value, Mapping) and value:
        for inner, part in value.items():
            yield from _places(f"{key}.{inner}", part)
    else:
        yield key, json.dumps(value, default=str)


def _overlap(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
