"""Take a recipe's command line apart: the hyperparameter file, SpeechBrain's options, overrides.

SpeechBrain's own parser takes the beginning of a name for the name, and joins what it does not know
to the value before it; here a name is complete, and a word is an option or its value.
"""

import contextlib
import dataclasses
import io
from collections.abc import Sequence

import speechbrain
from speechbrain.utils.run_opts import HELP_TEXTS, RunOptions

from aed_plugins.core import InputError

REFUSED = {"jit", "jit_module_keys"}
LISTS = {"compile_module_keys"}  # take any number of values
FLAGS = {name for name in HELP_TEXTS if getattr(RunOptions, name, None) is False}
_FIELDS = {field.name for field in dataclasses.fields(RunOptions)}
SPEECHBRAIN_OPTIONS = frozenset((HELP_TEXTS.keys() & _FIELDS | LISTS) - REFUSED)


@dataclasses.dataclass(frozen=True)
class Arguments:
    """A recipe's command line, taken apart.

    Attributes
    ----------
    file : str
        The hyperparameter file.
    run_options : RunOptions
        SpeechBrain's.
    overrides : dict of str to str
        All other options, as text.
    """

    file: str
    run_options: RunOptions
    overrides: dict[str, str]


def split_arguments(arguments: Sequence[str]) -> Arguments:
    """Take a recipe's command line apart.

    Parameters
    ----------
    arguments : sequence of str
        `HPARAMS.yaml [--option=value ...]`; `--option value` is the same.

    Raises
    ------
    InputError
        If there is no file, a word is no option, an option is given twice or has no value, or
        SpeechBrain cannot use the value.

    Examples
    --------
    >>> split_arguments(["a.yaml", "--lr=1e-3", "--debug", "--seed", "2"]).overrides
    {'lr': '1e-3', 'seed': '2'}
    """
    file, given, rest = None, dict[str, list[str]](), list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("-") and file is None:
            file = word
        elif not word.startswith("--"):
            raise InputError(f"{word}: expected --option=value, in quotes if it has spaces")
        elif name in given:
            raise InputError(f"--{name} is given twice")
        elif name in REFUSED:
            raise InputError(f"--{name}: the models here cannot be compiled with TorchScript")
        else:
            given[name] = _values(name, [value] if equals else _take_values(name, rest))
    if file is None:
        raise InputError(
            "expected a hyperparameter file, such as hparams/resnet_dilated.yaml; see --help"
        )
    overrides = {
        name: values[0] for name, values in given.items() if name not in SPEECHBRAIN_OPTIONS
    }
    own = {name: values for name, values in given.items() if name in SPEECHBRAIN_OPTIONS}
    return Arguments(file, _read_run_options(file, own), overrides)


def _values(name: str, values: list[str]) -> list[str]:
    if name not in FLAGS and not any(values):
        raise InputError(f"--{name}: expected a value, as in --{name}=VALUE")
    return values


def _take_values(name: str, rest: list[str]) -> list[str]:
    """Remove the values of an option without `=` from the words after it, and return them."""
    most = 0 if name in FLAGS else len(rest) if name in LISTS else 1
    values: list[str] = []
    while len(values) < most and rest and not rest[0].startswith("--"):
        values.append(rest.pop(0))
    return values


def _read_run_options(file: str, given: dict[str, list[str]]) -> RunOptions:
    """Let SpeechBrain read its options; keep the last line of the usage that it may print."""
    words = [
        word
        for name, values in given.items()
        for word in ([f"--{name}={values[0]}"] if len(values) == 1 else [f"--{name}", *values])
    ]
    usage = io.StringIO()
    try:
        with contextlib.redirect_stderr(usage):
            return speechbrain.parse_arguments([file, *words])[1]
    except SystemExit as error:
        reason = usage.getvalue().rpartition("error: ")[2].removeprefix("argument ")
        raise InputError(reason.strip()) from error
