"""Time from the recipe's start to its first training step, on prepared data.

    python benchmarks/startup.py [--clips 8732]

Makes a dataset of noise in UrbanSound8K's layout, as many clips of 4 s as the real one has, lets
the recipe prepare it once, then starts the recipe anew and waits for the checkpoint that it writes
after its first step. Counted are the start of Python, the imports, the check of every file, the
building of the model, the feature statistics over all training clips, the step and its checkpoint.
The bound is 15 s on 2 cores.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from aed_plugins.data import URBANSOUND_CLASSES, URBANSOUND_COLUMNS

ROOT = Path(__file__).resolve().parent.parent


def make_dataset(folder: Path, clips: int) -> None:
    """Write clips of noise and their table."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(clips):
        fold, class_id = 1 + number % 10, number // 10 % 10
        name = f"{number}-{class_id}-0-0.wav"
        path = folder / f"audio/fold{fold}/{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(64000), 16000)
        rows.append((name, number, 0, 4, 1, fold, class_id, URBANSOUND_CLASSES[class_id]))
    (folder / "metadata").mkdir()
    with (folder / "metadata/UrbanSound8K.csv").open("w", newline="") as file:
        csv.writer(file).writerows([URBANSOUND_COLUMNS, *rows])


def seconds_to_first_step(folder: Path, dataset: Path, name: str) -> float:
    """Start the recipe, wait for its first checkpoint, stop it."""
    command = [
        sys.executable,
        str(ROOT / "recipes/urbansound/train.py"),
        str(ROOT / "hparams/resnet_dilated.yaml"),
        f"--data_folder={dataset}",
        "--allow_partial=True",
        "--noprogressbar",
        "--ckpt_interval_steps=1",
        f"--output_folder={folder}/{name}",
    ]
    save = folder / name / "fold10/save"
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        while not list(save.glob("CKPT*")):
            if process.poll() is not None:
                sys.exit("the recipe ended before its first step")
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        process.kill()
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=8732)
    clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_dataset(folder / "noise", clips)
        first = seconds_to_first_step(folder, folder / "noise", "unprepared")
        print(f"{clips} clips, to be prepared: {first:.1f} s to the first training step")
        for number in range(3):
            seconds = seconds_to_first_step(folder, folder / "noise", f"prepared{number}")
            print(f"{clips} clips, prepared: {seconds:.1f} s to the first training step")


if __name__ == "__main__":
    main()
