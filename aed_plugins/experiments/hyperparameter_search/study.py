"""A hyperparameter search: an Optuna study, which several processes share, and its trials."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import optuna
import sqlalchemy
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState, create_trial

from aed_plugins.core import InputError
from aed_plugins.experiments.hyperparameter_search import leaderboard
from aed_plugins.experiments.hyperparameter_search.leaderboard import TrialResult
from aed_plugins.experiments.hyperparameter_search.objective import run_trial, suggest
from aed_plugins.experiments.hyperparameter_search.plan import SearchPlan, check_plan
from aed_plugins.experiments.hyperparameter_search.space import grid_points, name_of
from aed_plugins.experiments.recipe_options import shown
from aed_plugins.experiments.recipe_runs import RunFailed

FAIL, RUNNING, WAITING = TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING
HEARTBEAT_SECONDS, GRACE_SECONDS = 5, 30  # without a heartbeat, until a trial is run again
WAIT_SECONDS, PRUNE_AFTER_TRIALS = 1.0, 3
warnings.filterwarnings("ignore", category=ExperimentalWarning)
# Of trials whose process was killed before its first heartbeat: Optuna would wait for ever.
FIRST_HEARTBEATS = """
INSERT INTO trial_heartbeats (trial_id, heartbeat) SELECT trial_id, CURRENT_TIMESTAMP FROM trials
WHERE state = 'RUNNING' AND trial_id NOT IN (SELECT trial_id FROM trial_heartbeats)"""
run_again = RetryHeartbeatStaleTrialCallback()


class Search:
    """Runs the trials that no other process has run or is running.

    Parameters
    ----------
    plan : SearchPlan
        What is searched.
    say : callable
        Takes lines about the progress.

    Raises
    ------
    InputError
        If the plan has a mistake, the database cannot be used, or it holds another search.
    """

    def __init__(self, plan: SearchPlan, say: Callable[[str], None] = print) -> None:
        self.plan, self.say = plan, say
        self.study, self.engine = _open_study(plan, check_plan(plan))
        self.number: int | None = None  # of the trial that runs

    def run(self, retry: bool = False) -> list[TrialResult]:
        """Run trials, first those that failed if wanted, until none is left in any process."""
        for trial in standing(self.study) if retry else ():
            if trial.state == FAIL:
                run_again(self.study, trial)
        try:
            while self._wait_for_a_trial():
                self.study.optimize(self._run_trial, catch=(RunFailed,), callbacks=[self._after])
        except BaseException as error:
            self._put_back(error)
            raise
        finally:
            results = self._write()
        return results

    def _run_trial(self, trial: optuna.Trial) -> float:
        self.number, started = trial.number, time.monotonic()
        trial.set_user_attr("outcome", None)  # a trial that is run again has an old one
        parameters = suggest(trial, self.plan.space)
        earlier = sum(it.number < trial.number for it in standing(self.study))
        if earlier >= self.plan.trials:
            raise RunFailed("another process took the last trial")
        folder = self.plan.output / name_of(parameters)
        values = " ".join(f"{name}={shown(value)}" for name, value in parameters.items())
        self.say(f"trial {earlier + 1} of {self.plan.trials}: {values} ({folder})")
        outcome: dict[str, Any] = {}
        try:
            outcome = run_trial(self.plan, trial, folder)
        except (RunFailed, optuna.TrialPruned) as error:
            outcome = {"note": str(error)}
            raise
        finally:
            if outcome:
                outcome["seconds"] = time.monotonic() - started
                trial.set_user_attr("outcome", outcome)
        return outcome["mean"]

    def _after(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self.number = None
        self._write()
        if trial.user_attrs["outcome"]:
            self.say(str(self._result(trial)))
        if not self._may_begin():
            study.stop()

    def _put_back(self, error: BaseException) -> None:
        """Have the trial that an exception has ended run again."""
        if self.number in _retried(self.study):
            why = f"no heartbeat of this process for {GRACE_SECONDS} s: its trial is run again"
            raise InputError(f"{why}; give the same command again to go on") from error
        for trial in self.study.get_trials(states=(FAIL,)):
            if trial.number == self.number:
                run_again(self.study, trial)

    def _may_begin(self) -> bool:
        trials = standing(self.study)
        waiting = any(trial.state == WAITING for trial in trials)
        return waiting or (self.plan.method != "grid" and len(trials) < self.plan.trials)

    def _wait_for_a_trial(self) -> bool:
        """Wait until there is a trial to run; return False when there will be none."""
        running: list[FrozenTrial] = []
        while not self._may_begin():
            announced, running = bool(running), self.study.get_trials(states=(RUNNING,))
            if not running:
                return False
            if not announced:
                self.say(f"waiting for other processes, which run {len(running)} of the trials")
            time.sleep(WAIT_SECONDS)
            with self.engine.begin() as connection:
                connection.exec_driver_sql(FIRST_HEARTBEATS)
            optuna.storages.fail_stale_trials(self.study)
        return True

    def _result(self, trial: FrozenTrial) -> TrialResult:
        parameters = {name: trial.params[name] for name in self.plan.space}
        outcome = trial.user_attrs["outcome"] if trial.state.is_finished() else {}
        folder = self.plan.output / name_of(parameters)
        return TrialResult(parameters, trial.state.name.lower(), folder, outcome)

    def _write(self) -> list[TrialResult]:
        """Write the leaderboard: of trials with the same parameters, the best one."""
        begun = [it for it in standing(self.study) if it.state != WAITING]
        every = [self._result(it) for it in begun if set(it.params) == set(self.plan.space)]
        every.sort(key=lambda it: (leaderboard.ORDER.index(it.state), -it.outcome.get("mean", 0)))
        results = list({it.folder: it for it in reversed(every)}.values())[::-1]
        leaderboard.write_leaderboard(
            self.plan, results, sum(it.state.is_finished() for it in begun)
        )
        return results


def standing(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that count: not those that are run again, or were not needed."""
    retried, trials = _retried(study), study.get_trials(deepcopy=False)
    rest = [it for it in trials if it.number not in retried]
    return [it for it in rest if it.state != FAIL or it.user_attrs.get("outcome")]


def _retried(study: optuna.Study) -> set[int]:
    trials = study.get_trials(deepcopy=False)
    return {number for it in trials for number in it.system_attrs.get("retry_history", ())}


def _open_study(plan: SearchPlan, configuration: dict[str, str]) -> tuple[optuna.Study, Any]:
    """Open the study, or begin it."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    plan.output.mkdir(parents=True, exist_ok=True)
    name = "search" if plan.storage is None else plan.output.as_posix()
    with FileLock(plan.output / ".lock"):
        try:
            storage = _open_storage(plan)
            study = optuna.create_study(
                study_name=name, storage=storage, direction="maximize", load_if_exists=True
            )
        except (sqlalchemy.exc.SQLAlchemyError, OptunaError, RuntimeError, ImportError) as error:
            file = "--storage" if plan.storage else plan.output / "study.db"
            why = str(error).splitlines()[0]
            raise InputError(f"{file}: cannot be used as a study ({why})") from error
        seed = _prepare(study, plan, configuration)
    samplers, pruners = optuna.samplers, optuna.pruners
    tpe = samplers.TPESampler(seed=seed, constant_liar=True)
    study.sampler = tpe if plan.method == "guided" else samplers.RandomSampler(seed)
    median = pruners.MedianPruner(PRUNE_AFTER_TRIALS, (plan.prune or 0) + 1)
    study.pruner = pruners.NopPruner() if plan.prune is None else median
    return study, storage.engine


def _prepare(study: optuna.Study, plan: SearchPlan, configuration: dict[str, str]) -> int:
    """Compare the study with the plan, add the points of a grid, return this process's seed."""
    old = study.user_attrs.get("configuration", configuration)
    for key in {**configuration, **old}:
        was, now = old.get(key, "nothing"), configuration.get(key, "nothing")
        if was != now:
            why = f"{key} was {was}, now it is {now}; give another --output, or delete that one"
            raise InputError(f"{plan.output} holds a search of something else: {why}")
    study.set_user_attr("configuration", configuration)
    seed = study.user_attrs.get("next_seed", plan.seed)  # each process draws other points
    study.set_user_attr("next_seed", seed + 1)
    known = [trial.params for trial in standing(study)]
    for point in grid_points(plan.space) if plan.method == "grid" else ():
        if point not in known:
            study.add_trial(create_trial(state=WAITING, params=point, distributions=plan.space))
    return seed


def _open_storage(plan: SearchPlan) -> RDBStorage:
    path = (plan.output / "study.db").absolute()
    url = plan.storage or sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string()
    sqlite = {"timeout": 60, "isolation_level": None} if url.startswith("sqlite") else {}
    storage = RDBStorage(
        url.replace("{", "{{").replace("}", "}}"),
        {"connect_args": sqlite},
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_period=GRACE_SECONDS,
        heartbeat_stale_trial_callback=run_again,
    )
    if sqlite:  # it cannot lock a row until the end of a transaction, as Optuna expects
        begin = "BEGIN IMMEDIATE"
        sqlalchemy.event.listen(storage.engine, "begin", lambda it: it.exec_driver_sql(begin))
    return storage
