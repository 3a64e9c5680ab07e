"""The objective of a hyperparameter search: a trial runs the recipe and has its score."""

from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution

from aed_plugins.experiments.hyperparameter_search.plan import SearchPlan
from aed_plugins.experiments.hyperparameter_search.space import Space
from aed_plugins.experiments.recipe_runs import run
from aed_plugins.experiments.recipe_scores import DEFAULT_METRICS, Progress, read_score


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Have Optuna choose a trial's parameters: values by key."""
    for name, it in space.items():
        if isinstance(it, CategoricalDistribution):
            trial.suggest_categorical(name, it.choices)
        else:
            whole = isinstance(it, IntDistribution)
            choose: Any = trial.suggest_int if whole else trial.suggest_float
            choose(name, it.low, it.high, step=it.step, log=it.log)  # type: ignore[attr-defined]
    return {name: trial.params[name] for name in space}


def run_trial(plan: SearchPlan, trial: optuna.Trial, folder: Path) -> dict[str, Any]:
    """Run a trial to its end and return what it reached: see `recipe_scores.read_score`.

    Raises
    ------
    RunFailed, optuna.TrialPruned
        If a run ended without results, or was stopped; the message is one line.
    InputError
        If the results lack the metric.
    """
    complete = trial.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    metrics = [it.user_attrs["outcome"]["metric"] for it in complete[:1]]  # one ranks all trials
    metrics = metrics or list(DEFAULT_METRICS if plan.metric is None else (plan.metric,))
    commands = plan.commands.of(trial.params, folder)
    progress, epochs = Progress(folder, metrics), 0

    def follow(may_stop: bool = True) -> None:
        nonlocal epochs
        before = epochs
        for epochs, score in enumerate(progress.new(), start=before + 1):
            trial.report(score, epochs)
        if may_stop and epochs > before and trial.should_prune():
            raise optuna.TrialPruned(f"after {epochs} epochs")

    for path, command in commands.items():
        run(command, path, follow)
        follow(may_stop=False)  # the epochs since the last look
    return read_score(list(commands), metrics)
