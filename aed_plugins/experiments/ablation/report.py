"""The result of an ablation for reading: a table, a picture and how both came about."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from aed_plugins.core import atomic_write, markdown_table
from aed_plugins.experiments.ablation.plot import draw_differences
from aed_plugins.experiments.ablation.run import AblationRun
from aed_plugins.experiments.ablation.summary import Summary, summaries

ABLATION_FILES = ("ablation.md", "ablation.png")
HEADER = (
    "variant",
    "runs",
    "accuracy (%)",
    "deviation",
    "time",
    "difference",
    "95 % interval",
    "p",
    "p (Holm)",
    "right only here",
    "right only in reference",
    "p (McNemar)",
)
STATES = {
    "demonstration": "DEMONSTRATION: synthesized sounds; these scores say nothing about real"
    " sound.",
    "partial": "PARTIAL DATA: clips are lacking; not comparable with published scores.",
}


def write_ablation_report(
    folder: Path, rows: Mapping[str, Sequence[AblationRun]], total: int
) -> str:
    """Write `ablation.md` and `ablation.png`.

    Parameters
    ----------
    folder : Path
        Where; made if missing.
    rows : mapping of str to sequence of AblationRun
        The finished runs of each variant by its name, the reference first.
    total : int
        How many runs there are to be.

    Returns
    -------
    str
        The text of `ablation.md`.
    """
    found = summaries(rows)
    every = [row for part in rows.values() for row in part]
    states = [state for state in STATES if state in {row.data for row in every}]
    text = "\n".join(_lines(found, every, states, total)) + "\n"
    with atomic_write(folder / ABLATION_FILES[0]) as temporary:
        temporary.write_text(text, encoding="utf-8")
    draw_differences(found, " and ".join(states), folder / ABLATION_FILES[1])
    return text


def _lines(
    found: Sequence[Summary], rows: Sequence[AblationRun], states: Sequence[str], total: int
) -> list[str]:
    reference = found[0]
    lines = [f"# Ablation of {reference.name}: {len(rows)} of {total} runs", ""]
    lines += [f"**{STATES[state]}**\n" for state in states]
    cells = [HEADER, _reference(reference), *(_cells(summary) for summary in found[1:])]
    lines += [*markdown_table(cells, text_columns=1), ""]
    return [*lines, *(f"- {note}" for note in _notes(found, rows))]


def _reference(summary: Summary) -> list[str]:
    return [*_own_cells(summary), "1.00", *["-"] * (len(HEADER) - 5)]


def _cells(summary: Summary) -> list[str]:
    cells = [*_own_cells(summary), _number(summary.relative_seconds, 2)]
    if summary.difference is None or summary.discordant is None:
        return [*cells, *["-"] * (len(HEADER) - 5)]
    mean, low, high, p_value = summary.difference
    interval = "-" if low is None or high is None else f"{low:+.1f} to {high:+.1f}"
    here, there, clip_p_value = summary.discordant
    return [
        *cells,
        f"{mean:+.1f}",
        interval,
        _probability(p_value),
        _probability(summary.holm),
        str(here),
        str(there),
        _probability(clip_p_value),
    ]


def _own_cells(summary: Summary) -> list[str]:
    runs = str(len(summary.accuracies))
    if summary.difference is not None and len(summary.differences) < len(summary.accuracies):
        runs += f" ({len(summary.differences)} paired)"
    return [summary.name, runs, _number(summary.mean, 1), _number(summary.deviation, 1)]


def _notes(found: Sequence[Summary], rows: Collection[AblationRun]) -> list[str]:
    """Say how the columns came about."""
    name, seconds = found[0].name, found[0].seconds
    folds, seeds = ({getattr(row, what) for row in rows} for what in ("fold", "seed"))
    on_average = "" if seconds is None else f", which took {seconds:.0f} s on average"
    counts = "; the mean over the seeds, rounded" if len(seeds) > 1 else ""
    notes = []
    notes.append(
        f"Runs: test {_named('fold', folds)}, {_named('seed', seeds)}. Accuracy: mean and sample"
        " standard deviation over the runs."
    )
    notes.append(
        f"Time: seconds of training per second of {name}{on_average}; of runs on the same kind of"
        " device with as many threads."
    )
    notes.append(
        f"Difference: to {name} on the same folds with the same seeds, in points. Interval and p:"
        " corrected resampled t-test (Nadeau and Bengio, 2003), as training clips are shared, over"
        " the folds (taken for equally large), each the mean over its seeds; where there is one,"
        " over its seeds. p (Holm): corrected for the number of variants."
    )
    notes.append(
        "Right only here, right only in reference: clips of all folds that only one of the two was"
        f" right in{counts}. p (McNemar): mid-p test (Fagerland, Lydersen and Laake, 2013). It"
        " takes clips for independent, which those of one recording are not: it is too small there."
        " It says nothing about another training, and is not corrected for the number of variants."
    )
    if len(folds) == 1:
        notes.append("With one test fold, all of this is said of that fold alone.")
    unpaired = sum(summary.unpaired for summary in found)
    if unpaired:
        notes.append(
            f"Not compared: {unpaired} runs that tested other clips, or trained on other folds,"
            f" than {name} with the same fold and seed."
        )
    return notes


def _named(what: str, numbers: Collection[int]) -> str:
    return f"{what if len(numbers) == 1 else f'{what}s'} {', '.join(map(str, sorted(numbers)))}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _probability(value: float | None) -> str:
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
