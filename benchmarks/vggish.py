"""Time of VGGish's features and network on a CPU against their peers, in one run.

    pip install torch==2.8.0 torchaudio==2.8.0   # later ones have no VGGish to compare with
    python benchmarks/vggish.py [--turns 6] [--threads 2]

Clips of 10 s at 16 kHz. The features against torchaudio's VGGish processor, which takes one clip at
a time and builds its mel matrix at every call; it is left out where torchaudio has none. The
network, ten patches, against torchvggish's layers put together from `torch.nn`. The peers take
turns, so that whatever else the machine does hits all of them. Prints milliseconds per clip: the
median, and in brackets the fastest.
"""

import argparse
import functools
import importlib
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from aed_plugins.models import VGGish, VGGishLogMel

RATE = 16000
# Channels of torchvggish's convolutions; 0 is a max pooling.
LAYERS = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0)


class PlainVGGish(nn.Module):
    """The layers of torchvggish in its order, in PyTorch's default memory format."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for size in LAYERS:
            if size:
                layers += [nn.Conv2d(channels, size, 3, padding=1), nn.ReLU(inplace=True)]
                channels = size
            else:
                layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(12288, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, 128),
            nn.ReLU(inplace=True),
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Map `(patch, 1, 96, 64)` to `(patch, 128)`."""
        maps = self.features(patches).permute(0, 2, 3, 1)
        return self.embeddings(maps.flatten(1))


def torchaudio_processor() -> Callable[[Tensor], object] | None:
    """Give torchaudio's processor for a batch, or None where it has none."""
    try:
        processor = importlib.import_module(
            "torchaudio.prototype.pipelines"
        ).VGGISH.get_input_processor()
    except (ImportError, AttributeError):
        return None
    return lambda waveforms: [processor(waveform) for waveform in waveforms]


def milliseconds(
    peers: dict[str, Callable[[], object]], clips: int, turns: int, seconds: float
) -> dict[str, list[float]]:
    """Give the milliseconds per clip of every call, the first of each turn left out."""
    times: dict[str, list[float]] = {name: [] for name in peers}
    for name, peer in list(peers.items()) * turns:
        finish = time.perf_counter() + seconds
        calls: list[float] = []
        while len(calls) < 2 or time.perf_counter() < finish:
            started = time.perf_counter()
            with torch.no_grad():
                peer()
            calls.append(1000 * (time.perf_counter() - started) / clips)
        times[name] += calls[1:]
    return times


def report(title: str, times: dict[str, list[float]]) -> None:
    """Print the times and how many times as long as ours the peer takes."""
    shown = ", ".join(
        f"{name} {statistics.median(values):.2f} ({min(values):.2f})"
        for name, values in times.items()
    )
    line = f"{title}: {shown} ms per clip"
    if len(times) == 2:
        own, other = times.values()
        median = statistics.median(other) / statistics.median(own)
        line += f"; peer / ours {median:.2f} ({min(other) / min(own):.2f})"
    print(line)


def compare_features(turns: int) -> None:
    """Measure the front-ends, a clip alone and in a batch."""
    every: dict[str, Callable[[Tensor], object]] = {"ours": VGGishLogMel()}
    processor = torchaudio_processor()
    if processor is not None:
        every["torchaudio"] = processor
    for batch in (1, 32):
        waveforms = 0.1 * torch.randn(batch, 10 * RATE)
        peers = {name: functools.partial(peer, waveforms) for name, peer in every.items()}
        report(f"features, batch of {batch}", milliseconds(peers, batch, turns, 0.5))


def compare_networks(turns: int) -> None:
    """Measure the networks with the same weights, a clip alone and in a batch."""
    theirs = PlainVGGish().eval()
    ours = VGGish(activation="relu", last_patch="drop").eval()
    ours.load_state_dict(theirs.state_dict())
    for batch in (1, 4):
        maps = VGGishLogMel()(0.1 * torch.randn(batch, 10 * RATE)).unsqueeze(1)
        patches = maps[:, :, :960].reshape(-1, 1, 96, 64)
        with torch.no_grad():
            torch.testing.assert_close(ours(maps).flatten(0, 1), theirs(patches))
        peers: dict[str, Callable[[], object]] = {
            "ours": functools.partial(ours, maps),
            "torchvggish's layers": functools.partial(theirs, patches),
        }
        report(f"network, batch of {batch}", milliseconds(peers, batch, turns, 2.0))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=6, help="of each peer with each batch")
    parser.add_argument("--threads", type=int, help="by default PyTorch's choice")
    settings = parser.parse_args()
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    compare_features(settings.turns)
    compare_networks(settings.turns)


if __name__ == "__main__":
    main()
