"""Measure time and memory of a timeline, against the bare network.

    python benchmarks/timeline.py

The dilated ResNet-18 of hparams/resnet_paper.yaml over 16 kHz files of 10, 60 and 480 minutes, in
windows of 1 s. Each contestant is a process of its own; its time is that of the timeline, after the
model is loaded. The reference is the bare network, channels last, over batches of 64 windows whose
features are computed already: no timeline can be faster. Its memory is that of a process that has
loaded the model and done nothing else. The bounds, on 2 cores: 300 times real time, which is 12 s
per hour; 100 MB over the loaded model; 8 hours at most 50 MB over 10 minutes.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from harness import Bound, Comparison, Contestant, Options, main
from harness_timing import Sample, in_process, peak_memory, stopwatch
from inputs import RATE, dilated_resnet, write_noise

from aed_plugins.inference import PretrainedTagger

LABELS = [f"class {number}" for number in range(10)]
BATCH = 64  # windows
SECONDS_PER_HOUR = 3600 / 300


def load() -> PretrainedTagger:
    """Build the model with random weights."""
    hparams = {"labels": LABELS, "multi_label": False, "sample_rate": RATE}
    return PretrainedTagger({"tagger": dilated_resnet(len(LABELS))}, hparams, {"device": "cpu"})


def detect(path: str) -> Sample:
    """Make the timeline of a file."""
    tagger = load()
    with stopwatch() as sample:
        tagger.timeline(path)
    return sample


def run_bare(batches: int) -> Sample:
    """Run the network without the rest; its memory is that before."""
    network = load().mods["tagger"]
    peak = peak_memory()
    with torch.inference_mode():
        maps = network.normalization(network.features(torch.randn(BATCH, RATE))).unsqueeze(1)
        network.head(network.encoder(network.front_end(maps)))
        with stopwatch() as sample:
            for _ in range(batches):
                network.head(network.encoder(network.front_end(maps)))
    sample.peak = peak
    return sample


def comparisons(options: Options) -> Iterator[Comparison]:
    """Compare files of several lengths."""
    lengths = options.pick((10, 60, 480), (0.1,))
    batches = options.pick(20, 1)
    with tempfile.TemporaryDirectory() as folder:
        contestants = [
            Contestant("bare network", in_process(run_bare, batches), batches * BATCH / 3600)
        ]
        bounds = []
        for minutes in lengths:
            name, path = f"{minutes:g} minutes", Path(folder) / f"{minutes:g}.wav"
            write_noise(path, 60 * minutes)
            contestants.append(Contestant(name, in_process(detect, str(path)), minutes / 60))
            bounds.append(Bound(name, "wall", SECONDS_PER_HOUR))
            bounds.append(Bound(name, "peak difference", 100.0))
        first, last = contestants[1].name, contestants[-1].name
        if last != first:
            bounds.append(Bound(last, "peak difference", 50.0, reference=first))
        title = "timeline in windows of 1 s"
        yield Comparison(title, contestants, "bare network", "hour of audio", bounds)


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, comparisons))
