"""A recipe's command line: a hyperparameter file, overrides, one line when something is wrong."""

import contextlib
import dataclasses
import difflib
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import ruamel.yaml
import speechbrain
import torch.distributed
from hyperpyyaml import load_hyperpyyaml, resolve_references
from ruamel.yaml.comments import CommentedMap
from speechbrain.utils.distributed import ddp_init_group, infer_device
from speechbrain.utils.logger import setup_logging
from speechbrain.utils.run_opts import RunOptions

from aed_plugins.core import InputError, atomic_write, one_line
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

    def resolved(self, **handed_in: Any) -> CommentedMap:
        """Give the file's contents with overrides applied and references resolved; build nothing.

        Parameters
        ----------
        **handed_in
            Values that the recipe fixes.

        Raises
        ------
        InputError
            If an override has no place in the file.
        """
        with _open(self.hparams_file) as file:
            try:
                text = resolve_references(file, self.overrides | handed_in, True)
            except (KeyError, ValueError) as error:
                raise InputError(f"{self.hparams_file}: {one_line(error)}") from error
            except ruamel.yaml.error.YAMLError as error:
                raise InputError(f"{self.hparams_file}: not YAML: {one_line(error)}") from error
        return ruamel.yaml.YAML().load(text)

    def has(self, key: str) -> bool:
        """Tell whether the file has a value of that name at its top level."""
        with _open(self.hparams_file) as file:
            return key in ruamel.yaml.YAML().load(file)

    def value(self, key: str, **handed_in: Any) -> Any:
        """Give one plain value of the file.

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
        tree = self.resolved(**handed_in)
        if key not in tree:
            raise InputError(f"{self.hparams_file}: expected a value for {key}, found none")
        return tree[key]

    @contextlib.contextmanager
    def named_mistakes(self) -> Iterator[None]:
        """Turn what a value of the file leads to into one line that names the file.

        Raises
        ------
        InputError
            Instead of a `ValueError`, `TypeError`, `KeyError` or `ImportError`.
        """
        try:
            yield
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, ImportError) as error:
            raise InputError(f"{self.hparams_file}: {one_line(error)}") from error

    def build(self, **handed_in: Any) -> dict[str, Any]:
        """Build the objects that the file describes.

        Parameters
        ----------
        **handed_in
            Values that the recipe fixes.

        Raises
        ------
        InputError
            If a value in the file cannot be used.
        """
        with _open(self.hparams_file) as file, self.named_mistakes():
            return load_hyperpyyaml(file, self.overrides | handed_in)


def parse_experiment(arguments: list[str], options: type[Options]) -> Experiment[Options]:
    """Read a recipe's command line.

    Parameters
    ----------
    arguments : list of str
        `HPARAMS.yaml [--option=value ...]`, as SpeechBrain reads it.
    options : dataclass
        The recipe's own options, all with defaults; every other override goes to the file.

    Raises
    ------
    InputError
        If the file is missing or not YAML, or an override is neither the recipe's nor the file's.
    """
    name, run_options, text = speechbrain.parse_arguments(arguments)
    try:
        overrides = ruamel.yaml.YAML().load(text) or {}
    except ruamel.yaml.error.YAMLError as error:
        raise InputError(f"cannot read the overrides {text!r}: {one_line(error)}") from error
    if not isinstance(overrides, Mapping):
        raise InputError(f"expected overrides like --seed=1, got {text!r}")
    with _open(Path(name)) as file:
        try:
            known = ruamel.yaml.YAML().load(file)
        except ruamel.yaml.error.YAMLError as error:
            raise InputError(f"{name}: not valid YAML: {one_line(error)}") from error
    fields = dataclasses.fields(options)  # type: ignore[arg-type]
    own = [field.name for field in fields]
    for key in overrides:
        if key not in own and key not in known:
            close = difflib.get_close_matches(key, [*own, *known], n=1)
            hint = (
                f"did you mean --{close[0]}?" if close else f"the recipe has --{', --'.join(own)}"
            )
            raise InputError(f"--{key} is neither an option of this recipe nor in {name}; {hint}")
    for field in fields:
        value = overrides.get(field.name, field.default)
        if isinstance(field.default, bool) and not isinstance(value, bool):
            raise InputError(f"--{field.name}: expected True or False, got {value!r}")
    chosen = options(**{key: value for key, value in overrides.items() if key in own})
    rest = {key: value for key, value in overrides.items() if key not in own}
    return Experiment(Path(name), chosen, rest, _with_backend(run_options))


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


def flatten(tree: Any, prefix: str = "") -> dict[str, str]:
    """List the leaves of a hyperparameter file by their path, to compare two of them.

    Parameters
    ----------
    tree : object
        Part of what `Experiment.resolved` gives.
    prefix : str
        Path of that part.

    Examples
    --------
    >>> flatten(ruamel.yaml.YAML().load("{lr: 0.1, head: !new:a.Head {hidden: [3, 4]}}"))
    {'lr': '0.1', 'head': '!new:a.Head', 'head.hidden.0': '3', 'head.hidden.1': '4'}
    """
    tag = getattr(tree, "tag", None)
    named = "" if tag is None or tag.value is None else str(tag.value)
    if isinstance(tree, Mapping):
        items = [(str(key), value) for key, value in tree.items()]
    elif isinstance(tree, list):
        items = [(str(index), value) for index, value in enumerate(tree)]
    else:
        return {prefix: f"{named} {tree}".strip() if named.startswith("!") else str(tree)}
    leaves = {prefix: named} if named.startswith("!") else {}
    for key, value in items:
        leaves |= flatten(value, f"{prefix}.{key}".lstrip("."))
    return leaves


def write_resolved(path: Path, tree: CommentedMap) -> None:
    """Write a resolved hyperparameter file.

    Parameters
    ----------
    path : Path
        The file.
    tree : CommentedMap
        What `Experiment.resolved` gave.
    """
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        ruamel.yaml.YAML().dump(tree, file)


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


def _open(path: Path) -> Any:
    if not path.is_file():
        raise InputError(
            f"{path}: no such hyperparameter file; see hparams/ for those that come along"
        )
    return path.open(encoding="utf-8")
