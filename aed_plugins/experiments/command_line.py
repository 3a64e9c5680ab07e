"""A recipe's command line: a hyperparameter file, overrides, one line when something is wrong."""

import dataclasses
import functools
import gc
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import ruamel.yaml
import speechbrain
import torch.distributed
from ruamel.yaml.comments import CommentedMap
from speechbrain.utils.distributed import ddp_init_group, infer_device
from speechbrain.utils.logger import setup_logging
from speechbrain.utils.run_opts import RunOptions

from aed_plugins.core import InputError, one_line
from aed_plugins.experiments.arguments import split_arguments
from aed_plugins.experiments.hyperparameters import Hyperparameters
from aed_plugins.experiments.option_help import describe_options
from aed_plugins.experiments.overrides import read_overrides
from aed_plugins.training import SharedError

Options = TypeVar("Options")


@dataclasses.dataclass(frozen=True)
class Experiment(Generic[Options]):
    """What a recipe was asked to do.

    Attributes
    ----------
    hparams_file : Path
        The HyperPyYAML file: a model and how it is trained.
    options : dataclass
        What the recipe itself lets a user choose, such as the data folder.
    overrides : dict
        Values that replace those of the file.
    run_options : RunOptions
        SpeechBrain's own: `--device`, `--precision`, `--debug` and so on.
    """

    hparams_file: Path
    options: Options
    overrides: dict[str, Any]
    run_options: RunOptions

    @functools.cached_property
    def text(self) -> str:
        """The content of the file, read once."""
        return _read(self.hparams_file)

    @functools.cached_property
    def keys(self) -> CommentedMap:
        """The content of the file by key, as written there."""
        return _parse(self.hparams_file, self.text)

    def resolve(self, **handed_in: Any) -> Hyperparameters:
        """Apply the overrides and resolve the references of the file, for one run.

        Parameters
        ----------
        **handed_in
            Values that the recipe fixes.

        Raises
        ------
        InputError
            If an override has no place in the file.
        """
        for key in handed_in:
            if key not in self.keys:
                raise InputError(f"{self.hparams_file}: expected the key {key}, found none")
        return Hyperparameters(self.hparams_file, self.text, self.overrides | handed_in)

    def has(self, key: str) -> bool:
        """Return whether the file has a value of that name at its top level."""
        return key in self.keys

    def value(self, key: str, **handed_in: Any) -> Any:
        """Return one plain value of the file.

        Parameters
        ----------
        key : str
            Its name at the top level.
        **handed_in
            Values that the recipe fixes.

        Raises
        ------
        InputError
            If the file has no such value.
        """
        written = {**self.keys, **self.overrides, **handed_in}.get(key)
        if isinstance(written, int | float | str):  # nothing to resolve
            return written
        return self.resolve(**handed_in).value(key)


def parse_experiment(arguments: list[str], options: type[Options]) -> Experiment[Options]:
    """Read a recipe's command line.

    Parameters
    ----------
    arguments : list of str
        `HPARAMS.yaml [--option=value ...]`. With `--help` among them all options are printed, and
        the program ends.
    options : dataclass
        The recipe's own options, all with defaults; every other override goes to the file.

    Raises
    ------
    InputError
        If the file is missing or not YAML, an option is neither the recipe's nor the file's nor
        SpeechBrain's, or has no value or one of another kind.
    """
    if not {"-h", "--help"}.isdisjoint(arguments):
        _print_help(arguments, options)
        raise SystemExit(0)
    given = split_arguments(arguments)
    file = Path(given.file)
    known = _parse(file, _read(file))
    overrides = read_overrides(given.overrides, options, known, file)
    own = [field.name for field in dataclasses.fields(options)]  # type: ignore[arg-type]
    chosen = options(**{key: value for key, value in overrides.items() if key in own})
    rest = {key: value for key, value in overrides.items() if key not in own}
    return Experiment(file, chosen, rest, _with_backend(given.run_options))


def join_processes(run_options: RunOptions) -> None:
    """Meet the other processes when started by `torchrun`.

    Parameters
    ----------
    run_options : RunOptions
        SpeechBrain's.

    Raises
    ------
    InputError
        If there are more processes than GPUs.
    """
    try:
        ddp_init_group(run_options)
    except ValueError as error:
        raise InputError(
            f"cannot start the processes: {one_line(error)} Start fewer, or give --device=cpu"
        ) from error


def _with_backend(run_options: RunOptions) -> RunOptions:
    """Let several processes on CPUs speak over gloo: SpeechBrain's default is for GPUs alone."""
    device = run_options.device or infer_device()
    if not device.startswith("cpu") or "distributed_backend" in run_options.overridden_args:
        return run_options
    overridden = run_options.overridden_args | {"distributed_backend"}
    return dataclasses.replace(run_options, distributed_backend="gloo", overridden_args=overridden)


def start_log(folder: Path) -> None:
    """Log everything to `folder/log.txt`, and to the screen only progress and warnings.

    Parameters
    ----------
    folder : Path
        Made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    logging.raiseExceptions = False  # a full disk is reported once, by what cannot be written
    progress = {"handlers": ["progress"]}
    setup_logging(
        str(Path(speechbrain.__file__).parent / "log-config.yaml"),
        {
            "formatters": {"progress": {"format": "%(message)s"}},
            "handlers": {
                "file_handler": {"filename": str(folder / "log.txt"), "level": "INFO"},
                "console": {"level": "WARNING"},
                "progress": {
                    "class": "speechbrain.utils.logger.TqdmCompatibleStreamHandler",
                    "level": "INFO",
                    "formatter": "progress",
                    "stream": "ext://sys.stdout",
                },
            },
            "loggers": {"aed_plugins": progress, "speechbrain.utils.train_logger": progress},
        },
    )


def run_program(main: Callable[[list[str]], None]) -> NoReturn:
    """Run a recipe's `main`; print one line and exit with status 1 when the user can fix it.

    Parameters
    ----------
    main : callable
        Takes the command line's arguments.
    """
    status = 0
    try:
        main(sys.argv[1:])
    except (InputError, OSError) as error:
        status = 1
        # Before the processes have met, all make the same mistake; later, each has its own.
        alone = os.environ.get("RANK", "0") == "0" or torch.distributed.is_initialized()
        if alone and not isinstance(error, SharedError):
            print(f"error: {one_line(error)}", file=sys.stderr)  # noqa: T201  the one line
    except KeyboardInterrupt:
        status = 130
        print("\ninterrupted: give the same command again to go on", file=sys.stderr)  # noqa: T201
    finally:
        if torch.distributed.is_initialized():
            gc.collect()  # what a wrapped model holds of the group would outlive the interpreter
            torch.distributed.destroy_process_group()
    sys.exit(status)


def _print_help(arguments: list[str], options: type[Any]) -> None:
    files = [Path(argument) for argument in arguments if not argument.startswith("-")]
    file = files[0] if files else None
    keys = None if file is None else _parse(file, _read(file))
    print(describe_options(sys.argv[0], options, file, keys))  # noqa: T201  what was asked for


def _parse(path: Path, text: str) -> CommentedMap:
    try:
        tree = ruamel.yaml.YAML().load(text)
    except ruamel.yaml.error.YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {one_line(error)}") from error
    if not isinstance(tree, CommentedMap):
        raise InputError(f"{path}: expected keys and values, as in hparams/resnet_dilated.yaml")
    return tree


def _read(path: Path) -> str:
    if not path.is_file():
        raise InputError(
            f"{path}: no such hyperparameter file; see hparams/ for those that come along"
        )
    return path.read_text(encoding="utf-8")
