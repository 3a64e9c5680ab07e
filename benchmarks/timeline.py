"""Speed and memory of a timeline: the dilated ResNet-18 over 16 kHz files, windows of 1 s.

    python benchmarks/timeline.py [--minutes 10 60 480] [--turns 3]

Each figure is of a process of its own, with two threads. Said are seconds per hour of sound, how
many times faster than real time that is (the bound is 300 on 2 cores), and the peak of the
process's memory over that of one that has imported the same and loaded the model, but heard
nothing (the bound is 100 MB; 8 hours may take 50 MB more than 10 minutes). Beside it runs the bare
network, channels last, over batches of 64 windows whose features are computed already: what no time
line can be faster than.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

RATE = 16000
LABELS = [f"class {number}" for number in range(10)]


def write_noise(path: Path, seconds: float) -> None:
    """Write a file of noise whose level changes, minute by minute."""
    rng = np.random.default_rng(0)
    minute = (0.1 * rng.standard_normal(60 * RATE)).astype(np.float32)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as sound:
        for start in range(0, round(seconds), 60):
            sound.write(minute[: round(min(60, seconds - start)) * RATE] * rng.uniform(0.1, 1))


def tagger() -> "PretrainedTagger":  # noqa: F821
    """Build the network of hparams/resnet_paper.yaml with random weights."""
    import torch  # noqa: PLC0415  the parent process has no need of it

    from aed_plugins.inference import PretrainedTagger  # noqa: PLC0415
    from aed_plugins.models import (  # noqa: PLC0415
        AudioTagger,
        DilatedFrontEnd,
        DNNHead,
        FeatureNormalization,
        LogMel,
        ResNet,
    )

    torch.set_num_threads(2)
    front_end = DilatedFrontEnd(channels=4, dilations=[1, 2, 3, 4])
    encoder = ResNet(front_end.out_channels, depth=18)
    head = DNNHead(encoder.embedding_size, len(LABELS))
    model = AudioTagger(LogMel(RATE), FeatureNormalization(64), front_end, encoder, head)
    hparams = {"labels": LABELS, "multi_label": False, "sample_rate": RATE}
    return PretrainedTagger({"tagger": model}, hparams, {"device": "cpu"})


def detect(path: str) -> dict[str, float]:
    """Make the timeline of a file, or only load the model."""
    model = tagger()
    started = time.perf_counter()
    if path:
        model.timeline(path)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak": peak, "bare": bare(model) if not path else 0.0}


def bare(model: "PretrainedTagger") -> float:  # noqa: F821
    """Give the seconds that the bare network takes for an hour in windows of 1 s."""
    import torch  # noqa: PLC0415

    network = model.mods["tagger"]
    with torch.inference_mode():
        maps = network.normalization(network.features(torch.randn(64, RATE))).unsqueeze(1)
        times = []
        for _ in range(10):
            started = time.perf_counter()
            network.head(network.encoder(network.front_end(maps)))
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 3600 / 64


def measure(path: Path | str, turns: int) -> Iterator[dict[str, float]]:
    """Run this file in processes of their own."""
    for _ in range(turns):
        command = [sys.executable, __file__, "--detect", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        yield json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 60, 480])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--detect", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.detect is not None:
        print(json.dumps(detect(given.detect)))
        return
    empty = list(measure("", given.turns))
    base = statistics.median(row["peak"] for row in empty)
    per_hour = statistics.median(row["bare"] for row in empty)
    print(f"model loaded: peak {base:.0f} MB")
    print(f"bare network: {per_hour:.1f} s per hour, {3600 / per_hour:.0f} times real time")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.wav"
        for minutes in given.minutes:
            write_noise(path, 60 * minutes)
            rows = list(measure(path, given.turns if minutes <= 60 else 1))
            seconds = statistics.median(row["seconds"] for row in rows) * 60 / minutes
            over = statistics.median(row["peak"] for row in rows) - base
            print(
                f"{minutes:g} minutes: {seconds:.1f} s per hour, {3600 / seconds:.0f} times real"
                f" time, peak {over:.0f} MB over the model's; ratio: {seconds / per_hour:.2f} of"
                " the bare network's time"
            )


if __name__ == "__main__":
    main()
