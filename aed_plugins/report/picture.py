"""The picture for a paper: spectrogram, lanes and durations of recordings, as a PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aed_plugins.core import InputError, atomic_write
from aed_plugins.metrics import LabelDuration
from aed_plugins.report.recording import (
    LIGHT_COLORS,
    RecordingReport,
    collect_labels,
    format_duration,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches: the width of two columns of a journal, and the heights of the parts.
WIDTH = 7.2
SPECTROGRAM, LANE, SPACE = 1.0, 0.32, 0.75
LABELS, NUMBERS = 1.35, 0.98  # what is kept free on the left and on the right
DOTS_PER_INCH = 200
MOST_INCHES = 300.0  # matplotlib draws at most 65,536 dots
SMALL, USUAL = 7, 8  # points


def write_picture(path: str | Path, recordings: Sequence[RecordingReport]) -> None:
    """Draw recordings one below the other: spectrogram, lanes with curves and events, durations.

    Parameters
    ----------
    path : str or Path
        The PNG; it appears whole or not at all. It is 7.2 inches wide, at 200 dots per inch.
    recordings : sequence of RecordingReport
        What it shows, at least one.

    Raises
    ------
    InputError
        If there is no recording, or there are too many for one picture.

    Examples
    --------
    >>> import tempfile
    >>> from aed_plugins.report import RecordingReport
    >>> from aed_plugins.metrics import LabelDuration
    >>> from aed_plugins.core import Event
    >>> garden = RecordingReport(
    ...     "garden", Path("garden.wav"), 2.0, ["dog"], np.array([[9, 250]], np.uint8), 1.0,
    ...     [Event("dog", 1.0, 2.0, 0.98)], np.zeros((64, 200), np.uint8), 0.01, [(63, 7800.0)],
    ...     [LabelDuration("dog", 1.0, 0.5, 1, None, None, None)], {"dog": 0.5},
    ... )
    >>> picture = Path(tempfile.mkdtemp()) / "garden.png"
    >>> write_picture(picture, [garden])
    >>> picture.read_bytes()[1:4]
    b'PNG'
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  slow to load
    from matplotlib.figure import Figure  # noqa: PLC0415

    if not recordings:
        raise InputError(f"{path}: expected at least one recording to draw, got none; name one")
    heights = [SPECTROGRAM + LANE * len(recording.labels) for recording in recordings]
    height = sum(heights) + SPACE * len(recordings) + 0.1
    if height > MOST_INCHES:
        raise InputError(
            f"{path}: expected recordings that fit into {MOST_INCHES:.0f} inches, got"
            f" {len(recordings)} that take {height:.0f}; draw fewer recordings or classes"
        )
    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    colors = {
        label: LIGHT_COLORS[number % len(LIGHT_COLORS)]
        for number, label in enumerate(collect_labels(recordings))
    }
    top = height - 0.1
    for recording, own in zip(recordings, heights, strict=True):
        grid = figure.add_gridspec(
            1 + len(recording.labels),
            2,
            width_ratios=[4.2, 1],
            height_ratios=[SPECTROGRAM] + [LANE] * len(recording.labels),
            left=LABELS / WIDTH,
            right=1 - NUMBERS / WIDTH,
            top=(top - 0.3) / height,
            bottom=(top - 0.3 - own) / height,
            hspace=0,
            wspace=0.04,
        )
        _draw_recording(figure, grid, recording, colors)
        top -= own + SPACE
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH, format="png")


def _draw_recording(
    figure: Any, grid: Any, recording: RecordingReport, colors: dict[str, str]
) -> None:
    wave = figure.add_subplot(grid[0, 0])
    _draw_spectrogram(wave, recording)
    entries = {entry.label: entry for entry in recording.durations}
    longest = max(
        [entry.seconds for entry in recording.durations]
        + [entry.seconds_interval[1] for entry in recording.durations if entry.seconds_interval],
        default=0.0,
    )
    lowest = wave
    for row, label in enumerate(recording.labels):
        lowest = figure.add_subplot(grid[row + 1, 0], sharex=wave)
        _draw_lane(lowest, recording, row, colors[label])
        bars = figure.add_subplot(grid[row + 1, 1])
        bars.set(xlim=(0, max(longest, 1e-9) * 1.02), ylim=(-1, 1), xticks=[], yticks=[])
        bars.spines[["top", "right", "bottom"]].set_visible(False)
        bars.spines["left"].set(color="0.5", linewidth=0.6)
        if label in entries:
            _draw_duration(bars, entries[label], colors[label])
    lowest.tick_params(axis="x", bottom=True, labelbottom=True, labelsize=SMALL)
    lowest.set_xlabel("time in " + _set_time_axis(lowest, recording.duration), fontsize=USUAL)


def _draw_spectrogram(axes: "Axes", recording: RecordingReport) -> None:
    values = recording.spectrogram
    end = values.shape[1] * recording.spectrogram_column_length
    if values.size:
        axes.imshow(
            values,
            cmap="magma",
            vmin=0,
            vmax=255,
            origin="lower",
            aspect="auto",
            extent=(0, end, -0.5, len(values) - 0.5),
            interpolation="antialiased",
        )
    axes.set(xlim=(0, recording.duration), ylim=(-0.5, len(values) - 0.5))
    rows, hertz = zip(*recording.mel_frequencies, strict=True) if values.size else ((), ())
    axes.set_yticks(rows, [f"{value / 1000:.3g}" for value in hertz])
    axes.tick_params(labelsize=SMALL, length=2, bottom=False, labelbottom=False)
    axes.set_ylabel("kHz", fontsize=SMALL)
    title = f"{recording.name} ({format_duration(recording.duration)})"
    axes.set_title(title, fontsize=USUAL + 1, loc="left", parse_math=False)


def _draw_lane(axes: "Axes", recording: RecordingReport, row: int, color: str) -> None:
    label = recording.labels[row]
    curve = recording.curves[row] / 255
    if len(curve):
        middles = (np.arange(len(curve)) + 0.5) * recording.column_length
        times = np.concatenate([[0], middles, [len(curve) * recording.column_length]])
        levels = np.concatenate([curve[:1], curve, curve[-1:]])
        axes.fill_between(times, levels, color=color, alpha=0.2, linewidth=0)
        axes.plot(times, levels, color=color, linewidth=0.7)
    if label in recording.thresholds:
        level = recording.thresholds[label]
        axes.axhline(level, color="0.45", linewidth=0.5, dashes=(4, 3))
    own = [event for event in recording.events if event.label == label]
    least = recording.duration / 1500  # a dot of the picture, so that no event vanishes
    spans = [(event.onset, max(event.duration, least)) for event in own]
    axes.broken_barh(spans, (-0.24, 0.16), facecolors=color, linewidth=0)
    axes.set(ylim=(-0.3, 1.1), yticks=[])
    axes.tick_params(bottom=False, labelbottom=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color="0.7", linewidth=0.6)
    name = _short(label)
    axes.set_ylabel(
        name,
        rotation=0,
        ha="right",
        va="center",
        fontsize=6.5 if "\n" in name else USUAL,
        linespacing=1.0,
        parse_math=False,
    )
    _fit_label(axes, LABELS - 0.12)


def _draw_duration(axes: "Axes", entry: LabelDuration, color: str) -> None:
    axes.barh(0, entry.seconds, height=0.9, color=color)
    if entry.seconds_interval is not None:
        low, high = entry.seconds_interval
        error = [[max(entry.seconds - low, 0)], [max(high - entry.seconds, 0)]]
        axes.errorbar(
            entry.seconds,
            0,
            xerr=error,
            fmt="none",
            ecolor="black",
            elinewidth=0.8,
            capsize=2,
            capthick=0.8,
        )
    counted = f"{entry.events} event" + ("" if entry.events == 1 else "s")
    fraction = f"{100 * entry.fraction:.1f} %, {counted}"
    axes.text(
        1.05,
        0.5,
        f"{format_duration(entry.seconds)}\n{fraction}",
        transform=axes.transAxes,
        va="center",
        fontsize=6,
        linespacing=1.1,
    )


def _set_time_axis(axes: "Axes", duration: float) -> str:
    """Put marks at round times; give their unit."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator  # noqa: PLC0415

    unit, scale = ("seconds", 1) if duration < 120 else ("minutes", 60)
    if duration >= 7200:
        unit, scale = "hours", 3600
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / scale:g}"))
    steps = [scale * step for step in (0.25, 0.5, 1, 2, 5, 10, 20)]
    fitting = [step for step in steps if 4 <= duration / step <= 10]
    axes.xaxis.set_major_locator(MultipleLocator(fitting[0]) if fitting else MaxNLocator(8))
    return unit


def _short(label: str, most: int = 22) -> str:
    """Break a long label into two lines, and cut what does not fit."""
    if len(label) <= most:
        return label
    head = label[:most].rpartition(" ")[0] or label[:most]
    rest = label[len(head) :].strip()
    return head + "\n" + (rest if len(rest) <= most else rest[: most - 1] + "…")


def _fit_label(axes: "Axes", inches: float) -> None:
    """Make a lane's label smaller when its letters are wider than usual."""
    label = axes.yaxis.label
    wide = label.get_window_extent().width / axes.figure.dpi
    if wide > inches:
        label.set_fontsize(float(label.get_fontsize()) * inches / wide)
