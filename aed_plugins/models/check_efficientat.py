"""Check a file of EfficientAT's weights of width 0.4 against what the original code makes of it.

    python -m aed_plugins.models.check_efficientat mn04_as_mAP_432.pt

The tagger hears 2 s of 0.3 sin(2 pi 440 t) + 0.1 sin(2 pi 1000 t) at 32 kHz; the mean of the 527
logits and the three largest must be those of the original within 0.001.
"""

import argparse
import math
import sys
from collections.abc import Sequence

import torch
from torch import nn

from aed_plugins.core import InputError
from aed_plugins.models.encoders.mobilenet import MobileNet
from aed_plugins.models.features.efficientat import EfficientATLogMel
from aed_plugins.models.heads.pooled_dnn import PooledDNNHead
from aed_plugins.models.tagger import AudioTagger

TOLERANCE = 0.001
MEAN = -8.9958
# Logits of AudioSet's classes 501 sine wave, 503 chirp tone, 394 busy signal.
LARGEST = {501: 2.2279, 503: -1.3767, 394: -3.5225}


def agrees(weights: str) -> bool:
    """Print what the tagger with these weights hears beside what it should; tell if they agree.

    Parameters
    ----------
    weights : str
        A file, a URL or `hf://owner/repo/file`.
    """
    encoder = MobileNet(width=0.4, pretrained=weights)
    head = PooledDNNHead(encoder.embedding_size, hidden=512, pretrained=weights)
    tagger = AudioTagger(EfficientATLogMel(), nn.Identity(), nn.Identity(), encoder, head).eval()
    turns = 2 * math.pi * torch.arange(64000, dtype=torch.float64) / 32000
    sines = 0.3 * torch.sin(440 * turns) + 0.1 * torch.sin(1000 * turns)
    with torch.no_grad():
        logits = tagger(sines.float().unsqueeze(0)).clip_logits[0]
    values, classes = logits.topk(len(LARGEST))
    found = dict(zip(classes.tolist(), values.tolist(), strict=True))
    pairs = [
        (logits.mean().item(), MEAN),
        *((found.get(c, -math.inf), LARGEST[c]) for c in LARGEST),
    ]
    good = all(abs(value - wanted) <= TOLERANCE for value, wanted in pairs)
    figures = ", ".join(f"class {number} {value:.4f}" for number, value in found.items())
    verdict = "as the original" if good else f"expected mean {MEAN}, classes {LARGEST}"
    sys.stdout.write(f"mean {pairs[0][0]:.4f}, {figures}: {verdict}\n")
    return good


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit status, 0 if everything is as published.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m aed_plugins.models.check_efficientat", description=__doc__.splitlines()[0]
    )
    parser.add_argument("weights", help="mn04_as_mAP_432.pt: a file, a URL or hf://owner/repo/file")
    try:
        if agrees(parser.parse_args(arguments).weights):
            return 0
        error = "these are not the released weights of EfficientAT's mn04; get them again"
    except InputError as wrong:
        error = str(wrong)
    sys.stderr.write(f"error: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
