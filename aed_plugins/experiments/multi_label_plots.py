"""Pictures of the figures of clips that have several labels each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aed_plugins.experiments.plots import save_picture

MOST_CLASSES = 30
FIGURES = {"AP": "AP", "f1": "F1"}


def draw_per_class(per_class: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """Draw average precision and F1 of each class as bars, the best AP on top.

    Parameters
    ----------
    per_class : sequence of mapping
        Rows of `multi_label_metrics.class_table`, at least one. Of more than 30, those with most
        support are drawn, and the picture says so.
    title : str
        What stands above.
    path : Path
        The PNG file.
    """
    rows = sorted(per_class, key=lambda row: -row["support"])[:MOST_CLASSES]
    rows.sort(key=lambda row: -1 if row["AP"] is None else row["AP"])
    figure = Figure(figsize=(8, 1.5 + 0.36 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))
    for number, (name, shown) in enumerate(FIGURES.items()):
        values = [row[name] or 0.0 for row in rows]
        axes.barh(places + 0.2 - 0.4 * number, values, 0.36, color=f"C{number}", label=shown)
    for place, row in enumerate(rows):
        value = max(row["AP"] or 0.0, row["f1"] or 0.0)
        text = "not in this set" if row["AP"] is None else f"{row['AP']:.2f}, {row['f1']:.2f}"
        axes.text(value + 0.01, place, text, va="center", fontsize="small")
    axes.set_yticks(places, [f"{row['label']} ({row['support']})" for row in rows])
    axes.set(
        xlim=(0, 1.15),
        ylim=(-0.6, len(rows) - 0.4),
        xlabel="AP, F1 (after a label: clips that have it)",
    )
    axes.set_xticks(np.linspace(0, 1, 6))
    if len(rows) < len(per_class):
        title = f"{title}\nthe {len(rows)} of {len(per_class)} classes with most clips"
    axes.set_title(title)
    figure.legend(loc="outside lower center", ncols=len(FIGURES), fontsize="small")
    save_picture(figure, path)
