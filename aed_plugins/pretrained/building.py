"""From a hyperparameter file and weights to a tagger, checked before memory is taken for it."""

from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import ruamel.yaml
from hyperpyyaml import load_hyperpyyaml, resolve_references
from torch import Tensor

from aed_plugins.core import InputError, first_few, one_line
from aed_plugins.models import MISFITS, AudioTagger, check_tagger, load_weights
from aed_plugins.pretrained.safe_yaml.hyperparameters import SafeHyperparameters
from aed_plugins.pretrained.safe_yaml.overrides import Overrides

# The keys of a hyperparameter file that describe a model.
DESCRIBED = ("sample_rate", "labels", "multi_label", "dataset", "tagger")

Shapes = Mapping[str, tuple[int, ...]]


def read_labels(file: SafeHyperparameters) -> list[str]:
    """Read the labels of a hyperparameter file.

    Parameters
    ----------
    file : SafeHyperparameters
        The file.

    Raises
    ------
    InputError
        If there are none, one is empty, or two are the same.
    """
    labels = file.texts("labels")
    if len(set(labels)) < len(labels) or not all(labels):
        raise InputError(f"{file.path}: expected labels that differ, none of them empty")
    return labels


def build_checked(
    file: SafeHyperparameters,
    labels: Sequence[str],
    shapes: Shapes,
    read: Callable[[], Mapping[str, Tensor]],
    weights: Path,
    build_trusted: Callable[[Path], Any] | None = None,
) -> AudioTagger:
    """Build a tagger, load its weights and run it on a second of silence.

    Parameters
    ----------
    file : SafeHyperparameters
        Describes the tagger.
    labels : sequence of str
        Its classes.
    shapes : mapping of str to tuple of int
        Of the tensors in the file of weights.
    read : callable
        Reads those tensors.
    weights : Path
        The file of weights, for messages.
    build_trusted : callable, optional
        Builds the tagger from the path of a hyperparameter file that is trusted, whatever it names.

    Returns
    -------
    AudioTagger
        For inference, on the CPU.

    Raises
    ------
    InputError
        If the tagger cannot be built, the weights are not its own, or its components, sample rate
        and labels do not fit one another.
    """
    if build_trusted is None:
        _check_shapes(file, shapes, weights)
        tagger = _checked_type(file, file.build("tagger"))
    else:
        tagger = _checked_type(file, build_trusted(file.path))
    tagger.eval()
    load_weights(tagger, read(), str(weights), f"the weights of {file.path}")
    try:
        check_tagger(tagger, file.number("sample_rate"), len(labels))
    except ValueError as error:
        raise InputError(f"{file.path}: {one_line(error)}") from error
    return tagger


def build_any(path: Path, overrides: Overrides | None = None) -> Any:
    """Build the tagger of a trusted hyperparameter file with HyperPyYAML, whatever it names.

    Parameters
    ----------
    path : Path
        The file. Nothing else in it is built, and no weights are loaded.
    overrides : mapping or str, optional
        Values instead of those in the file.

    Raises
    ------
    InputError
        If it cannot be built.
    """
    yaml, text = ruamel.yaml.YAML(), StringIO()
    try:
        with path.open(encoding="utf-8") as file:
            tree = yaml.load(resolve_references(file, overrides, overrides_must_match=True))
        yaml.dump({"tagger": tree["tagger"]}, text)
        return load_hyperpyyaml(text.getvalue())["tagger"]
    except (*MISFITS, ImportError, ruamel.yaml.error.YAMLError) as error:
        raise InputError(f"{path}: the model in it cannot be built: {one_line(error)}") from error


def _check_shapes(file: SafeHyperparameters, found: Shapes, weights: Path) -> None:
    """Compare a model with its weights before memory is taken for either."""
    tagger = _checked_type(file, file.build("tagger", shapes_only=True))
    expected = {name: tuple(tensor.shape) for name, tensor in tagger.state_dict().items()}
    odd = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    odd = [name for name in odd if not name.endswith("num_batches_tracked")]
    if odd:
        raise InputError(
            f"{weights}: expected the weights of {file.path}, but {len(odd)} of {len(expected)}"
            f" tensors do not fit: {first_few(odd)}"
        )


def _checked_type(file: SafeHyperparameters, built: Any) -> AudioTagger:
    if not isinstance(built, AudioTagger):
        raise InputError(f"{file.path}: expected tagger to be an AudioTagger, got something else")
    return built
