"""What a hyperparameter file from elsewhere may name, and how large it may be."""

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from aed_plugins import models
from aed_plugins.models import (
    AudioTagger,
    Encoder,
    FeatureNormalization,
    Features,
    FittedHead,
    FrontEnd,
    Head,
)

NEW = "!new:"
# What may be built: the components of a tagger, which neither read nor write anything but weights.
COMPONENTS = (Features, FeatureNormalization, FrontEnd, Encoder, Head, AudioTagger)
INTERFACES = frozenset({Features, FrontEnd, Encoder, Head, FittedHead})


def _components() -> Iterator[tuple[str, type[Any]]]:
    """List the public classes of `aed_plugins.models` that are components of a tagger."""
    for name in dir(models):  # all of its public names, loaded or not
        found = getattr(models, name)
        if isinstance(found, type) and issubclass(found, COMPONENTS) and found not in INTERFACES:
            yield f"{NEW}{models.__name__}.{name}", found


# By their tags in YAML.
CLASSES: Mapping[str, type[Any]] = {**dict(_components()), f"{NEW}torch.nn.Identity": nn.Identity}
# What may stand in the file for SpeechBrain's sake and is not built here.
PRETRAINER = f"{NEW}aed_plugins.pretrained.FolderPretrainer"
THRESHOLDS = f"{NEW}aed_plugins.models.Thresholds"
NOT_BUILT = {PRETRAINER: "loadables", THRESHOLDS: "labels"}  # each with its one argument
# What `!ref <front_end.out_channels>` and the like are when resolved.
GETATTR, LEN = "!apply:getattr", "!apply:builtins.len"
ATTRIBUTES = frozenset({"out_channels", "embedding_size", "time_stride", "n_mels", "sample_rate"})
# Arguments that fetch weights from somewhere, or say which of them.
SOURCES = frozenset({"pretrained", "sha256", "audioset_names"})
# A number that asks for more than any model here needs asks for all the memory there is.
LIMITS = {
    "sample_rate": 192_000,
    "f_min": 96_000,
    "f_max": 96_000,
    "n_fft": 262_144,
    "n_mels": 512,
    "window_length": 1,
    "hop_length": 10,
    "dilations": 256,
    "layers": 16,
    "repeat_to": 60,
}
LIMIT = 65_536
FILLERS = frozenset({"normal_", "uniform_", "fill_", "zero_"})


class _Unfilled(TorchFunctionMode):
    """Leaves new tensors as they are: to fill those without memory, torch imports SymPy (2 s)."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in FILLERS:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def on_meta_device() -> Iterator[None]:
    """Build modules without memory for their tensors, on torch's meta device.

    Examples
    --------
    >>> with on_meta_device():
    ...     layer = nn.Linear(10**6, 10**6)
    >>> layer.weight.shape, layer.weight.device.type
    (torch.Size([1000000, 1000000]), 'meta')
    """
    with torch.device("meta"), _Unfilled():
        yield


def build_component(tag: str, arguments: Mapping[str, Any], shapes_only: bool = False) -> Any:
    """Build an object of a class in `CLASSES`.

    Parameters
    ----------
    tag : str
        Its tag in YAML.
    arguments : mapping
        What its constructor takes.
    shapes_only : bool
        Take no memory for weights.

    Raises
    ------
    Exception
        One of `models.MISFITS`, if it cannot be built so.
    """
    component = CLASSES[tag]
    # Features look at the numbers of their mel banks; they have no weights.
    on_meta = shapes_only and not issubclass(component, Features)
    with on_meta_device() if on_meta else nullcontext():
        return component(**arguments)
