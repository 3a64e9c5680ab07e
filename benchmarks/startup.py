"""Measure how long the recipe takes from its start to its first training step.

    python benchmarks/startup.py

A dataset of noise in UrbanSound8K's layout, 8732 clips of 4 s as the real one. Timed until the
recipe has written a checkpoint after its first step: the start of Python, the imports, the check of
every file, the model, the feature statistics over all training clips, the step and its checkpoint.
The contestants find the audio decoded by an earlier run, or still to be decoded. The reference is
the start of Python and the imports of PyTorch and SpeechBrain alone. The bound is 15 s on 2 cores,
with decoded audio.
"""

import csv
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness import Bound, Comparison, Contestant, Options, main
from harness_timing import Sample, run_process
from inputs import ROOT, write_noise

from aed_plugins.data import URBANSOUND_CLASSES, URBANSOUND_COLUMNS


def make_dataset(folder: Path, clips: int) -> None:
    """Write clips of noise and their table."""
    rows = []
    for number in range(clips):
        fold, class_id = 1 + number % 10, number // 10 % 10
        name = f"{number}-{class_id}-0-0.wav"
        write_noise(folder / f"audio/fold{fold}/{name}", 4, seed=number)
        rows.append((name, number, 0, 4, 1, fold, class_id, URBANSOUND_CLASSES[class_id]))
    (folder / "metadata").mkdir()
    with (folder / "metadata/UrbanSound8K.csv").open("w", newline="") as file:
        csv.writer(file).writerows([URBANSOUND_COLUMNS, *rows])


def run_to_first_step(folder: Path, dataset: Path, prepared: Path) -> Sample:
    """Run the recipe until its first checkpoint."""
    output = Path(tempfile.mkdtemp(dir=folder))
    command = [
        sys.executable,
        str(ROOT / "recipes/urbansound/train.py"),
        str(ROOT / "hparams/resnet_dilated.yaml"),
        f"--data_folder={dataset}",
        f"--prepared_folder={prepared}",
        "--allow_partial=True",
        "--noprogressbar",
        "--ckpt_interval_steps=1",
        f"--output_folder={output}",
    ]
    return run_process(command, folder, lambda: any(output.glob("fold10/save/CKPT*")))


def run_unprepared(folder: Path, dataset: Path) -> Sample:
    """Run the recipe until its first checkpoint, with all audio to be decoded."""
    with tempfile.TemporaryDirectory(dir=folder) as prepared:
        return run_to_first_step(folder, dataset, Path(prepared))


def comparisons(options: Options) -> Iterator[Comparison]:
    """Compare starts."""
    clips = options.pick(8732, 20)
    with tempfile.TemporaryDirectory() as name:
        folder, dataset = Path(name), Path(name) / "noise"
        make_dataset(dataset, clips)
        # The first turn decodes the audio for those to come; in full mode it is discarded.
        prepared = partial(run_to_first_step, folder, dataset, folder / "prepared")
        imports = [sys.executable, "-c", "import torch, speechbrain"]
        yield Comparison(
            f"to the first training step, {clips} clips",
            [
                Contestant("prepared", prepared),
                Contestant("to be prepared", partial(run_unprepared, folder, dataset)),
                Contestant("imports", partial(run_process, imports)),
            ],
            "imports",
            "start",
            bounds=[Bound("prepared", "wall", 15.0)],
        )


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, comparisons))
