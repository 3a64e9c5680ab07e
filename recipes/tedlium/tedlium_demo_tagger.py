"""Train the demonstration's own tagger of speech, so that it needs no download.

It is the control of the classification recipes, a narrow one, trained for a minute on windows of
the demonstration's training talks: transcribed stretches are `Speech`, the rest is
`Other sounds`. Real talks are segmented by a tagger that was not trained on them.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from speechbrain.utils.run_opts import RunOptions
from tedlium_prepare import TalkSet

from aed_plugins.data import ClipSource, FoldSplit, Manifest, pack_clips
from aed_plugins.experiments import CrossValidation, Experiment

HPARAMS = Path(__file__).resolve().parents[2] / "hparams/resnet_plain.yaml"
LABELS = ("Speech", "Other sounds")
SAMPLE_RATE = 16000
WINDOW = 1.0  # seconds, as a timeline's
EPOCHS = 4
WIDTH = 0.25


def train_demo_tagger(train: TalkSet, dev: TalkSet, folder: Path, device: str) -> Path:
    """Train the tagger, or return the one that was trained before.

    Parameters
    ----------
    train, dev : TalkSet
        Training and evaluation data of the demonstration corpus.
    folder : Path
        Where the run is written.
    device : str
        Such as `cpu`.

    Returns
    -------
    Path
        A finished run, which `PretrainedTagger.from_hparams` loads.
    """
    overrides = {
        "output_folder": str(folder / "run"),
        "sample_rate": SAMPLE_RATE,
        "number_of_epochs": EPOCHS,
        "encoder": {"width": WIDTH},
    }
    options = replace(RunOptions(), device=device, noprogressbar=True)
    experiment = Experiment[Any](HPARAMS, None, overrides, options)
    handed_in = {"dataset": "tedlium_demonstration", "labels": list(LABELS), "multi_label": False}
    manifest = {
        **_cut_windows(train, "train", folder / "packed"),
        **_cut_windows(dev, "dev", folder / "packed"),
    }
    data = {"state": "demonstration", "clips": len(manifest), "bad_clips": 0}
    CrossValidation(experiment, manifest, handed_in, data).run([FoldSplit("dev", [], ["train"])])
    return folder / "run/dev"


def _cut_windows(talks: TalkSet, fold: str, folder: Path) -> Manifest:
    """Cut talks into windows; one that is half speech or more is `Speech`."""
    sources = {talk: ClipSource(path, fold) for talk, path in talks.recordings.items()}
    packed = pack_clips(sources, folder, SAMPLE_RATE)
    length = round(WINDOW * SAMPLE_RATE)
    windows: Manifest = {}
    for talk, clip in packed.clips.items():
        utterances = [segment for segment in talks.utterances if segment.talk == talk]
        for number in range(clip.samples // length):
            start = number * WINDOW
            seconds = sum(
                max(0.0, min(segment.offset, start + WINDOW) - max(segment.onset, start))
                for segment in utterances
            )
            windows[f"{talk}-{number:04d}"] = {
                "file": clip.file,
                "start": clip.start + number * length,
                "samples": length,
                "labels": [LABELS[0] if seconds >= WINDOW / 2 else LABELS[1]],
                "fold": fold,
            }
    return windows
