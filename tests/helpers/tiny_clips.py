"""A few tones as clips of a user's own."""

import csv

import numpy as np
import soundfile

RATE = 8000


def write_tone(path, hertz, seconds=0.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * time), RATE)


def write_csv(path, *rows, encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows(rows)
    return path


def write_sounds(folder):
    """Write four clips a class, of different lengths."""
    for hertz, label in ((300, "low"), (1000, "middle"), (3000, "high")):
        for number in range(4):
            write_tone(folder / f"{label}/{number}.wav", hertz + number, 0.3 + 0.1 * number)
    return folder


def table(column=None, value=None):
    """The rows of a CSV beside `sounds`, with one more column if it is named."""
    rows = [["file", "label", *([column] if column else [])]]
    for label in ("low", "middle", "high"):
        for number in range(4):
            more = [value(label, number)] if column else []
            rows.append([f"sounds/{label}/{number}.wav", label, *more])
    return rows
