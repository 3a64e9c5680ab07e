"""A few synthesized clips in the layout of ESC-50."""

import csv

import numpy as np
import soundfile

COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
CLASSES = ((0, "dog", True), (2, "pig", False), (11, "sea_waves", True), (49, "hand_saw", False))
RATE = 8000


def build(folder, folds):
    """Two clips of one recording for each class and fold."""
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    rows = []
    for fold in folds:
        for target, label, esc10 in CLASSES:
            for take in "AB":
                recording = 1000 * fold + target
                name = f"{fold}-{recording}-{take}-{target}.wav"
                hertz = 200 + 60 * target + 10 * fold
                wave = np.sin(2 * np.pi * hertz * np.arange(2000) / RATE)
                soundfile.write(folder / "audio" / name, 0.3 * wave, RATE)
                rows.append([name, fold, target, label, esc10, recording, take])
    write(folder, rows)
    return folder


def write(folder, rows):
    with (folder / "meta/esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def edit(folder, change):
    with (folder / "meta/esc50.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with (folder / "meta/esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
