"""A tiny AudioSet: lists, ontology and clips in its layout, and what a preparation made of them."""

import json
from pathlib import Path

import numpy as np
import soundfile

from aed_plugins.data import read_manifest

RATE = 1000
SPEECH, SHOUT, CRYING, BABY = "/m/09x0r", "/m/07p6fty", "/m/0463cq4", "/t/dd00002"
SIREN = "/m/03kmc9"
NAMES = {
    SPEECH: "Speech",
    SHOUT: "Shout",
    CRYING: "Crying, sobbing",
    BABY: "Baby cry, infant cry",
    SIREN: "Siren",
}
CHOSEN = ("Speech", "Crying, sobbing")
HEAD = (
    "# Segments csv created Sun Mar  5 10:54:31 2017\n"
    "# num_ytids=4, num_segs=4, num_unique_labels=4, num_positive_labels=6\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
)
TRAIN = [
    ("--speech_001", 30, 40, [SPEECH]),
    ("_babies_30x", 0, 10, [BABY, SHOUT]),
    ("both-_-_-10", 10, 20, [SPEECH, BABY]),
    ("sirenssirens", 5, 15, [SIREN]),
]
EVAL = [("-evalspeech", 0, 10, [SPEECH]), ("evalcrying_", 20.8, 30.8, [CRYING])]


def write_list(path, rows, head=HEAD):
    lines = [f'{v}, {start:.3f}, {end:.3f}, "{",".join(mids)}"' for v, start, end, mids in rows]
    path.write_text(head + "\n".join(lines) + "\n")


def sound(path, seconds=10.0):
    """A ramp: its value tells where in the recording a sample was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.arange(round(seconds * RATE)) / 2**15, RATE)


def write_corpus(folder):
    """Write lists, ontology and clips: four to train on and two to evaluate on."""
    folder.mkdir()
    table = [f'{n},{mid},"{name}"' for n, (mid, name) in enumerate(NAMES.items())]
    (folder / "class_labels_indices.csv").write_text(
        "\n".join(["index,mid,display_name", *table, ""])
    )
    entries = [
        {"id": mid, "name": name, "child_ids": [BABY] if mid == CRYING else []}
        for mid, name in NAMES.items()
    ]
    (folder / "ontology.json").write_text(json.dumps(entries))
    write_list(folder / "balanced_train_segments.csv", TRAIN)
    write_list(folder / "eval_segments.csv", EVAL)
    for video, *_ in TRAIN + EVAL:
        sound(folder / f"audio/Y{video}.wav")


def clips_of(prepared):
    return read_manifest(prepared.manifest)


def report_of(prepared):
    return json.loads(Path(prepared.report).read_text())
