"""What several benchmarks measure: noise, the network of hparams/resnet_paper.yaml, inference."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch

from aed_plugins.models import (
    AudioTagger,
    DilatedFrontEnd,
    DNNHead,
    FeatureNormalization,
    LogMel,
    ResNet,
)

RATE = 16000
ROOT = Path(__file__).resolve().parents[1]


def write_noise(path: Path, seconds: float, seed: int = 0) -> None:
    """Write noise at `RATE` whose level changes every minute."""
    rng = np.random.default_rng(seed)
    minute = (0.1 * rng.standard_normal(round(min(60, seconds) * RATE))).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as sound:
        for start in range(0, round(seconds * RATE), 60 * RATE):
            sound.write(minute[: round(seconds * RATE) - start] * rng.uniform(0.1, 1))


def dilated_resnet(classes: int) -> AudioTagger:
    """Build the dilated ResNet-18 of hparams/resnet_paper.yaml, with random weights."""
    features, normalization = LogMel(), FeatureNormalization(64)
    normalization.fit([(features(0.1 * torch.randn(1, RATE)), None)])
    front_end = DilatedFrontEnd()
    encoder = ResNet(front_end.out_channels)
    head = DNNHead(encoder.embedding_size, classes, dropout=0.2)
    return AudioTagger(features, normalization, front_end, encoder, head)


def infer(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    """Return work that calls a function without gradients."""

    def work() -> object:
        with torch.inference_mode():
            return function(*arguments)

    return work
