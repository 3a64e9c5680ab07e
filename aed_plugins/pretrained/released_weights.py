"""The released weights that a training can begin with: who made them, and on what terms."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

HUB = re.compile(r"hf://([^/@]+/[^/@]+)")


@dataclass(frozen=True)
class ReleasedWeights:
    """Weights as their makers name them.

    Attributes
    ----------
    title, link, license, citation : str
        For the reader.
    files : str
        A regular expression of the files' names.
    """

    title: str
    link: str
    license: str
    citation: str
    files: str

    def __str__(self) -> str:
        return f"[{self.title}]({self.link}), {self.license}; {self.citation}"


RELEASED_WEIGHTS = (
    ReleasedWeights(
        "EfficientAT",
        "https://github.com/fschmid56/EfficientAT",
        "MIT",
        'Schmid, Koutini, Widmer, "Efficient Large-Scale Audio Tagging via Transformer-to-CNN'
        ' Knowledge Distillation" (ICASSP 2023), trained on AudioSet',
        r"mn\d\d_as\w*\.pth?",
    ),
    ReleasedWeights(
        "VGGish",
        "https://github.com/tensorflow/models/tree/master/research/audioset/vggish",
        "Apache-2.0",
        'Hershey et al., "CNN Architectures for Large-Scale Audio Classification" (ICASSP 2017)',
        r"vggish[\w.-]*\.pth?",
    ),
)


def find_release(source: str) -> ReleasedWeights | None:
    """Return the release that weights are of, by the name of their file; None if it is unknown.

    Parameters
    ----------
    source : str
        A path, a URL or `hf://owner/repo/file`, with or without a checksum.

    Examples
    --------
    >>> find_release("weights/mn04_as_mAP_432.pt#sha256:899a8c62").license
    'MIT'
    >>> find_release("hf://someone/sounds/model.pt") is None
    True
    """
    name = _file_name(source)
    return next((known for known in RELEASED_WEIGHTS if re.fullmatch(known.files, name)), None)


def find_repository(source: str) -> str | None:
    """Return the repository on the Hub that weights are from; None if they are from elsewhere.

    Parameters
    ----------
    source : str
        As for `find_release`.

    Examples
    --------
    >>> find_repository("hf://someone/sounds@main/weights/model.pt")
    'someone/sounds'
    >>> find_repository("https://nowhere.invalid/model.pt") is None
    True
    """
    found = HUB.match(source)
    return None if found is None else found[1]


def describe_weights(sources: Sequence[str]) -> str:
    """Name weights, and their releases with their terms, for a model card.

    Parameters
    ----------
    sources : sequence of str
        As for `find_release`; a path of somebody's machine is left out but for the file's name.

    Examples
    --------
    >>> describe_weights(["/home/me/resnet.pth"])
    'resnet.pth'
    """
    named = []
    for source in sources:
        release, name = find_release(source), source if "://" in source else _file_name(source)
        named.append(name if release is None else f"{name} ({release})")
    return ", ".join(named)


def _file_name(source: str) -> str:
    return PurePosixPath(source.partition("#")[0]).name
