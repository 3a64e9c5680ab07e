"""A hyperparameter file as one run uses it: resolved once, then asked, built and written."""

import contextlib
import copy
import functools
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ruamel.yaml
from hyperpyyaml import load_hyperpyyaml, resolve_references
from ruamel.yaml.comments import CommentedMap

from aed_plugins.core import InputError, atomic_write, one_line

PRETRAINED = "pretrained"


class Hyperparameters:
    """A hyperparameter file with overrides applied and references resolved.

    Parameters
    ----------
    file : Path
        The file, for messages.
    text : str
        Its content.
    overrides : mapping
        Values that replace those of the file.

    Attributes
    ----------
    tree : CommentedMap
        The content; nothing of it is built.

    Raises
    ------
    InputError
        If an override has no place in the file, or the file is not YAML.
    """

    def __init__(self, file: Path, text: str, overrides: Mapping[str, Any]) -> None:
        self.file = file
        try:
            resolved = resolve_references(_Named(text, str(file)), dict(overrides), True)
            self.tree: CommentedMap = ruamel.yaml.YAML().load(resolved)
        except (KeyError, ValueError) as error:
            raise InputError(f"{file}: {one_line(error)}") from error
        except ruamel.yaml.error.YAMLError as error:
            raise InputError(f"{file}: not YAML: {one_line(error)}") from error

    @functools.cached_property
    def leaves(self) -> dict[str, str]:
        """The leaves by their path, as text: see `flatten`."""
        return flatten(self.tree)

    def value(self, key: str) -> Any:
        """Return a plain value.

        Parameters
        ----------
        key : str
            Its name at the top level.

        Raises
        ------
        InputError
            If the file has no such value.
        """
        if key not in self.tree:
            raise InputError(f"{self.file}: expected a value for {key}, found none")
        return self.tree[key]

    def build(self, *, pretrained: bool = True) -> dict[str, Any]:
        """Build the objects that the file describes.

        Parameters
        ----------
        pretrained : bool
            Whether to load pretrained weights, which a checkpoint makes needless: every key
            `pretrained` is null otherwise.

        Raises
        ------
        InputError
            If a value in the file cannot be used.
        """
        tree = self.tree if pretrained else _without_pretrained(copy.deepcopy(self.tree))
        text = io.StringIO()
        ruamel.yaml.YAML().dump(tree, text)
        with self.named_mistakes():
            return load_hyperpyyaml(text.getvalue())

    @contextlib.contextmanager
    def named_mistakes(self) -> Iterator[None]:
        """Turn what a value of the file leads to into one line that names the file.

        Raises
        ------
        InputError
            Instead of a `ValueError`, `TypeError`, `KeyError` or `ImportError`.
        """
        try:
            yield
        except InputError:
            raise
        except (ValueError, TypeError, KeyError, ImportError) as error:
            raise InputError(f"{self.file}: {one_line(error)}") from error

    def write(self, path: Path) -> None:
        """Write the resolved file.

        Parameters
        ----------
        path : Path
            Where to.
        """
        with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            ruamel.yaml.YAML().dump(self.tree, file)


def flatten(tree: Any, prefix: str = "") -> dict[str, str]:
    """List the leaves of a hyperparameter file by their path, to compare two of them.

    Parameters
    ----------
    tree : object
        The content or a part of it.
    prefix : str
        Path of that part.

    Examples
    --------
    >>> flatten(ruamel.yaml.YAML().load("{lr: 0.1, head: !new:a.Head {hidden: [3, 4]}}"))
    {'lr': '0.1', 'head': '!new:a.Head', 'head.hidden.0': '3', 'head.hidden.1': '4'}
    """
    tag = getattr(tree, "tag", None)
    named = "" if tag is None or tag.value is None else str(tag.value)
    if isinstance(tree, Mapping):
        items = [(str(key), value) for key, value in tree.items()]
    elif isinstance(tree, list):
        items = [(str(index), value) for index, value in enumerate(tree)]
    else:
        return {prefix: f"{named} {tree}".strip() if named.startswith("!") else str(tree)}
    leaves = {prefix: named} if named.startswith("!") else {}
    for key, value in items:
        leaves |= flatten(value, f"{prefix}.{key}".lstrip("."))
    return leaves


def _without_pretrained(tree: Any) -> Any:
    """Set every value `pretrained` to null, in place."""
    if isinstance(tree, dict):
        for key in tree:
            if key == PRETRAINED:
                tree[key] = None
            else:
                _without_pretrained(tree[key])
    elif isinstance(tree, list):
        for value in tree:
            _without_pretrained(value)
    return tree


class _Named(io.StringIO):
    """Text with the name of its file, beside which HyperPyYAML looks for what it includes."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name
