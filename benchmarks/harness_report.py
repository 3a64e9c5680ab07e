"""Statistics of samples, whether bounds are met, and the tables."""

import datetime
import importlib.metadata
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aed_plugins
from aed_plugins.core import markdown_table

DISTRIBUTIONS = ("torch", "torchaudio", "speechbrain", "numpy", "librosa", "onnxruntime")
KINDS = {"wall": "s", "cpu": "s", "peak": "MB"}
# Relative measures: of what kind of sample, and whether they are ratios or differences.
RELATIVE = {"wall ratio": "wall", "cpu ratio": "cpu", "peak difference": "peak"}
HEADER = ("contestant", "wall", "ratio", "CPU", "CPU ratio", "peak, MB", "difference, MB")


@dataclass(frozen=True)
class Bound:
    """The most that the median of a contestant may be.

    Parameters
    ----------
    contestant : str
        Its name.
    measure : str
        `wall` or `cpu` (seconds per unit of work), `peak` (MB); relative to a reference
        `wall ratio`, `cpu ratio` or `peak difference` (MB).
    at_most : float
        The limit.
    reference : str, optional
        Another contestant; by default the comparison's reference.
    """

    contestant: str
    measure: str
    at_most: float
    reference: str | None = None

    def __post_init__(self) -> None:
        if self.measure not in {*KINDS, *RELATIVE}:
            raise ValueError(f"expected one of {[*KINDS, *RELATIVE]}, got {self.measure!r}")


Samples = dict[str, list[dict[str, float | None]]]


def values_of(samples: Samples, name: str, measure: str, reference: str) -> list[float]:
    """Return a measure of a contestant in every round, relative ones to that round's reference."""
    kind = RELATIVE.get(measure, measure)
    own, other = ([sample[kind] for sample in samples[each]] for each in (name, reference))
    if measure not in RELATIVE:
        return [value for value in own if value is not None]
    pairs = [(a, b) for a, b in zip(own, other, strict=False) if a is not None and b is not None]
    if measure == "peak difference":
        return [a - b for a, b in pairs]
    return [a / b for a, b in pairs if b > 0]


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """Return median, range and quartiles, or None where nothing was measured."""
    if not values:
        return None
    lower, median, upper = (
        statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    )
    quartiles = {"lower_quartile": lower, "upper_quartile": upper}
    return {"median": median, "min": min(values), "max": max(values), **quartiles}


def summarize(samples: Samples, reference: str, bounds: Sequence[Bound]) -> dict[str, Any]:
    """Return samples, statistics and bounds, as the JSON file has them."""
    contestants = {
        name: {
            "samples": own,
            **{
                measure: spread(values_of(samples, name, measure, reference))
                for measure in (*KINDS, *RELATIVE)
            },
        }
        for name, own in samples.items()
    }
    checked = []
    for bound in bounds:
        to = bound.reference or reference
        value = spread(values_of(samples, bound.contestant, bound.measure, to))
        met = None if value is None else value["median"] <= bound.at_most
        checked.append(asdict(bound) | {"reference": to, "value": value, "met": met})
    return {"reference": reference, "contestants": contestants, "bounds": checked}


def machine_facts(threads: int) -> dict[str, Any]:
    """Return what the times depend on besides the code."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text("utf-8").splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = {"python": platform.python_version(), "aed_plugins": aed_plugins.__version__}
    installed = {each.name: each.version for each in importlib.metadata.distributions()}
    versions |= {name: installed[name] for name in DISTRIBUTIONS if name in installed}
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "cpu": models[0] if models else platform.processor(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 2),  # before the first turn
        "versions": versions,
    }


def markdown(results: dict[str, Any]) -> list[str]:
    """Lay the results of a benchmark out in Markdown."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    where = f"{machine['cpu']}, CPUs: {machine['cpus']}, load {machine['load']}"
    lines = [
        f"# {results['benchmark']}: {results['question']}",
        "",
        f"{results['mode']} mode, rounds that count: {results['rounds']}; median (range).",
        f"{machine['date']}, {where}, threads: {machine['threads']}; {versions}.",
    ]
    for comparison in results["comparisons"]:
        lines += ["", *comparison_lines(comparison, results["mode"])]
    if results["error"]:
        lines += ["", f"FAILED: {results['error']}"]
    return lines


def comparison_lines(comparison: dict[str, Any], mode: str) -> list[str]:
    """Lay out the table of a comparison, its bounds and notes."""
    contestants = comparison["contestants"]
    walls = [each["wall"]["median"] for each in contestants.values() if each["wall"]]
    scale, unit = (1000, "ms") if min(walls, default=0) < 1 else (1, "s")
    rows = [list(HEADER)]
    for name, each in contestants.items():
        cells = [
            _cell(each[measure], scale if measure in {"wall", "cpu"} else 1)
            for measure in ("wall", "wall ratio", "cpu", "cpu ratio", "peak", "peak difference")
        ]
        if name == comparison["reference"]:
            cells[1] = cells[3] = cells[5] = "reference"
        rows.append([name, *cells])
    if not any(each["peak"] for each in contestants.values()):
        rows = [row[:5] for row in rows]
    return [
        f"## {comparison['title']}, {mode}: {unit} per {comparison['unit']}",
        "",
        *markdown_table(rows, text_columns=1),
        *(f"\n{note}" for note in comparison["notes"]),
        *(f"\n{_bound_line(bound, mode)}" for bound in comparison["bounds"]),
    ]


def _bound_line(bound: dict[str, Any], mode: str) -> str:
    relative = bound["measure"] in RELATIVE
    to = f" to {bound['reference']}" if relative else ""
    unit = " MB" if "peak" in bound["measure"] else "" if relative else " s"
    verdict = {True: "met", False: "NOT MET", None: "not measured"}[bound["met"]]
    if mode == "QUICK":
        verdict = "not evaluated in QUICK mode"
    return (
        f"Bound: {bound['contestant']}, {bound['measure']}{to}, at most {bound['at_most']:g}{unit}:"
        f" {_cell(bound['value'], 1)}: {verdict}"
    )


def _cell(value: dict[str, float] | None, scale: float) -> str:
    if value is None:
        return "-"
    median, low, high = (_digits(scale * value[key]) for key in ("median", "min", "max"))
    return median if low == high else f"{median} ({low} to {high})"


def _digits(value: float) -> str:
    """Show three digits, and those before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"
