"""EfficientAT's released networks as ready taggers of AudioSet's 527 classes.

Source: see `encoders/mobilenet.py`.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from aed_plugins.core import InputError
from aed_plugins.detection import PostProcessing, TimelineSettings
from aed_plugins.models import (
    PUBLISHED_MOBILENETS,
    AudioTagger,
    EfficientATLogMel,
    MobileNet,
    PooledDNNHead,
    fetch_weights,
    read_state_dict,
    round_channels,
)

# By name: the width and the file.
RELEASED = {
    f"mn{round(10 * width):02d}": (width, url) for width, url in PUBLISHED_MOBILENETS.items()
}
# SHA-256 of the files whose checksum is known. The others must fit to the last tensor.
CHECKSUMS = {
    "mn04": "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
    "mn10": "0bd7dc2443af498c289a2e739f02ebb515d6aa3fd3ab9db539c86123ae368a4e",
}
HIDDEN = 1280  # units of the classifier's hidden layer at width 1
# Chosen among windows of 1, 2, 3 and 10 s and thresholds of 0.1 to 0.5, by segment-based F1 of mn04
# on recordings mixed from real sounds: see the README.
TIMELINE = TimelineSettings(1.0, 0.5, post_processing=PostProcessing(onset=0.2))
EFFICIENTAT_CLASSIFIER = "classifier.2.weight"
SUFFIXES = (".pt", ".pth")


def is_efficientat(source: str) -> bool:
    """Return whether a source names released weights: `mn10`, or a file or URL that ends in `.pt`.

    Parameters
    ----------
    source : str
        What a user gave.

    Examples
    --------
    >>> sources = "mn10", "weights/mn04_as_mAP_432.pt", "owner/model"
    >>> [is_efficientat(source) for source in sources]
    [True, True, False]
    """
    return source in RELEASED or source.partition("#")[0].endswith(SUFFIXES)


def load_efficientat(source: str) -> tuple[str, AudioTagger]:
    """Build a released tagger.

    Parameters
    ----------
    source : str
        `mn01`, `mn02`, `mn04`, `mn05`, `mn10`, `mn20`, `mn30` or `mn40`, downloaded once and kept;
        or a released file: a path, a URL or `hf://owner/repo/file`, with or without `#sha256:...`.

    Returns
    -------
    tuple of str and AudioTagger
        Its name and the tagger, for inference. The classes are AudioSet's.

    Raises
    ------
    InputError
        If it cannot be had, is damaged, or is something else.
    """
    _, url = RELEASED.get(source, (None, source))
    try:
        path = fetch_weights(url, CHECKSUMS.get(source))
    except InputError as error:
        if source not in RELEASED:
            raise
        raise InputError(f"{source}: {error}") from error
    state = read_state_dict(path)
    name, width = _named(state, path)
    encoder = MobileNet(width=width)
    head = PooledDNNHead(encoder.embedding_size, hidden=round_channels(HIDDEN * width))
    encoder.load_published(state, str(path))
    head.load_published(state, str(path))
    return name, AudioTagger(
        EfficientATLogMel(), nn.Identity(), nn.Identity(), encoder, head
    ).eval()


def _named(state: Mapping[str, Tensor], path: Path) -> tuple[str, float]:
    """Find the released network that the weights are of."""
    shape = state[EFFICIENTAT_CLASSIFIER].shape if EFFICIENTAT_CLASSIFIER in state else ()
    for name, (width, _) in RELEASED.items():
        size = MobileNet.embedding_size_of(width)
        if tuple(shape) == (round_channels(HIDDEN * width), size):
            return name, width
    raise InputError(
        f"{path}: expected the weights of one of EfficientAT's {', '.join(RELEASED)}, got"
        " something else; a model trained here is given as its folder"
    )
