"""Runs of a recipe in processes of their own, for a search: started, followed, stopped, read."""

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from aed_plugins.core import InputError, first_few
from aed_plugins.experiments.hyperparameter_search.space import overrides, shown

POLL_SECONDS = 0.2
VALID = "valid_"  # begins the name of a figure of validation clips in results.json
STOP_SECONDS = 60.0  # to end by itself, after a polite request
OUTPUT = "output.txt"


class RunFailed(Exception):  # noqa: N818  not an error of the search
    """A run ended without results; the message is one line."""


class RunPruned(Exception):  # noqa: N818  not an error at all
    """A run is stopped because its figures promise too little; tells after how many epochs."""


class Figure(NamedTuple):
    """What a trial reached: `deviation` is None where there is one run of one fold.

    Where `metric` is a figure of the validation clips, `test` is the mean of the same figure of the
    test clips, if the results have it.
    """

    metric: str
    mean: float
    deviation: float | None
    n: int
    test: float | None = None


@dataclass(frozen=True)
class Commands:
    """The commands that run a recipe with a combination of parameters.

    Attributes
    ----------
    recipe, hparams : Path
        The program and the hyperparameter file.
    options : tuple of str
        Further options, the same for all combinations.
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
        """Give the arguments after `python`, by output folder.

        Parameters
        ----------
        parameters : mapping
            The combination: see `space`.
        folder : Path
            Where its runs are kept.

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


class Progress:
    """Tells the validation figures of the epochs that have ended since it was last asked.

    It reads what SpeechBrain's `FileTrainLogger` writes, in any folder below that of the run.

    Parameters
    ----------
    folder : Path
        The run's.
    metrics : sequence of str
        Names of figures in `results.json`, of validation clips (`valid_accuracy`) or of test clips
        (`accuracy`, which follows that of the validation clips too); the first that a line has
        counts.
    """

    def __init__(self, folder: Path, metrics: Sequence[str]) -> None:
        self.folder = folder
        names = dict.fromkeys(metric.removeprefix(VALID) for metric in metrics)
        self._patterns = [re.compile(rf"valid {re.escape(name)}: ([^\s,]+)") for name in names]
        self._read: dict[Path, int] = {}

    def new(self) -> list[float]:
        """Give the new figures, oldest first."""
        figures = []
        for path in sorted(
            self.folder.rglob("train_log.txt"), key=lambda path: path.stat().st_mtime
        ):
            whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
            lines = whole.splitlines()
            figures += [self._figure(line) for line in lines[self._read.get(path, 0) :]]
            self._read[path] = len(lines)
        return [figure for figure in figures if figure is not None]

    def _figure(self, line: str) -> float | None:
        for pattern in self._patterns:
            if found := pattern.search(line):
                return float(found[1])
        return None


def be_interruptible() -> None:
    """End as at Ctrl-C however one is asked to; a shell's background jobs would ignore Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def try_lock(folder: Path) -> IO[str] | None:
    """Lock the folder of a run, unless it is locked; the system unlocks it when its holders end.

    Parameters
    ----------
    folder : Path
        Made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / ".lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def run(
    command: Sequence[str],
    folder: Path,
    lock: int,
    follow: Callable[[], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a recipe to its end; what it says goes to `output.txt` in its folder.

    Parameters
    ----------
    command : sequence of str
        The arguments after `python`.
    folder : Path
        The run's, made if missing.
    lock : int
        A descriptor that the process inherits: what it locks stays locked while the process lives,
        even when this one is killed.
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
    with (folder / OUTPUT).open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | dict(environment or {}),
            pass_fds=[lock],
            start_new_session=True,  # Ctrl-C reaches it once, from `_stop`
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
        said = (folder / OUTPUT).read_bytes()[start:].decode("utf-8", errors="replace")
        raise RunFailed(_why(process.returncode, said))


def figure(folders: Sequence[Path], metrics: Sequence[str]) -> Figure:
    """Read what the runs of a trial reached.

    Parameters
    ----------
    folders : sequence of Path
        Those of the runs. Of one, mean and deviation are those of its folds; of several, those of
        their means.
    metrics : sequence of str
        Names of figures; the first that every run's `results.json` has counts.

    Raises
    ------
    RunFailed
        If a run left no `results.json`.
    InputError
        If one has none of the metrics.
    """
    contents = {folder: _results(folder) for folder in folders}
    metric = _metric(contents, metrics)
    means = [content[metric]["mean"] for content in contents.values()]
    if any(mean is None for mean in means):
        raise RunFailed(f"{folders[means.index(None)] / 'results.json'} has no {metric}")
    test = _test_mean(list(contents.values()), metric)
    if len(means) > 1:
        deviation = float(np.std(means, ddof=1))
        return Figure(metric, float(np.mean(means)), deviation, len(means), test)
    content = contents[folders[0]]
    deviation = content[metric].get("deviation")
    n = len(content.get("folds", ())) if deviation is not None else 1
    return Figure(metric, means[0], deviation, n, test)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process that still runs: politely, so that it keeps what it has, then by force."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _why(status: int, said: str) -> str:
    """Say in a line why a run failed: its own line, or the last it wrote."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("error: ")] or lines
    ended = f"ended by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    return f"{told[-1].removeprefix('error: ')} ({ended})" if told else ended


def _results(folder: Path) -> dict[str, Any]:
    path = folder / "results.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunFailed(f"the run ended well but left no {path}") from None


def _metric(contents: Mapping[Path, Mapping[str, Any]], metrics: Sequence[str]) -> str:
    """Find the first metric that all results have."""
    there = {folder: _means(content) for folder, content in contents.items()}
    for metric in metrics:
        if all(metric in means for means in there.values()):
            return metric
    # None has all: name the results that lack the one that was the last hope.
    folder, means = next(item for item in there.items() if metrics[-1] not in item[1])
    raise InputError(
        f"{folder / 'results.json'}: expected a mean of {' or '.join(metrics)}, found"
        f" {first_few(list(means), 12) or 'none'}; choose with --metric"
    )


def _means(content: Mapping[str, Any]) -> dict[str, float | None]:
    return {
        key: value["mean"]
        for key, value in content.items()
        if isinstance(value, dict) and "mean" in value
    }


def _test_mean(contents: Sequence[Mapping[str, Any]], metric: str) -> float | None:
    """Give the test figure that goes with one of validation, if all results have it."""
    if not metric.startswith(VALID):
        return None
    means = [_means(content).get(metric.removeprefix(VALID)) for content in contents]
    known = [mean for mean in means if mean is not None]
    return float(np.mean(known)) if len(known) == len(means) else None


def file_name(text: str) -> str:
    """Leave of a text what may stand in the name of a file.

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
