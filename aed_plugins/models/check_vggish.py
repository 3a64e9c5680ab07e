"""Check files of VGGish's weights against the values that Google published for them.

    python -m aed_plugins.models.check_vggish vggish_model.ckpt --pca vggish_pca_params.npz

Features and network hear 3 s of a 1 kHz sine at 16 kHz; mean and standard deviation of the three
embeddings, and of their 8-bit form, must be the published ones within 10 %.

Source: tensorflow/models, research/audioset/vggish, vggish_smoke_test.py, values of 2023-07-25.
"""

import argparse
import math
import sys
from collections.abc import Sequence

import torch
from torch import Tensor

from aed_plugins.core import InputError
from aed_plugins.models.encoders.vggish import VGGish
from aed_plugins.models.features.vggish import VGGishLogMel
from aed_plugins.models.vggish_postprocessor import VGGishPostprocessor

SAMPLE_RATE = 16000
SECONDS = 3
HERTZ = 1000
TOLERANCE = 0.1
# Mean and standard deviation.
EMBEDDINGS = (0.000657, 0.343)
POSTPROCESSED = (126.0, 89.3)


def smoke_embeddings(encoder: VGGish) -> Tensor:
    """Embed the sine of Google's smoke test.

    Parameters
    ----------
    encoder : VGGish
        With `last_patch="drop"`, as Google's.

    Returns
    -------
    Tensor
        `(3, 128)`.
    """
    seconds = torch.arange(SECONDS * SAMPLE_RATE, dtype=torch.float64) / SAMPLE_RATE
    sine = torch.sin(2 * math.pi * HERTZ * seconds).float()
    log_mel = VGGishLogMel()(sine.unsqueeze(0))
    with torch.no_grad():
        return encoder(log_mel.unsqueeze(1))[0]


def agrees(what: str, values: Tensor, published: tuple[float, float]) -> bool:
    """Print mean and standard deviation beside the published ones; tell whether they agree.

    Parameters
    ----------
    what : str
        What the line calls the values.
    values : Tensor
        Any shape.
    published : tuple of float
        Mean and standard deviation.
    """
    found = (values.double().mean().item(), values.double().std(correction=0).item())
    pairs = list(zip(found, published, strict=True))
    good = all(abs(value - wanted) <= TOLERANCE * abs(wanted) for value, wanted in pairs)
    figures = ", ".join(
        f"{name} {value:.3g} (published {wanted:g})"
        for name, (value, wanted) in zip(("mean", "standard deviation"), pairs, strict=True)
    )
    sys.stdout.write(f"{what}: {figures}: {'as published' if good else 'NOT as published'}\n")
    return good


def check(weights: str, pca: str | None) -> bool:
    """Check the weights and, if given, the post-processor's parameters.

    Parameters
    ----------
    weights, pca : str
        Files, URLs or `hf://owner/repo/file`.

    Returns
    -------
    bool
        Whether everything is as published.
    """
    embeddings = smoke_embeddings(VGGish(last_patch="drop", pretrained=weights).eval())
    good = agrees("embeddings", embeddings, EMBEDDINGS)
    if pca is not None:
        postprocessor = VGGishPostprocessor(pca, rounding="down")
        good &= agrees("8-bit embeddings", postprocessor(embeddings), POSTPROCESSED)
    return good


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit status, 0 if everything is as published.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="python -m aed_plugins.models.check_vggish", description=__doc__.splitlines()[0]
    )
    parser.add_argument("weights", help="a TensorFlow checkpoint, or torchvggish's, torchaudio's")
    parser.add_argument("--pca", help="the post-processor's parameters, .npz or .pth")
    settings = parser.parse_args(arguments)
    try:
        if check(settings.weights, settings.pca):
            return 0
        error = "these are not the released weights of VGGish; get them again"
    except InputError as wrong:
        error = str(wrong)
    sys.stderr.write(f"error: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
