"""Write what EfficientAT's own front-end makes of two sines.

    git clone https://github.com/fschmid56/EfficientAT  # at commit a425fdc
    python tests/golden/make_efficientat_sine.py EfficientAT tests/golden/efficientat_sine.npz

Stored are the first frames and the last, which see the reflected ends, and some between.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

FRAMES = [*range(6), 50, 100, 150, *range(194, 200)]


def signal() -> np.ndarray:
    """Give `(sample,)`, float32: 2 s at 32 kHz."""
    turns = 2 * np.pi * np.arange(64000) / 32000
    return (0.3 * np.sin(440 * turns) + 0.1 * np.sin(1000 * turns)).astype(np.float32)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("original", type=Path, help="a clone of EfficientAT")
    parser.add_argument("path", type=Path)
    settings = parser.parse_args()
    sys.path.insert(0, str(settings.original))
    from models.preprocess import AugmentMelSTFT  # noqa: PLC0415  from that clone

    with torch.no_grad():
        log_mel = AugmentMelSTFT().eval()(torch.from_numpy(signal()).unsqueeze(0))[0]
    frames = log_mel.T.numpy()[FRAMES]  # (mel, frame) -> (frame, mel)
    np.savez_compressed(settings.path, frames=np.array(FRAMES), log_mel=frames)


if __name__ == "__main__":
    main()
