"""Time of eager PyTorch and of ONNX Runtime on the same models, in one run.

    pip install 'aed-plugins[onnx]'
    python benchmarks/onnx_speed.py [--turns 10] [--threads 2]

The dilated ResNet-18 of hparams/resnet_dilated.yaml with 10 classes and EfficientAT's mn04 with
527, random weights, from the waveform to probabilities: 64 clips of 1 s, and one of 10 s. PyTorch
runs as in `PretrainedTagger`, channels last. The two take turns, so that whatever else the machine
does hits both. Prints milliseconds per call, the median and in brackets the fastest and the
slowest, and how many times as long PyTorch takes, by the medians and by the fastest.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from aed_plugins.models import (
    AudioTagger,
    DilatedFrontEnd,
    DNNHead,
    EfficientATLogMel,
    FeatureNormalization,
    LogMel,
    MobileNet,
    PooledDNNHead,
    ResNet,
)
from aed_plugins.pretrained import OnnxTagger, TaggerWithProbabilities, export_onnx

SHAPES = ((64, 1), (1, 10))  # clips, seconds


def dilated_resnet() -> AudioTagger:
    """Build the model of hparams/resnet_paper.yaml for 10 classes."""
    front_end = DilatedFrontEnd()
    encoder = ResNet(front_end.out_channels)
    head = DNNHead(encoder.embedding_size, 10, dropout=0.2)
    return AudioTagger(LogMel(), FeatureNormalization(64), front_end, encoder, head)


def mn04() -> AudioTagger:
    """Build EfficientAT's mn04."""
    encoder = MobileNet(width=0.4)
    head = PooledDNNHead(encoder.embedding_size, hidden=512)
    return AudioTagger(EfficientATLogMel(), nn.Identity(), nn.Identity(), encoder, head)


MODELS = {"dilated ResNet-18": (dilated_resnet, False), "mn04": (mn04, True)}


def milliseconds(peers: dict[str, Callable[[], object]], turns: int) -> dict[str, list[float]]:
    """Give the time of every peer in every turn, each after a call that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in peers}
    for name, peer in list(peers.items()) * turns:
        peer()  # the threads of the one before are awake for a while
        started = time.perf_counter()
        peer()
        times[name].append(1000 * (time.perf_counter() - started))
    return times


def compare(name: str, turns: int, threads: int) -> None:
    """Measure one model and print."""
    make, multi_label = MODELS[name]
    tagger = make().eval()
    eager = TaggerWithProbabilities(tagger, multi_label)
    classes = tagger.head.classifier.out_features
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        labels = [f"class {number}" for number in range(classes)]
        export_onnx(tagger, path, labels=labels, multi_label=multi_label)
        exported = OnnxTagger(path, threads)
    eager.to(memory_format=torch.channels_last)

    def run_eager(waveform: torch.Tensor) -> None:
        with torch.inference_mode():
            eager(waveform)

    for clips, seconds in SHAPES:
        waveform = 0.1 * torch.randn(clips, seconds * exported.sample_rate)
        peers: dict[str, Callable[[], object]] = {
            "PyTorch": lambda waveform=waveform: run_eager(waveform),  # type: ignore[misc]
            "ONNX Runtime": lambda waveform=waveform: exported(waveform.numpy()),  # type: ignore[misc]
        }
        times = milliseconds(peers, turns)
        shown = ", ".join(
            f"{peer} {statistics.median(calls):.1f} ({min(calls):.1f} to {max(calls):.1f})"
            for peer, calls in times.items()
        )
        slow, fast = times.values()
        ratio = statistics.median(slow) / statistics.median(fast)
        print(
            f"{name}, {clips} x {seconds} s: {shown} ms;"
            f" ratio: {ratio:.2f} ({min(slow) / min(fast):.2f})",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=10, help="of each peer with each batch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    for name in settings.models:
        compare(name, settings.turns, settings.threads)


if __name__ == "__main__":
    main()
