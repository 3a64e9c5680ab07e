"""Pictures of a run's results: confusion matrix, training curves, metrics of each class."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from aed_plugins.core import atomic_write

MOST_CLASSES = 30
PER_CLASS_METRICS = {"AP": "AP", "f1": "F1"}


def draw_confusion_matrix(
    matrix: npt.ArrayLike, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw how many clips of each class were predicted as which.

    Parameters
    ----------
    matrix : array_like
        `(class, class)`, clips by ground truth (rows) and predicted label (columns).
    labels : sequence of str
        Names of the classes.
    title : str
        The title.
    path : Path
        The PNG file.
    """
    counts = np.asarray(matrix)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.5 + 0.55 * len(labels)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(labels))
    axes.set_xticks(ticks, labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, labels)
    axes.set(xlabel="predicted", ylabel="ground truth", title=title)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = "white" if fractions[row, column] > 0.6 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color)
    figure.colorbar(image, ax=axes, label="fraction of the true label's clips", shrink=0.8)
    save_picture(figure, path)


def draw_training_curves(
    histories: Mapping[str, Sequence[Mapping[str, Any]]], metric: str, title: str, path: Path
) -> None:
    """Draw the loss and a validation metric over the epochs, a line per run.

    Parameters
    ----------
    histories : mapping of str to sequence of mapping
        The rows of `History` of each run, by the run's name.
    metric : str
        Name of the validation metric in the rows, without `valid_`.
    title : str
        The title.
    path : Path
        The PNG file.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    for number, (name, rows) in enumerate(histories.items()):
        color = f"C{number % 10}"
        epochs = [row["epoch"] for row in rows]
        losses.plot(epochs, [row["train_loss"] for row in rows], ".-", color=color, label=name)
        if rows and "valid_loss" in rows[0]:
            losses.plot(epochs, [row["valid_loss"] for row in rows], ".--", color=color)
            percents = [100 * row[f"valid_{metric}"] for row in rows]
            scores.plot(epochs, percents, ".--", color=color, label=name, clip_on=False)
    for axes in (losses, scores):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(left=0)
    losses.set(xlabel="epoch", ylabel="loss", ylim=(0, 1.05 * losses.get_ylim()[1]))
    losses.set_title("training (line) and validation (dashed)", fontsize="medium")
    losses.legend(fontsize="small")
    scores.set(xlabel="epoch", ylabel=f"validation {metric} in %", ylim=(0, 100))
    if not scores.lines:
        scores.text(
            0.5,
            0.5,
            "trained without validation clips",
            ha="center",
            va="center",
            transform=scores.transAxes,
        )
    figure.suptitle(title)
    save_picture(figure, path)


def draw_per_class(per_class: Sequence[Mapping[str, Any]], title: str, path: Path) -> None:
    """Draw average precision and F1 of each class as bars, the best AP on top.

    Parameters
    ----------
    per_class : sequence of mapping
        Rows `per_class` of `compute_metrics`, at least one. Of more than 30, those with most
        support are drawn, and the picture says so.
    title : str
        The title.
    path : Path
        The PNG file.
    """
    rows = sorted(per_class, key=lambda row: -row["support"])[:MOST_CLASSES]
    rows.sort(key=lambda row: -1 if row["AP"] is None else row["AP"])
    figure = Figure(figsize=(8, 1.5 + 0.36 * len(rows)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(rows))
    for number, (name, shown) in enumerate(PER_CLASS_METRICS.items()):
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
    figure.legend(loc="outside lower center", ncols=len(PER_CLASS_METRICS), fontsize="small")
    save_picture(figure, path)


def save_picture(figure: Figure, path: Path) -> None:
    """Write a picture; dollar signs in a name are not taken for a formula.

    Parameters
    ----------
    figure : Figure
        What is drawn.
    path : Path
        The PNG file.

    Examples
    --------
    >>> import tempfile
    >>> figure = Figure()
    >>> title = figure.suptitle("$5 { or $10")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_picture(figure, Path(folder, "prices.png"))
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=120)
