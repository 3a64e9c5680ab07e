"""Check a file of published weights: the network must give the published values.

    python benchmarks/check_weights.py vggish-10086976.pth [--pca vggish_pca_params.npz]
    python benchmarks/check_weights.py mn04_as_mAP_432.pt

The names of the tensors tell which network the file is of. VGGish embeds 3 s of a sine of 1 kHz at
16 kHz: mean and standard deviation of the three embeddings, and with `--pca` of their 8-bit form,
must be within 10 % of the published ones. EfficientAT's mn04 tags 2 s of 0.3 sin(2 pi 440 t) +
0.1 sin(2 pi 1000 t) at 32 kHz: the mean of the 527 logits and the three largest must be within
0.001 of those of the original code. Prints each value; exits with 1 if one differs.

Source: tensorflow/models, research/audioset/vggish, vggish_smoke_test.py, values of 2023-07-25, for
VGGish; the code of github.com/fschmid56/EfficientAT, run once, for mn04.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from aed_plugins.core import InputError, first_few, one_line
from aed_plugins.labels import audioset_labels
from aed_plugins.models import (
    VGGish,
    VGGishLogMel,
    VGGishPostprocessor,
    fetch_weights,
    read_state_dict,
)
from aed_plugins.pretrained import EFFICIENTAT_CLASSIFIER, load_efficientat

# The last layer of VGGish, as torchvggish and torchaudio name it.
VGGISH_LAYERS = ("embeddings.4.weight", "embedding_network.4.weight")
VGGISH_TOLERANCE = 0.1  # of the published value
# Mean and standard deviation.
EMBEDDINGS = (0.000657, 0.343)
POSTPROCESSED = (126.0, 89.3)
MN04_TOLERANCE = 0.001
MEAN_LOGIT = -8.9958
# Logits by the numbers of AudioSet's classes: sine wave, chirp tone, busy signal.
LARGEST_LOGITS = {501: 2.2279, 503: -1.3767, 394: -3.5225}


class Comparison(NamedTuple):
    """A value of a network and the published one; they agree within a tolerance."""

    name: str
    value: float
    published: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the value is the published one."""
        return abs(self.value - self.published) <= self.tolerance

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "DIFFERS"
        return f"{self.name}: {self.value:.6g}, published {self.published:g}: {verdict}"


def sines(seconds: float, sample_rate: int, amplitudes: dict[int, float]) -> Tensor:
    """Give `(1, sample)`, a sum of sines: their amplitudes by their frequencies in hertz."""
    samples = torch.arange(round(seconds * sample_rate), dtype=torch.float64)
    turns = 2 * math.pi * samples / sample_rate
    waveform = sum(amplitude * torch.sin(hertz * turns) for hertz, amplitude in amplitudes.items())
    return torch.as_tensor(waveform).float().unsqueeze(0)


def smoke_embeddings(encoder: VGGish) -> Tensor:
    """Give `(3, 128)`, the embeddings of Google's smoke test by an encoder that drops the rest."""
    log_mel = VGGishLogMel()(sines(3, 16000, {1000: 1.0}))
    with torch.no_grad():
        return encoder(log_mel.unsqueeze(1))[0]


def compare_moments(
    name: str, values: Tensor, published: tuple[float, float]
) -> tuple[Comparison, Comparison]:
    """Compare mean and standard deviation with the published ones."""
    values = values.double()
    mean, deviation = values.mean().item(), values.std(correction=0).item()
    tolerances = [VGGISH_TOLERANCE * abs(value) for value in published]
    return (
        Comparison(f"mean of the {name}", mean, published[0], tolerances[0]),
        Comparison(f"standard deviation of the {name}", deviation, published[1], tolerances[1]),
    )


def check_vggish(path: Path, pca: str | None) -> list[Comparison]:
    """Compare what VGGish gives, and its post-processor where its parameters are given."""
    embeddings = smoke_embeddings(VGGish(last_patch="drop", pretrained=path).eval())
    comparisons = [*compare_moments("embeddings", embeddings, EMBEDDINGS)]
    if pca is not None:
        in_8_bits = VGGishPostprocessor(pca, rounding="down")(embeddings)
        comparisons += compare_moments("8-bit embeddings", in_8_bits, POSTPROCESSED)
    return comparisons


def check_mobilenet(path: Path) -> list[Comparison]:
    """Compare what EfficientAT's mn04 gives; its other networks have no published values."""
    name, tagger = load_efficientat(str(path))
    if name != "mn04":
        raise InputError(
            f"{path}: expected VGGish or EfficientAT's mn04, whose outputs are known, got {name};"
            " all its tensors have the right names and shapes"
        )
    with torch.no_grad():
        logits = tagger(sines(2, 32000, {440: 0.3, 1000: 0.1})).clip_logits[0]
    values, classes = logits.topk(len(LARGEST_LOGITS))
    largest = dict(zip(classes.tolist(), values.tolist(), strict=True))
    labels = audioset_labels()
    return [
        Comparison("mean of the logits", logits.mean().item(), MEAN_LOGIT, MN04_TOLERANCE),
        *(
            # A class that is not among the largest differs whatever its logit is.
            Comparison(
                f"logit of {labels[number]}",
                largest.get(number, -math.inf),
                published,
                MN04_TOLERANCE,
            )
            for number, published in LARGEST_LOGITS.items()
        ),
    ]


def check(weights: str, pca: str | None) -> list[Comparison]:
    """Compare a network's values with the published ones.

    Parameters
    ----------
    weights : str
        A file, a URL or `hf://owner/repo/file`.
    pca : str, optional
        The same of the parameters of VGGish's post-processor.

    Raises
    ------
    InputError
        If a file cannot be had or is of another network.
    """
    path = fetch_weights(weights)
    names = read_state_dict(path).keys()
    if not names.isdisjoint(VGGISH_LAYERS):
        return check_vggish(path, pca)
    if EFFICIENTAT_CLASSIFIER not in names:
        raise InputError(
            f"{path}: expected the weights of VGGish or of EfficientAT's mn04, got"
            f" {len(names)} tensors of another network: {first_few(list(names))}"
        )
    if pca is not None:
        raise InputError(f"{path}: --pca is for VGGish, got an EfficientAT network; leave it out")
    return check_mobilenet(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every comparison; give the exit status, 0 if all values are as published."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="a file, a URL or hf://owner/repo/file")
    parser.add_argument("--pca", help="the parameters of VGGish's post-processor, .npz or .pth")
    options = parser.parse_args(arguments)
    try:
        comparisons = check(options.weights, options.pca)
    except InputError as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        return 1
    print(*comparisons, sep="\n")
    if all(comparison.agrees for comparison in comparisons):
        return 0
    sys.stderr.write(f"error: {options.weights}: not the published weights; get them again\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
