"""The result of a search: its trials from best to worst, for reading and for programs."""

import csv
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aed_plugins.core import atomic_write
from aed_plugins.experiments.hyperparameter_search.runs import VALID
from aed_plugins.experiments.hyperparameter_search.space import shown

COMPLETE, PRUNED, FAILED, RUNNING = "complete", "pruned", "failed", "running"
ORDER = (COMPLETE, PRUNED, RUNNING, FAILED)
FIGURES = ("metric", "mean", "deviation", "test", "n", "seconds", "state", "note", "folder")


@dataclass(frozen=True)
class Row:
    """A trial.

    Attributes
    ----------
    parameters : mapping
        Its values by key: see `space`.
    state : str
        `complete`, `pruned`, `failed` or `running`.
    folder : Path
        Where its runs are.
    metric : str, optional
        Name of the figure in `results.json` that it is judged by.
    mean, deviation : float, optional
        That figure and the sample deviation over runs or folds, of which there are `n`.
    n : int, optional
        How many figures the mean is of.
    test : float, optional
        Mean of the same figure of the test clips, where `metric` is of the validation clips.
    seconds : float, optional
        How long it took; if it was interrupted, what came after.
    note : str
        Why it failed, or when it was pruned.
    """

    parameters: Mapping[str, Any]
    state: str
    folder: Path
    metric: str | None = None
    mean: float | None = None
    deviation: float | None = None
    n: int | None = None
    test: float | None = None
    seconds: float | None = None
    note: str = ""


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Sort trials: the complete ones by their means, then the pruned, running and failed ones.

    Parameters
    ----------
    rows : iterable of Row
        In any order; equals keep theirs.
    """
    return sorted(rows, key=lambda row: (ORDER.index(row.state), -(row.mean or 0.0)))


def figure_text(row: Row) -> str:
    """Say what a trial reached, in a few words.

    Parameters
    ----------
    row : Row
        A complete trial.

    Examples
    --------
    >>> figure_text(Row({}, COMPLETE, Path(), "accuracy", 0.81234, 0.02, 3, seconds=61.4))
    'accuracy 0.8123 ± 0.0200 (n = 3), 61 s'
    >>> figure_text(Row({}, COMPLETE, Path(), "valid_mAP", 0.5, n=1, test=0.4, seconds=61.4))
    'valid_mAP 0.5000 (n = 1), test mAP 0.4000, 61 s'
    """
    spread = "" if row.deviation is None else f" ± {row.deviation:.4f}"
    test = "" if row.test is None else f", {_test_name(row.metric)} {row.test:.4f}"
    return f"{row.metric} {row.mean:.4f}{spread} (n = {row.n}){test}, {row.seconds:.0f} s"


def write_leaderboard(
    folder: Path,
    rows: Sequence[Row],
    title: str,
    best: Sequence[Sequence[str]] = (),
) -> None:
    """Write `leaderboard.csv` and `leaderboard.md`.

    Parameters
    ----------
    folder : Path
        Where.
    rows : sequence of Row
        The trials, as `ranked` gave them, all judged by the same figure.
    title : str
        What stands above the table.
    best : sequence of sequence of str
        The commands that run the best combination again.
    """
    names = list(rows[0].parameters) if rows else []
    with (
        atomic_write(folder / "leaderboard.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["rank", *names, *FIGURES])
        for rank, row in _with_ranks(rows):
            exact = [_exact(row.parameters[name]) for name in names]
            figures = [getattr(row, figure) for figure in FIGURES]
            writer.writerow([rank, *exact, *figures])
    metric = next((row.metric for row in rows if row.metric is not None), None)
    lines = [f"# {title}", "", *_about(metric), *_table(rows, names, metric)]
    if best:
        again = [shlex.join(["python", *command]) for command in best]
        lines += ["", "The best again:", "", *(f"    {command}" for command in again)]
    with atomic_write(folder / "leaderboard.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _about(metric: str | None) -> list[str]:
    """Say which figure ranks the trials, and what it is worth."""
    if metric is None:
        return []
    if metric.startswith(VALID):
        text = f"of the validation clips; the {_test_name(metric)} beside it chose nothing"
    else:
        text = "of the test clips: the best of many is a flattering figure"
    return [f"Ranked by {metric}, {text}.", ""]


def _test_name(metric: str | None) -> str:
    return f"test {str(metric).removeprefix(VALID)}"


def _table(rows: Sequence[Row], names: Sequence[str], metric: str | None) -> list[str]:
    beside = [_test_name(metric)] if metric is not None and metric.startswith(VALID) else []
    header = ["rank", *names, metric or "figure", "deviation", *beside, "n", "seconds", "state"]
    lines = [header, ["--:", *["---"] * len(names), *["--:"] * (4 + len(beside)), "---"]]
    for rank, row in _with_ranks(rows):
        lines.append(
            [
                str(rank),
                *(shown(row.parameters[name]) for name in names),
                _number(row.mean),
                _number(row.deviation),
                *(_number(row.test) for _ in beside),
                "" if row.n is None else str(row.n),
                _number(row.seconds, 0),
                f"{row.state}: {row.note}" if row.note else row.state,
            ]
        )
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _with_ranks(rows: Sequence[Row]) -> list[tuple[int | str, Row]]:
    """Give the complete trials their rank, and the others none."""
    return [
        (number if row.state == COMPLETE else "", row) for number, row in enumerate(rows, start=1)
    ]


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _exact(value: Any) -> str:
    return shown(value) if isinstance(value, str) else repr(value)
