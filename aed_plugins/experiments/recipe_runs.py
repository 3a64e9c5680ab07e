"""Run a recipe in a process of its own: start it, follow its progress, stop it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError
from aed_plugins.experiments.recipe_options import overrides, shown
from aed_plugins.experiments.recipe_process import STOP_SECONDS

POLL_SECONDS = 0.2
OUTPUT = "output.txt"
LOCK = ".run.lock"


class RunFailed(Exception):  # noqa: N818  not an error of this program
    """A run ended without results; the message is one line."""


@dataclass(frozen=True)
class Commands:
    """The commands that run a recipe with chosen parameters.

    Attributes
    ----------
    recipe, hparams : Path
        The program and the hyperparameter file.
    options : tuple of str
        Further options, the same for all parameters.
    over : tuple of str and list of str, optional
        A key and its values, as JSON: a run for each, such as seeds or folds.
    """

    recipe: Path
    hparams: Path
    options: tuple[str, ...] = ()
    over: tuple[str, list[str]] | None = None

    @property
    def name(self) -> str:
        """The recipe's: the program in its folder."""
        return str(Path(self.recipe.parent.name) / self.recipe.name)

    def of(self, parameters: Mapping[str, Any], folder: Path) -> dict[Path, list[str]]:
        """Return the arguments after `python`, by output folder.

        Parameters
        ----------
        parameters : mapping
            Values by key: see `recipe_options.overrides`.
        folder : Path
            Where the runs are kept.

        Examples
        --------
        >>> commands = Commands(Path("train.py"), Path("a.yaml"), over=("seed", ["1", "2"]))
        >>> for path, command in commands.of({"lr": "0.1"}, Path("out")).items():
        ...     print(path, *command)
        out/seed-1 train.py a.yaml --lr=0.1 --seed=1 --output_folder=out/seed-1
        out/seed-2 train.py a.yaml --lr=0.1 --seed=2 --output_folder=out/seed-2
        """
        runs: dict[Path, Mapping[str, Any]] = {folder: parameters}
        if self.over is not None:
            name, values = self.over
            runs = {
                folder / f"{name}-{file_name(shown(value))}": {**parameters, name: value}
                for value in values
            }
        program = [str(self.recipe), str(self.hparams)]
        return {
            path: [*program, *overrides(chosen, self.options), f"--output_folder={path}"]
            for path, chosen in runs.items()
        }


def read_commands(
    recipe: str, hparams: str, options: Sequence[str], over: tuple[str, list[str]] | None = None
) -> Commands:
    """Read what runs a recipe.

    Parameters
    ----------
    recipe, hparams : str
        Paths of the program and of the hyperparameter file.
    options : sequence of str
        Further options of the recipe.
    over : tuple of str and list of str, optional
        As for `Commands`.

    Raises
    ------
    InputError
        If an option is not of the form `--KEY=VALUE` or `--FLAG`, or sets the output folder; if
        values of `over` would give the same folder.
    """
    for option in options:
        if not option.startswith("--"):
            raise InputError(f"{option}: expected a recipe's option such as --batch_size=16")
        if option.partition("=")[0] == "--output_folder":
            raise InputError(f"{option}: this program chooses that; give --output")
    commands = Commands(Path(recipe), Path(hparams), tuple(options), over)
    if over is not None and len(commands.of({}, Path())) < len(over[1]):
        raise InputError(f"{over[0]}: its values give the same folder names")
    return commands


def be_interruptible() -> None:
    """End as at Ctrl-C however one is asked to; a shell's background jobs would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):  # where the system has them
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def run(
    command: Sequence[str],
    folder: Path,
    follow: Callable[[], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a recipe to its end; what it prints goes to `output.txt` in its folder.

    The recipe ends when this process ends, however it ends, and starts when no other runs in the
    folder: see `recipe_process`.

    Parameters
    ----------
    command : sequence of str
        The arguments after `python`.
    folder : Path
        The run's, made if missing.
    follow : callable, optional
        Called again and again while the process runs; what it raises stops the process.
    environment : mapping, optional
        Environment variables of the process, besides those of this one.

    Raises
    ------
    RunFailed
        If it ends with another status than 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    started = [
        sys.executable,
        "-m",
        "aed_plugins.experiments.recipe_process",
        str(folder / LOCK),
        *command,
    ]
    with (folder / OUTPUT).open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            started,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | dict(environment or {}),
            start_new_session=True,  # Ctrl-C does not reach it; `_stop` does
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # so on Windows
        )
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
            if follow is not None and process.poll() is None:
                follow()
    finally:
        _stop(process)
    if process.returncode != 0:
        printed = (folder / OUTPUT).read_bytes()[start:].decode("utf-8", errors="replace")
        raise RunFailed(_why(process.returncode, printed))


def file_name(text: str) -> str:
    """Keep of a text what may stand in the name of a file.

    Parameters
    ----------
    text : str
        Such as a name for people.

    Examples
    --------
    >>> file_name("without mixup (a=0)")
    'without_mixup_a_0'
    """
    return re.sub(r"[^\w.+-]+", "_", text).strip("_")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process that still runs: politely, so that it keeps what it has, then by force."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()


def _why(status: int, printed: str) -> str:
    """Return in a line why a run failed: its own line, or the last it wrote."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")] or lines
    ended = f"ended by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    return f"{errors[-1].removeprefix('error: ')} ({ended})" if errors else ended
