"""Measure how long log-mel features take on a CPU, against torchaudio and librosa.

    python benchmarks/log_mel.py

Clips of 10 s at 16 kHz, windows of 25 ms every 10 ms, 64 mel bands: alone, and in a batch of 32,
where a computation that does not stay in the cache takes several times as long per clip. A turn is
half a second of calls. No bound.
"""

import sys
from collections.abc import Callable, Iterator

import librosa
import torch
import torchaudio
from harness import Comparison, Contestant, Options, main
from inputs import RATE, infer

from aed_plugins.models import LogMel

WINDOW, HOP, FFT, MELS = 400, 160, 512, 64


def with_librosa(waveform: torch.Tensor) -> None:
    """Compute what librosa computes, clip by clip as its users do."""
    for clip in waveform.numpy():
        librosa.feature.melspectrogram(
            y=clip, sr=RATE, n_fft=FFT, win_length=WINDOW, hop_length=HOP, n_mels=MELS, power=1.0
        )


def comparisons(options: Options) -> Iterator[Comparison]:
    """Compare on a clip and on a batch."""
    theirs = torchaudio.transforms.MelSpectrogram(RATE, FFT, WINDOW, HOP, n_mels=MELS, power=1.0)
    computations: dict[str, Callable[[torch.Tensor], object]] = {
        "LogMel": LogMel(RATE, WINDOW / RATE, HOP / RATE, MELS, n_fft=FFT),
        "torchaudio": lambda waveform: torch.log(theirs(waveform) + 1e-5),
        "librosa": with_librosa,
    }
    for batch in (1, options.pick(32, 2)):
        waveform = 0.1 * torch.randn(batch, 10 * RATE)
        contestants = [
            Contestant(name, infer(compute, waveform), batch)
            for name, compute in computations.items()
        ]
        title = f"log-mel features, batch of {batch}"
        yield Comparison(title, contestants, "LogMel", "clip", turn_seconds=0.5)


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, comparisons))
