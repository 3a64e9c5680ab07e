"""Time of the log-mel features on a CPU against torchaudio and librosa, in one run.

    python benchmarks/log_mel.py [--turns 4]

Clips of 10 s at 16 kHz, windows of 25 ms every 10 ms, 64 mel bands: alone, and in a batch of 32,
where a computation that does not stay in the cache takes several times as long per clip. Prints
milliseconds per clip, the median over the calls. The peers take turns of half a second, whose first
call is left out: the threads of the one before are then still awake.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import librosa
import torch
import torchaudio

from aed_plugins.models import LogMel

WINDOW, HOP, FFT, MELS, RATE = 400, 160, 512, 64, 16000


def with_librosa(waveform: torch.Tensor) -> None:
    """Compute what librosa computes, clip by clip as its users do."""
    for clip in waveform.numpy():
        librosa.feature.melspectrogram(
            y=clip, sr=RATE, n_fft=FFT, win_length=WINDOW, hop_length=HOP, n_mels=MELS, power=1.0
        )


def calls(peer: Callable[[torch.Tensor], object], waveform: torch.Tensor) -> list[float]:
    """Give the milliseconds per clip of each call within half a second."""
    times = []
    finish = time.perf_counter() + 0.5
    while time.perf_counter() < finish or len(times) < 2:
        started = time.perf_counter()
        with torch.no_grad():
            peer(waveform)
        times.append(1000 * (time.perf_counter() - started) / len(waveform))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=4, help="of each peer with each batch")
    turns = parser.parse_args().turns
    ours = LogMel(RATE, WINDOW / RATE, HOP / RATE, MELS, n_fft=FFT)
    theirs = torchaudio.transforms.MelSpectrogram(RATE, FFT, WINDOW, HOP, n_mels=MELS, power=1.0)
    peers: dict[str, Callable[[torch.Tensor], object]] = {
        "LogMel": ours,
        "torchaudio": lambda waveform: torch.log(theirs(waveform) + 1e-5),
        "librosa": with_librosa,
    }
    for batch in (1, 32):
        waveform = 0.1 * torch.randn(batch, 10 * RATE)
        times: dict[str, list[float]] = {name: [] for name in peers}
        for name, peer in list(peers.items()) * turns:
            times[name] += calls(peer, waveform)[1:]
        medians = {name: statistics.median(values) for name, values in times.items()}
        shown = ", ".join(f"{name} {value:.2f}" for name, value in medians.items())
        ratio = medians["torchaudio"] / medians["LogMel"]
        print(f"batch of {batch:>2}: {shown} ms per clip; torchaudio / LogMel {ratio:.1f}")


if __name__ == "__main__":
    main()
