"""What an ablation found of each variant: its own figures and how it differs from the reference."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from aed_plugins.core import FloatArray
from aed_plugins.experiments.ablation.run import AblationRun
from aed_plugins.experiments.ablation.statistics import (
    PairedDifference,
    corrected_t_test,
    holm,
    mcnemar,
)


class Discordant(NamedTuple):
    """Clips that only one of two models was right in.

    Attributes
    ----------
    here, there : int
        That the variant alone was right in, and the reference alone.
    p_value : float
        See `comparison.mcnemar`.
    """

    here: int
    there: int
    p_value: float


@dataclass(frozen=True)
class Summary:
    """The finished runs of a variant.

    Attributes
    ----------
    name : str
        Of the variant.
    accuracies : ndarray
        `(run,)`, in percent.
    seconds : float, optional
        Mean of a training.
    differences : ndarray
        `(pair,)`, accuracy less that of the reference in points, on the runs that both have.
    relative_seconds : float, optional
        Seconds per second of the reference, on the runs that both have on one kind of device with
        as many threads; None where there is none.
    difference : PairedDifference, optional
        The mean difference in points; None without a pair.
    holm : float, optional
        The difference's p-value corrected for the number of variants.
    discordant : Discordant, optional
        Clip by clip; None without a pair.
    unpaired : int
        Runs that the reference has as well, but over other clips or training folds.
    """

    name: str
    accuracies: FloatArray
    seconds: float | None
    differences: FloatArray
    relative_seconds: float | None = None
    difference: PairedDifference | None = None
    holm: float | None = None
    discordant: Discordant | None = None
    unpaired: int = 0

    @property
    def mean(self) -> float | None:
        """Mean accuracy in percent."""
        return float(self.accuracies.mean()) if len(self.accuracies) else None

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation of the accuracies over the runs, in points."""
        return float(self.accuracies.std(ddof=1)) if len(self.accuracies) > 1 else None


Pair = tuple[AblationRun, AblationRun]


def summaries(rows: Mapping[str, Sequence[AblationRun]]) -> list[Summary]:
    """Sum up the runs of each variant, and compare it with the reference.

    Parameters
    ----------
    rows : mapping of str to sequence of AblationRun
        The finished runs of each variant by its name, the reference first.
    """
    reference, *names = rows
    found = [_compared(name, rows[name], rows[reference]) for name in names]
    corrected = holm([it.difference and it.difference.p_value for it in found])
    found = [replace(it, holm=p) for it, p in zip(found, corrected, strict=True)]
    return [_own(reference, rows[reference]), *found]


def compare_runs(pairs: Sequence[Pair]) -> PairedDifference:
    """Compare a variant with the reference by the corrected resampled t-test.

    Runs of one fold with several seeds have training and test clips in common, so that more seeds
    do not make more of them: with several folds, the mean over the seeds of a fold is one value.
    With one fold, each seed is a value, and what is found is found of that fold. Folds are taken
    for equally large.

    Parameters
    ----------
    pairs : sequence of (AblationRun, AblationRun)
        Runs of the variant and of the reference with one fold and seed.
    """
    folds: dict[int, list[float]] = {}
    for row, other in pairs:
        folds.setdefault(row.fold, []).append(100 * (row.accuracy - other.accuracy))
    values = [float(np.mean(part)) for part in folds.values()]
    if len(folds) == 1:
        (values,) = folds.values()
    return corrected_t_test(values, float(np.mean([1 / len(row.train_folds) for row, _ in pairs])))


def compare_clips(pairs: Sequence[Pair]) -> Discordant:
    """Compare a variant with the reference clip by clip, by McNemar's test over all folds.

    With several seeds, a fold's counts are the means over its seeds; their sums are rounded.

    Parameters
    ----------
    pairs : sequence of (AblationRun, AblationRun)
        Runs of the variant and of the reference over the same clips.
    """
    folds: dict[int, list[tuple[int, int]]] = {}
    for row, other in pairs:
        mine, others = row.right_clips, other.right_clips
        counts = (int((mine & ~others).sum()), int((others & ~mine).sum()))
        folds.setdefault(row.fold, []).append(counts)
    sums = np.sum([np.mean(counts, axis=0) for counts in folds.values()], axis=0)
    here, there = (int(number + 0.5) for number in sums)
    return Discordant(here, there, mcnemar(here, there))


def _own(name: str, rows: Iterable[AblationRun]) -> Summary:
    accuracies = np.array([100 * row.accuracy for row in rows])
    seconds = [row.seconds for row in rows]
    return Summary(name, accuracies, float(np.mean(seconds)) if seconds else None, np.array([]))


def _compared(name: str, rows: Sequence[AblationRun], reference: Sequence[AblationRun]) -> Summary:
    summary = _own(name, rows)
    others = {(row.fold, row.seed): row for row in reference}
    both = [(row, others[row.fold, row.seed]) for row in rows if (row.fold, row.seed) in others]
    pairs = [pair for pair in both if _data(pair[0]) == _data(pair[1])]
    unpaired = len(both) - len(pairs)
    if not pairs:
        return replace(summary, unpaired=unpaired)
    return replace(
        summary,
        differences=np.array([100 * (row.accuracy - other.accuracy) for row, other in pairs]),
        relative_seconds=_relative_seconds(pairs),
        difference=compare_runs(pairs),
        discordant=compare_clips(pairs),
        unpaired=unpaired,
    )


def _data(row: AblationRun) -> tuple[object, ...]:
    return row.clips_digest, row.clips, row.data, sorted(row.train_folds)


def _relative_seconds(pairs: Iterable[Pair]) -> float | None:
    like = [
        (row.seconds, other.seconds)
        for row, other in pairs
        if (row.device, row.threads) == (other.device, other.threads)
    ]
    here, there = (sum(part) for part in zip(*like, strict=True)) if like else (0.0, 0.0)
    return here / there if there else None
