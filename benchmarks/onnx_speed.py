"""Measure how long PyTorch takes, against ONNX Runtime on the same models.

    pip install 'aed-plugins[onnx]'
    python benchmarks/onnx_speed.py

The dilated ResNet-18 of hparams/resnet_paper.yaml with 10 classes and EfficientAT's mn04 with 527,
random weights, from the waveform to probabilities: 64 clips of 1 s, and one of 10 s. PyTorch runs
as in `PretrainedTagger`, channels last. A turn is half a second of calls. No bound.
"""

import functools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from harness import Comparison, Contestant, Options, main
from inputs import dilated_resnet, infer
from torch import nn

from aed_plugins.models import AudioTagger, EfficientATLogMel, MobileNet, PooledDNNHead
from aed_plugins.pretrained import OnnxTagger, TaggerWithProbabilities, export_onnx

SHAPES = ((64, 1), (1, 10))  # clips, seconds


def mn04() -> AudioTagger:
    """Build EfficientAT's mn04."""
    encoder = MobileNet(width=0.4)
    head = PooledDNNHead(encoder.embedding_size, hidden=512)
    return AudioTagger(EfficientATLogMel(), nn.Identity(), nn.Identity(), encoder, head)


# The model, its number of classes, and whether several labels can hold at once.
MODELS = {
    "dilated ResNet-18": (functools.partial(dilated_resnet, 10), 10, False),
    "mn04": (mn04, 527, True),
}


def export(tagger: AudioTagger, classes: int, multi_label: bool, threads: int) -> OnnxTagger:
    """Export a model and load it in ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        labels = [f"class {number}" for number in range(classes)]
        export_onnx(tagger, path, labels=labels, multi_label=multi_label)
        return OnnxTagger(path, threads)


def comparisons(options: Options) -> Iterator[Comparison]:
    """Compare on every model and shape."""
    for name in options.pick(list(MODELS), ["mn04"]):
        make, classes, multi_label = MODELS[name]
        tagger = make().eval()
        exported = export(tagger, classes, multi_label, options.threads)
        eager = TaggerWithProbabilities(tagger, multi_label).to(memory_format=torch.channels_last)
        for clips, seconds in SHAPES:
            waveform = 0.1 * torch.randn(clips, seconds * exported.sample_rate)
            contestants = [
                Contestant("PyTorch", infer(eager, waveform)),
                Contestant("ONNX Runtime", infer(exported, waveform.numpy())),
            ]
            title = f"{name}, {clips} x {seconds} s"
            yield Comparison(title, contestants, "ONNX Runtime", turn_seconds=0.5)


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, comparisons))
