"""Runs the trials of a search, one after the other, beside other workers that do the same."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aed_plugins.experiments.hyperparameter_search.leaderboard import (
    COMPLETE,
    FAILED,
    PRUNED,
    RUNNING,
    Row,
    figure_text,
    ranked,
    write_leaderboard,
)
from aed_plugins.experiments.hyperparameter_search.runs import (
    Commands,
    Figure,
    Progress,
    RunFailed,
    RunPruned,
    figure,
    run,
)
from aed_plugins.experiments.hyperparameter_search.space import name_of, shown
from aed_plugins.experiments.hyperparameter_search.study import (
    Aim,
    Claim,
    SharedStudy,
    parameters_of,
)

if TYPE_CHECKING:
    import optuna

# The first that a recipe's results have: test clips choose only where there is no validation.
DEFAULT_METRICS = ("valid_accuracy", "valid_mAP", "accuracy", "mAP")
WAIT_SECONDS = 1.0
STATES = {"COMPLETE": COMPLETE, "PRUNED": PRUNED, "FAIL": FAILED, "RUNNING": RUNNING}


class SearchWorker:
    """Runs the trials that nobody else has run or is running.

    Parameters
    ----------
    commands : Commands
        Run the recipe.
    aim : Aim
        What is searched.
    output : Path
        Folder of the study, its trials and its leaderboard.
    metric : str, optional
        Name of the figure of `results.json` that is to be high; by default the first of
        `valid_accuracy`, `valid_mAP`, `accuracy` and `mAP` that the first results have.
    say : callable
        Takes lines about the progress.

    Raises
    ------
    InputError
        If the folder holds a study of something else, or a file that is no study.
    """

    def __init__(
        self,
        commands: Commands,
        aim: Aim,
        output: Path,
        metric: str | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.commands = commands
        self.aim = aim
        self.output = output
        self.metrics = DEFAULT_METRICS if metric is None else (metric,)
        self.say = say
        self.study = SharedStudy(output, aim)

    def run(self, retry: bool = False) -> list[Row]:
        """Run trials until none is left, here or with another worker.

        Parameters
        ----------
        retry : bool
            Whether those that failed are run again.

        Returns
        -------
        list of Row
            The leaderboard, which is in the folder too.

        Raises
        ------
        InputError
            If the results lack the metric.
        """
        if retry:
            with self.study.locked():
                self.study.retry_failed()
        waits = False
        while True:
            with self.study.locked():
                claim = self.study.claim()
                rows = self._write_leaderboard()
                if claim is not None:
                    self._announce(claim, len(rows))
            running = sum(row.state == RUNNING for row in rows)
            if claim is not None:
                with claim.lock:
                    self._run_trial(claim)
            elif running == 0:
                return rows
            else:
                if not waits:
                    self.say(f"waiting for other workers, which run {running} of the trials")
                time.sleep(WAIT_SECONDS)
            waits = claim is None

    def _run_trial(self, claim: Claim) -> None:
        """Run a trial's runs and record what came of them."""
        trial, started = claim.trial, time.monotonic()
        value: float | None = None
        outcome: dict[str, Any]
        try:
            try:
                reached = self._figure(claim)
                state, value, outcome = "COMPLETE", reached.mean, reached._asdict()
            except RunPruned as epochs:
                state, outcome = "PRUNED", {"note": f"after {epochs} epochs"}
            except RunFailed as error:
                state, outcome = "FAIL", {"note": str(error)}
            outcome["seconds"] = time.monotonic() - started
            with self.study.locked():
                row = self._row(self.study.tell(trial, state, value, outcome))
                self._write_leaderboard()
            complete = row.state == COMPLETE
            self.say(figure_text(row) if complete else f"{row.state}: {row.note}")
        finally:  # interrupted, or a mistake that ends the search
            with self.study.locked():
                if self.study.is_running(trial):
                    self.study.put_back(trial)
                    self._write_leaderboard()

    def _figure(self, claim: Claim) -> Figure:
        trial = claim.trial
        commands = self.commands.of(trial.params, self._folder(trial))
        epochs = 0
        for path, command in commands.items():
            progress = Progress(path, self.metrics)

            def report(progress: Progress = progress) -> bool:
                nonlocal epochs
                figures = progress.new()
                for value in figures:
                    epochs += 1
                    trial.report(value, epochs)
                return bool(figures)

            def follow(report: Callable[[], bool] = report) -> None:
                if report() and trial.should_prune():
                    raise RunPruned(epochs)

            run(command, path, claim.lock.fileno(), None if self.aim.prune is None else follow)
            report()  # what came after the last look
        return figure(list(commands), self._metrics())

    def _metrics(self) -> Sequence[str]:
        """Give what may choose: the figure that the trials before had, if there are any."""
        with self.study.locked():
            rows = [self._row(trial) for trial in self.study.begun()]
        return next(((row.metric,) for row in rows if row.metric is not None), self.metrics)

    def _folder(self, trial: Any) -> Path:
        return self.output / name_of(parameters_of(trial))

    def _announce(self, claim: Claim, number: int) -> None:
        values = " ".join(f"{key}={shown(value)}" for key, value in claim.trial.params.items())
        folder = self._folder(claim.trial)
        self.say(f"trial {number} of {self.study.total}: {values} ({folder})")

    def _row(self, trial: "optuna.trial.FrozenTrial") -> Row:
        outcome = trial.user_attrs.get("outcome", {})
        parameters = parameters_of(trial)
        parameters = {key: parameters[key] for key in self.aim.space}
        return Row(parameters, STATES[trial.state.name], self._folder(trial), **outcome)

    def _write_leaderboard(self) -> list[Row]:
        rows = ranked(self._row(trial) for trial in self.study.begun())
        done = sum(row.state != RUNNING for row in rows)
        name = f"{self.commands.hparams.stem} under {self.commands.name}"
        title = f"{name}: {done} of {self.study.total} trials"
        again = {}
        if rows and rows[0].state == COMPLETE:
            again = self.commands.of(rows[0].parameters, self.output / "best")
        write_leaderboard(self.output, rows, title, list(again.values()))
        return rows
