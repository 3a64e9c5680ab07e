"""Pictures of a run's results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from aed_plugins.core import atomic_write


def draw_confusion_matrix(
    matrix: npt.ArrayLike, labels: Sequence[str], title: str, path: Path
) -> None:
    """Draw how many clips of each class were taken for which.

    Parameters
    ----------
    matrix : array_like
        `(class, class)`, clips by right label (rows) and predicted label (columns).
    labels : sequence of str
        Names of the classes.
    title : str
        What stands above.
    path : Path
        The PNG file.
    """
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 2.5 + 0.55 * len(labels)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(labels))
    axes.set_xticks(ticks, labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, labels)
    axes.set(xlabel="predicted", ylabel="right label", title=title)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour)
    figure.colorbar(image, ax=axes, label="share of the right label's clips", shrink=0.8)
    save_picture(figure, path)


def draw_training_curves(
    histories: Mapping[str, Sequence[Mapping[str, Any]]], figure: str, title: str, path: Path
) -> None:
    """Draw the loss and a validation figure over the epochs, a line per run.

    Parameters
    ----------
    histories : mapping of str to sequence of mapping
        The rows of `History` of each run, by the run's name.
    figure : str
        Name of the validation figure in the rows, without `valid_`.
    title : str
        What stands above.
    path : Path
        The PNG file.
    """
    picture = Figure(figsize=(10, 4), layout="constrained")
    losses, shares = picture.subplots(1, 2)
    for number, (name, rows) in enumerate(histories.items()):
        colour = f"C{number % 10}"
        epochs = [row["epoch"] for row in rows]
        losses.plot(epochs, [row["train_loss"] for row in rows], ".-", color=colour, label=name)
        if rows and "valid_loss" in rows[0]:
            losses.plot(epochs, [row["valid_loss"] for row in rows], ".--", color=colour)
            percents = [100 * row[f"valid_{figure}"] for row in rows]
            shares.plot(epochs, percents, ".--", color=colour, label=name, clip_on=False)
    for axes in (losses, shares):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(left=0)
    losses.set(xlabel="epoch", ylabel="loss", ylim=(0, 1.05 * losses.get_ylim()[1]))
    losses.set_title("training (line) and validation (dashed)", fontsize="medium")
    losses.legend(fontsize="small")
    shares.set(xlabel="epoch", ylabel=f"validation {figure} in %", ylim=(0, 100))
    if not shares.lines:
        shares.text(
            0.5,
            0.5,
            "trained without validation clips",
            ha="center",
            va="center",
            transform=shares.transAxes,
        )
    picture.suptitle(title)
    save_picture(picture, path)


def save_picture(figure: Figure, path: Path) -> None:
    """Write a picture; a name with dollar signs in it is no formula.

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
