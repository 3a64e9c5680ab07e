"""The scores of a recipe's runs: of the epochs so far, and in the end."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aed_plugins.core import InputError, first_few
from aed_plugins.experiments.recipe_runs import RunFailed

VALID = "valid_"  # begins the name of a metric of validation clips in results.json
# The first that a recipe's results have: test clips choose only where there is no validation.
DEFAULT_METRICS = ("valid_accuracy", "valid_mAP", "accuracy", "mAP")


class Progress:
    """Reads the validation scores of the epochs that have ended since the last look.

    It reads what SpeechBrain's `FileTrainLogger` writes, in any folder below that of the run.

    Parameters
    ----------
    folder : Path
        The run's.
    metrics : sequence of str
        Names in `results.json`, of validation clips (`valid_accuracy`) or of test clips
        (`accuracy`, which follows that of the validation clips too); the first that a line has
        counts.
    """

    def __init__(self, folder: Path, metrics: Sequence[str]) -> None:
        self.folder = folder
        names = dict.fromkeys(metric.removeprefix(VALID) for metric in metrics)
        self._patterns = [re.compile(rf"valid {re.escape(name)}: ([^\s,]+)") for name in names]
        self._read: dict[Path, int] = {}

    def new(self) -> list[float]:
        """Return the new scores, oldest first."""
        scores = []
        for path in sorted(
            self.folder.rglob("train_log.txt"), key=lambda path: path.stat().st_mtime
        ):
            whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
            lines = whole.splitlines()
            scores += [self._score(line) for line in lines[self._read.get(path, 0) :]]
            self._read[path] = len(lines)
        return [score for score in scores if score is not None]

    def _score(self, line: str) -> float | None:
        for pattern in self._patterns:
            if found := pattern.search(line):
                return float(found[1])
        return None


def read_score(folders: Sequence[Path], metrics: Sequence[str]) -> dict[str, Any]:
    """Read what one or several runs with the same parameters reached.

    Parameters
    ----------
    folders : sequence of Path
        Those of the runs. Of one, mean and deviation are those of its folds; of several, those of
        their means.
    metrics : sequence of str
        Names of metrics; the first that every run's `results.json` has counts.

    Returns
    -------
    dict
        `metric`, its `mean` and sample `deviation` (None for one value) over `n` folds or runs, and
        `test`, the mean of the same metric of the test clips, where `metric` is of the validation
        clips.

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
    mean, deviation, n = means[0], contents[folders[0]][metric].get("deviation"), 1
    if len(means) > 1:
        mean, deviation, n = float(np.mean(means)), float(np.std(means, ddof=1)), len(means)
    elif deviation is not None:
        n = len(contents[folders[0]].get("folds", ()))
    test = _test_mean(list(contents.values()), metric)
    return {"metric": metric, "mean": mean, "deviation": deviation, "n": n, "test": test}


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
    scores = {key: value for key, value in content.items() if isinstance(value, dict)}
    return {key: value["mean"] for key, value in scores.items() if "mean" in value}


def _test_mean(contents: Sequence[Mapping[str, Any]], metric: str) -> float | None:
    """Return the test score that belongs to one of validation, if all results have it."""
    means = [_means(content).get(metric.removeprefix(VALID)) for content in contents]
    known = [mean for mean in means if mean is not None]
    whole = metric.startswith(VALID) and len(known) == len(means)
    return float(np.mean(known)) if whole else None
