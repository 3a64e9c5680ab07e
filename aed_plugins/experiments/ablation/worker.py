"""Runs what an ablation lacks, several at once, beside other processes that do the same."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from filelock import BaseFileLock, FileLock, Timeout

from aed_plugins.experiments.ablation.report import write_ablation_report
from aed_plugins.experiments.ablation.run import (
    AblationRun,
    Key,
    mean_row,
    row_of,
)
from aed_plugins.experiments.ablation.runs_csv import append_row, read_rows
from aed_plugins.experiments.ablation.variants import Variant
from aed_plugins.experiments.recipe_runs import RunFailed, file_name, run

WAIT_SECONDS = 1.0
FAILURE = "failed.txt"


class Stopped(Exception):  # noqa: N818  not an error
    """Everything is to end."""


@dataclass(frozen=True)
class Ablation:
    """What is to be run.

    Attributes
    ----------
    variants : sequence of Variant
        The reference first.
    folds, seeds : sequence of int
        Each variant is run on each fold with each seed.
    output : Path
        Keeps a folder for each run, and the report.
    rows : Path
        The CSV file of finished runs.
    """

    variants: Sequence[Variant]
    folds: Sequence[int]
    seeds: Sequence[int]
    output: Path
    rows: Path

    @property
    def compared(self) -> "list[PlannedRun]":
        """The runs that are compared."""
        return [
            PlannedRun(variant, fold, seed)
            for seed in self.seeds
            for fold in self.folds
            for variant in self.variants
        ]

    @property
    def runs(self) -> "list[PlannedRun]":
        """All runs, in the order in which they are begun: at any moment all have about the same.

        The members of an average stand before it.
        """
        found: dict[Key, PlannedRun] = {}
        for each in self.compared:
            for needed in (*each.members, each):
                found.setdefault(needed.key, needed)
        return list(found.values())

    def finished(self) -> dict[str, list[AblationRun]]:
        """Give the finished runs of each variant by its name."""
        known = read_rows(self.rows)
        found: dict[str, list[AblationRun]] = {variant.name: [] for variant in self.variants}
        for each in self.compared:
            if each.key in known:
                found[each.variant.name].append(known[each.key])
        return found


class PlannedRun(NamedTuple):
    """A variant on a fold with a seed."""

    variant: Variant
    fold: int
    seed: int

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.variant.name}, fold {self.fold}, seed {self.seed}"

    @property
    def key(self) -> Key:
        """Which row it gives."""
        return Key(self.variant.configuration, self.fold, self.seed)

    @property
    def members(self) -> "list[PlannedRun]":
        """The trainings whose mean it is; none where it is a training itself."""
        member = self.variant.member
        if member is None:
            return []
        return [
            PlannedRun(member, self.fold, seed) for seed in self.variant.member_seeds(self.seed)
        ]

    def folder(self, output: Path) -> Path:
        """Where it runs: the same name for the same configuration alone."""
        name = f"{file_name(self.variant.name)}-{self.variant.configuration}"
        return output / name / f"seed{self.seed}-fold{self.fold}"

    def command(self, folder: Path) -> list[str]:
        """Give the arguments after `python`."""
        chosen = {"seed": str(self.seed), "test_folds": f"[{self.fold}]"}
        return self.variant.commands.of(chosen, folder)[folder]


@dataclass
class AblationWorker:
    """Runs what nobody else has run or is running.

    Attributes
    ----------
    ablation : Ablation
        What is to be run.
    jobs : int
        How many runs at once.
    say : callable
        Takes lines about the progress.
    failed : dict
        Why the runs failed that did.
    """

    ablation: Ablation
    jobs: int = 1
    say: Callable[[str], None] = print
    failed: dict[PlannedRun, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._runs = self.ablation.runs
        self._running: set[PlannedRun] = set()
        self._mutex = threading.Lock()
        self._end = threading.Event()
        self._started = time.time()
        self._threads = _threads(self.jobs)
        self._waits = False

    def run(self) -> None:
        """Run until nothing is left, here or in another process.

        Raises
        ------
        InputError
            If a run's results are not those of clips with one label each, or the file of rows is
            damaged.
        """
        with ThreadPoolExecutor(self.jobs) as pool:
            works = [pool.submit(self._work) for _ in range(self.jobs)]
            try:
                wait(works, return_when=FIRST_EXCEPTION)
            finally:  # all is done, or a mistake or an interruption ends it: stop the others' runs
                self._end.set()
        for work in works:
            work.result()

    def _work(self) -> None:
        while not self._end.is_set():
            with self._mutex:
                claim, elsewhere = self._claim()
            if claim is not None:
                each, lock = claim
                try:
                    self._run(each)
                    with self._mutex:
                        self._running.discard(each)
                finally:
                    lock.release()
            elif not elsewhere:
                return
            else:
                self._end.wait(WAIT_SECONDS)

    def _claim(self) -> tuple[tuple[PlannedRun, BaseFileLock] | None, int]:
        """Take the next run and its lock; say how many run in other processes if there is none."""
        known, elsewhere = read_rows(self.ablation.rows), 0
        for each in self._runs:
            if each.key in known or each in self._running or each in self.failed:
                continue
            if any(member.key not in known for member in each.members):
                continue  # their turn comes first
            lock = try_lock(each.folder(self.ablation.output))
            if lock is None:
                elsewhere += 1
                continue
            known = read_rows(self.ablation.rows)  # it may have ended just before the lock was free
            if each.key in known or self._failed_elsewhere(each):
                lock.release()
                continue
            self._running.add(each)
            self.say(f"{self._number(each)}: {each}")
            return (each, lock), 0
        if elsewhere and not self._waits:
            self.say(f"waiting for other processes, which run {elsewhere} of the runs")
        self._waits = elsewhere > 0
        return None, elsewhere

    def _run(self, each: PlannedRun) -> None:
        folder = each.folder(self.ablation.output)
        note = folder / FAILURE
        note.unlink(missing_ok=True)
        try:
            row = self._mean(each) if each.members else self._trained(each, folder)
        except Stopped:
            return
        except RunFailed as error:
            if not self._end.is_set():
                note.write_text(f"{error}\n", encoding="utf-8")
                with self._mutex:
                    self._fail(each, str(error))
            return
        with self._mutex:
            append_row(self.ablation.rows, row)
            accuracy = f"{100 * row.accuracy:.1f} % in {row.seconds:.0f} s"
            self.say(f"{self._number(each)}: {each}: {accuracy}")
            write_ablation_report(
                self.ablation.output, self.ablation.finished(), len(self.ablation.compared)
            )

    def _trained(self, each: PlannedRun, folder: Path) -> AblationRun:
        run(
            each.command(folder),
            folder,
            self._follow,
            {"OMP_NUM_THREADS": str(self._threads)},
        )
        return row_of(folder, each.variant.name, each.key, self._threads)

    def _mean(self, each: PlannedRun) -> AblationRun:
        known, output = read_rows(self.ablation.rows), self.ablation.output
        members = {member.folder(output): known[member.key] for member in each.members}
        return mean_row(members, each.variant.name, each.key)

    def _follow(self) -> None:
        if self._end.is_set():
            raise Stopped

    def _failed_elsewhere(self, each: PlannedRun) -> bool:
        """Tell whether another process has tried it since this one began."""
        note = each.folder(self.ablation.output) / FAILURE
        if not note.is_file() or note.stat().st_mtime < self._started:
            return False
        self._fail(each, note.read_text(encoding="utf-8").strip())
        return True

    def _fail(self, each: PlannedRun, why: str) -> None:
        self.failed[each] = why
        self.say(f"{self._number(each)}: {each}: failed: {why}")

    def _number(self, each: PlannedRun) -> str:
        return f"run {self._runs.index(each) + 1} of {len(self._runs)}"


def try_lock(folder: Path) -> BaseFileLock | None:
    """Lock the folder of a run, unless another process has; the lock ends with its process.

    Parameters
    ----------
    folder : Path
        Made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def _threads(jobs: int, environment: Mapping[str, str] = os.environ) -> int:
    """Share the cores out among the runs, unless the user has said how many threads to use."""
    given = environment.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(given) if given.isdecimal() and int(given) else max(1, (cores or 1) // jobs)
