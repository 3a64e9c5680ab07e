"""A picture of how much each variant differs from the reference."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from aed_plugins.experiments.ablation.summary import Summary
from aed_plugins.experiments.plots import save_picture

NAME_WIDTH = 36  # letters in a line


def draw_differences(found: Sequence[Summary], data: str, path: Path) -> None:
    """Draw a forest plot: the difference of each variant, its interval, and the single runs.

    Parameters
    ----------
    found : sequence of Summary
        The reference first.
    data : str
        What the clips are, if there is something to say of them: `partial`, `demonstration`.
    path : Path
        The PNG file.
    """
    reference, *variants = found
    names = [textwrap.fill(variant.name, NAME_WIDTH) for variant in variants]
    lines = sum(1.2 + 0.6 * name.count("\n") for name in names)
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    figure = Figure(figsize=(9, 1.7 + 0.36 * lines), layout=layout)
    axes = figure.subplots()
    axes.axvline(0, color="black", linewidth=0.8)
    places = range(len(variants))
    for place, variant in zip(places, variants, strict=True):
        _draw_variant(axes, place, variant)
    if not any(len(variant.differences) for variant in variants):
        axes.set_xlim(-1, 1)
    axes.set_yticks(places, names)
    axes.set_ylim(len(variants) - 0.4, -0.6)  # the first one above
    axes.set_xlabel("difference in accuracy in points, with 95 % confidence interval")
    axes.grid(axis="x", alpha=0.3)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    title = _title(reference) + (f" ({data} data)" if data else "")
    figure.suptitle(textwrap.fill(title, 90), fontsize="medium")
    save_picture(figure, path)


def _draw_variant(axes: Axes, place: int, variant: Summary) -> None:
    """Draw the mean, its interval and, below, the runs."""
    if variant.difference is None:
        text = "no runs in common"
    else:
        mean, low, high, _ = variant.difference
        text = f"{mean:+.1f}"
        if low is not None and high is not None:
            axes.plot([low, high], [place, place], color="C0", linewidth=1.6)
            text += f" [{low:+.1f}, {high:+.1f}]"
        axes.plot([mean], [place], "s", color="C0", markersize=6)
        below = [place + 0.22] * len(variant.differences)
        axes.plot(variant.differences, below, "o", color="C0", alpha=0.35, markersize=4, mew=0)
    axes.text(1.02, place, text, transform=axes.get_yaxis_transform(), va="center")


def _title(reference: Summary) -> str:
    if reference.mean is None:
        return f"compared with {reference.name}: no runs yet"
    runs = "1 run" if len(reference.accuracies) == 1 else f"{len(reference.accuracies)} runs"
    return f"compared with {reference.name}: accuracy {reference.mean:.1f} % in {runs}"
