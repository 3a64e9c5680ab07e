"""One HTML file that shows recordings and the events detected in them, and needs nothing else."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aed_plugins.core import InputError, atomic_write
from aed_plugins.metrics import CONFIDENCE_LEVEL
from aed_plugins.report.frame import (
    data_element,
    escape_html,
    fill_template,
    join_scripts,
    read_asset,
    sound_element,
)
from aed_plugins.report.recording import (
    DARK_COLORS,
    LIGHT_COLORS,
    RecordingReport,
    collect_labels,
)
from aed_plugins.report.sound import DELAY, choose_playback, relative_link

# In this order they make one script.
SCRIPTS = ("elements.js", "player.js", "timeline.js", "tables.js", "page.js")


def write_page(
    path: str | Path,
    recordings: Sequence[RecordingReport],
    *,
    title: str,
    model: str,
    settings: Mapping[str, str],
    audio: str = "embed",
) -> None:
    """Write one HTML file that works offline in any browser.

    Parameters
    ----------
    path : str or Path
        The page; it appears whole or not at all.
    recordings : sequence of RecordingReport
        What it shows, at least one.
    title : str
        What stands at its top.
    model : str
        What detected the events.
    settings : mapping of str to str
        What else a reader should know, such as the hop; shown in its order.
    audio : str
        "embed" puts the sound into the page as MP3, up to an hour in all (see
        `aed_plugins.report.sound`), "link" refers to the files, "none" leaves it out.

    Raises
    ------
    InputError
        If there is no recording, or one whose sound is wanted cannot be read.
    ValueError
        If `audio` is something else.

    Notes
    -----
    Names and labels reach the page as data: its script puts them in as text, and its content
    security policy runs no script but that one and asks nothing of the network.

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
    >>> page = Path(tempfile.mkdtemp()) / "garden.html"
    >>> write_page(page, [garden], title="A garden", model="mn10", settings={}, audio="none")
    >>> page.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    path = Path(path)
    if not recordings:
        raise InputError(f"{path}: expected at least one recording to show, got none; name one")
    ways = choose_playback(recordings, audio)
    labels = collect_labels(recordings)
    about = {
        "model": model,
        "level": CONFIDENCE_LEVEL,
        "settings": list(settings.items()),
        "labels": labels,
        "colors": {"light": LIGHT_COLORS, "dark": DARK_COLORS},
    }
    before, after = _frame(title)
    with atomic_write(path) as temporary, temporary.open("wb") as stream:
        stream.write(before)
        stream.write(data_element("about", about))
        for number, (recording, way) in enumerate(zip(recordings, ways, strict=True)):
            link = relative_link(path, recording.path) if way == "link" else None
            content = _content(recording, labels) | {"audio": way, "link": link}
            content |= {"file": recording.path.name, "delay": DELAY if way == "embed" else 0}
            stream.write(data_element(f"recording-{number}", content))
            if way == "embed":
                stream.writelines(sound_element(number, recording.path))
        stream.write(after)


def _frame(title: str) -> tuple[bytes, bytes]:
    """Give what comes before the recordings' data and after it."""
    script = join_scripts([read_asset(name) for name in SCRIPTS])
    values = {"title": escape_html(title), "data": "\0"}
    page = fill_template(read_asset("page.html"), read_asset("page.css"), script, values)
    before, after = page.split("\0")
    return before.encode(), after.encode()


def _content(recording: RecordingReport, labels: Sequence[str]) -> dict[str, Any]:
    """Give what the script needs of a recording; labels as their places among the page's."""
    place = {label: number for number, label in enumerate(labels)}
    return {
        "name": recording.name,
        "duration": recording.duration,
        "labels": [place[label] for label in recording.labels],
        "curves": base64.b64encode(recording.curves.tobytes()).decode(),
        "columns": recording.curves.shape[1],
        "column_length": recording.column_length,
        "events": [
            [
                place[event.label],
                round(event.onset, 4),
                round(event.offset, 4),
                None if event.score is None else round(float(event.score), 4),
            ]
            for event in sorted(recording.events, key=lambda event: (event.onset, event.offset))
        ],
        "spectrogram": _image(recording.spectrogram),
        "spectrogram_length": recording.spectrogram.shape[1] * recording.spectrogram_column_length,
        "bands": len(recording.spectrogram),
        "frequencies": recording.mel_frequencies,
        "durations": [
            [
                place[entry.label],
                entry.seconds,
                entry.fraction,
                entry.events,
                entry.seconds_interval,
            ]
            for entry in recording.durations
        ],
        "thresholds": [recording.thresholds.get(label) for label in recording.labels],
    }


def _image(spectrogram: np.ndarray) -> str | None:
    """Draw a spectrogram as a PNG with a palette, low frequencies at the bottom."""
    if not spectrogram.size:
        return None
    from matplotlib import colormaps  # noqa: PLC0415  loads only where a page is written
    from PIL import Image  # noqa: PLC0415

    image = Image.fromarray(np.ascontiguousarray(spectrogram[::-1]))
    image.putpalette(colormaps["magma"](range(256), bytes=True)[:, :3].tobytes())
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()
