"""Measure how long VGGish takes on a CPU, against torchaudio and torchvggish.

    pip install torch==2.8.0 torchaudio==2.8.0   # later ones have no VGGish to compare with
    python benchmarks/vggish.py

Clips of 10 s at 16 kHz. The features against torchaudio's VGGish processor, which takes one clip at
a time and builds its mel matrix at every call; it is left out where torchaudio has none. The
network, ten patches, against torchvggish's layers put together from `torch.nn`, with the same
weights; both must give the same. A turn is half a second of calls, of the network two. No bound.
"""

import importlib
import sys
from collections.abc import Callable, Iterator

import torch
from harness import Comparison, Contestant, Options, main
from inputs import RATE, infer
from torch import Tensor, nn

from aed_plugins.models import VGGish, VGGishLogMel

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


def compare_features(batch: int) -> Comparison:
    """Compare the front-ends on a batch."""
    every: dict[str, Callable[[Tensor], object]] = {"ours": VGGishLogMel()}
    processor = torchaudio_processor()
    if processor is not None:
        every["torchaudio"] = processor
    waveforms = 0.1 * torch.randn(batch, 10 * RATE)
    contestants = [
        Contestant(name, infer(compute, waveforms), batch) for name, compute in every.items()
    ]
    notes = [] if processor else ["This torchaudio has no VGGish."]
    title = f"features, batch of {batch}"
    return Comparison(title, contestants, "ours", "clip", notes=notes, turn_seconds=0.5)


def compare_networks(batch: int) -> Comparison:
    """Compare the networks with the same weights on a batch."""
    theirs = PlainVGGish().eval()
    ours = VGGish(activation="relu", last_patch="drop").eval()
    ours.load_state_dict(theirs.state_dict())
    maps = VGGishLogMel()(0.1 * torch.randn(batch, 10 * RATE)).unsqueeze(1)
    patches = maps[:, :, :960].reshape(-1, 1, 96, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(maps).flatten(0, 1), theirs(patches))
    contestants = [
        Contestant("ours", infer(ours, maps), batch),
        Contestant("torchvggish's layers", infer(theirs, patches), batch),
    ]
    return Comparison(f"network, batch of {batch}", contestants, "ours", "clip", turn_seconds=2.0)


def comparisons(options: Options) -> Iterator[Comparison]:
    """Compare features and networks, a clip alone and in a batch."""
    for batch in options.pick((1, 32), (1,)):
        yield compare_features(batch)
    for batch in options.pick((1, 4), (1,)):
        yield compare_networks(batch)


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, comparisons))
