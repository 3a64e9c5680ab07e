"""A YAML file as nodes with their tags and lines: nothing is built, and its size is bounded."""

import math
import re
from pathlib import Path
from typing import Any, NoReturn

import ruamel.yaml
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from aed_plugins.core import InputError, one_line
from aed_plugins.pretrained.safe_yaml.overrides import Overrides, apply_overrides

TAGS = "tag:yaml.org,2002:"
SCALARS = frozenset(TAGS + kind for kind in ("str", "int", "float", "bool", "null"))
CONTAINERS = frozenset({TAGS + "seq", TAGS + "map"})
REFERENCE = re.compile(r"<(\w+)((?:\[\w+\])*)>")
MAX_BYTES = 1 << 18  # a model of AudioSet's 527 classes has some 30 kB
MAX_DEPTH = 24
MAX_EVENTS = 20_000  # of parsing, some two for a value
MAX_NODES = 50_000  # with every alias written out


def _yaml() -> ruamel.yaml.YAML:
    """Return the parser that HyperPyYAML reads plain values with, without what it adds."""
    return ruamel.yaml.YAML(typ="safe", pure=True)


class YamlNodes:
    """The top level of a YAML file.

    Parameters
    ----------
    path : Path
        The file.
    overrides : mapping or str, optional
        Values instead of those in the file: see `apply_overrides`.

    Attributes
    ----------
    path : Path
        As given.
    top : dict of str to Node
        What stands at the top level.

    Raises
    ------
    InputError
        If it is no such file; the message names file and line.
    """

    def __init__(self, path: Path, overrides: Overrides | None = None) -> None:
        self.path = path
        self._yaml = _yaml()
        root = _compose(path)
        if not isinstance(root, MappingNode):
            raise InputError(f"{path}: expected a hyperparameter file with keys and values")
        if overrides:
            apply_overrides(root, overrides)
        self.top = self.entries(root)

    def refuse(self, node: Node, problem: str) -> NoReturn:
        """Raise an error about a node.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(f"{self.path} line {node.start_mark.line + 1}: {problem}")

    def entries(self, node: MappingNode) -> dict[str, Node]:
        """Return a mapping's values by their names.

        Raises
        ------
        InputError
            If a key is no plain text, or stands there twice.
        """
        entries: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.tag != TAGS + "str":
                self.refuse(key, "expected a plain name as a key (and no merging with <<)")
            if key.value in entries:
                self.refuse(key, f"{key.value} stands there twice")
            entries[key.value] = value
        return entries

    def value(self, key: str) -> Node:
        """Return the value of a name at the top level, references followed.

        Raises
        ------
        InputError
            If nothing does.
        """
        if key not in self.top:
            raise InputError(f"{self.path}: expected a value for {key}, found none")
        return self.target(self.top[key])

    def target(self, node: Node) -> Node:
        """Follow references (`!ref <name[part]>`), from one to the next, to what they stand for.

        Raises
        ------
        InputError
            If they lead nowhere, or ask for an attribute or arithmetic.
        """
        for _ in range(MAX_DEPTH):
            if node.tag != "!ref":
                return node
            found = REFERENCE.fullmatch(str(node.value))
            if found is None:
                self.refuse(node, f"expected a reference like <name>, got {node.value!r}")
            target, here = node, self.top
            for name in [found[1], *re.findall(r"\w+", found[2])]:
                if name not in here:
                    self.refuse(node, f"there is nothing that {node.value} refers to")
                target = here[name]
                here = self.entries(target) if isinstance(target, MappingNode) else {}
            node = target
        return self.refuse(
            node, "a reference that leads back to itself, or through too many others"
        )

    def plain(self, node: Node) -> Any:
        """Return the value of a scalar: text, number, true or false, or nothing.

        Raises
        ------
        InputError
            If it is none, or not a finite one.
        """
        if not isinstance(node, ScalarNode) or node.tag not in SCALARS:
            self.refuse(node, "expected a plain value")
        try:
            value = self._yaml.constructor.construct_object(node)
        except (ValueError, KeyError, ruamel.yaml.error.YAMLError) as error:
            self.refuse(
                node, f"{node.value[:40]!r} is not what its tag says: {one_line(error)[:80]}"
            )
        if isinstance(value, float) and not math.isfinite(value):
            self.refuse(node, f"expected a finite number, got {node.value}")
        return value


def _compose(path: Path) -> Node | None:
    """Parse the file's one document, after its nesting and the number of its nodes are bounded."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: expected a hyperparameter file of at most {MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8")
        _bound(path, text)
        return _yaml().compose(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text in UTF-8: {error}") from error
    except ruamel.yaml.error.YAMLError as error:
        raise InputError(f"{path}: expected one YAML document: {one_line(error)}") from error


def _bound(path: Path, text: str) -> None:
    """Refuse what composing, which is recursive, could not take."""
    depth = 0
    for number, event in enumerate(_yaml().parse(text)):
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH or number > MAX_EVENTS:
            problem = f"nested more than {MAX_DEPTH} deep, or too many values"
            raise InputError(f"{path} line {event.start_mark.line + 1}: {problem}")
