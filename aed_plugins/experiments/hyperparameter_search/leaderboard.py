"""The result of a hyperparameter search: its trials from best to worst."""

import csv
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aed_plugins.core import atomic_write, markdown_table
from aed_plugins.experiments.hyperparameter_search.plan import SearchPlan
from aed_plugins.experiments.recipe_options import shown
from aed_plugins.experiments.recipe_scores import VALID

ORDER = ("complete", "pruned", "running", "fail")
OUTCOME = ("metric", "mean", "deviation", "test", "n", "seconds", "note")


@dataclass(frozen=True)
class TrialResult:
    """A trial.

    Attributes
    ----------
    parameters : mapping
        Its values by key.
    state : str
        Optuna's: `complete`, `pruned`, `running` or `fail`.
    folder : Path
        Where its runs are.
    outcome : mapping
        What `recipe_scores.read_score` gave, or a `note` why it ended, and the `seconds` that it
        took; empty while it runs.
    """

    parameters: Mapping[str, Any]
    state: str
    folder: Path
    outcome: Mapping[str, Any]

    def __str__(self) -> str:
        """Summarize it in a line."""
        known = {key: value for key, value in self.outcome.items() if value is not None}
        return f"{self.state}: {', '.join(f'{key} {_text(it)}' for key, it in known.items())}"


def write_leaderboard(plan: SearchPlan, results: Sequence[TrialResult], done: int) -> None:
    """Write `leaderboard.csv` and, for reading, `leaderboard.md`.

    Parameters
    ----------
    plan : SearchPlan
        What is searched.
    results : sequence of TrialResult
        The trials from best to worst.
    done : int
        How many of the trials have ended.
    """
    rows: list[list[Any]] = [["rank", *plan.space, "state", *OUTCOME, "folder"]]
    for rank, it in enumerate(results, start=1):
        values = [shown(v) if isinstance(v, str) else v for v in it.parameters.values()]
        outcome = [it.outcome.get(key) for key in OUTCOME]
        rows.append([rank if it.state == ORDER[0] else "", *values, it.state, *outcome, it.folder])
    file = plan.output / "leaderboard.csv"
    with atomic_write(file) as path, path.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows(rows)
    texts = [[_text(value) for value in row] for row in rows]
    name = f"{plan.commands.hparams.stem} under {plan.commands.name}"
    lines = [f"# {name}: {done} of {plan.trials} trials", "", *_about(results)]
    lines += markdown_table(texts, text_columns=len(plan.space) + 3)
    if results and results[0].state == ORDER[0]:
        commands = plan.commands.of(results[0].parameters, plan.output / "best").values()
        again = [f"    {shlex.join(['python', *command])}" for command in commands]
        lines += ["", "The best again:", "", *again]
    with atomic_write(plan.output / "leaderboard.md") as path:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _about(results: Sequence[TrialResult]) -> list[str]:
    """Write which metric ranks the trials, and what it is worth."""
    metric = results[0].outcome.get("metric", "") if results else ""
    clips = "of the test clips: the best of many is optimistically biased"
    if metric.startswith(VALID):
        clips = "of the validation clips; the test score chose nothing"
    return [f"Ranked by {metric}, {clips}.", ""] if metric else []
