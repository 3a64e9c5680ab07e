"""A hyperparameter file from elsewhere: read and checked whole before anything in it is built.

A HyperPyYAML file can name any object of Python. Here it is parsed to nodes, the nodes are checked,
and what is asked for is built from those same nodes: no second reading could see something else in
the text, and no name in it is ever looked up outside the table of `CLASSES`.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from aed_plugins.core import InputError, one_line
from aed_plugins.models import MISFITS
from aed_plugins.pretrained.safe_yaml.allowed import (
    ATTRIBUTES,
    CLASSES,
    GETATTR,
    LEN,
    LIMIT,
    LIMITS,
    NEW,
    NOT_BUILT,
    SOURCES,
    build_component,
)
from aed_plugins.pretrained.safe_yaml.nodes import (
    CONTAINERS,
    MAX_DEPTH,
    MAX_NODES,
    SCALARS,
    TAGS,
    YamlNodes,
)
from aed_plugins.pretrained.safe_yaml.overrides import Overrides

VERSION_KEY, VERSION = "schema_version", 1  # of model folders; without the key it is 1
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # mean, gru, slaney: no path, no URL


class SafeHyperparameters(YamlNodes):
    """A hyperparameter file that has been checked.

    Parameters
    ----------
    path : Path
        The file.
    only : collection of str, optional
        Check and give these keys alone: a training's file has parts that are never built here.
        All of the file otherwise.
    without_sources : bool
        Leave out arguments that fetch weights (`pretrained`, `sha256`) instead of refusing them.
    overrides : mapping or str, optional
        Values instead of those in the file, checked as these are: see `apply_overrides`.

    Raises
    ------
    InputError
        If it is no such file, or something in it is not allowed; the message names file and line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "hyperparams.yaml"
    >>> _ = path.write_text("norm: !new:aed_plugins.models.FeatureNormalization {n_mels: 4}")
    >>> SafeHyperparameters(path).build("norm").mean.shape
    torch.Size([4])
    >>> _ = path.write_text("norm: !apply:os.system [date]")
    >>> SafeHyperparameters(path)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    aed_plugins.core.errors.InputError: ...yaml line 1: !apply:os.system is not allowed: ...
    """

    def __init__(
        self,
        path: Path,
        only: Collection[str] | None = None,
        without_sources: bool = False,
        overrides: Overrides | None = None,
    ) -> None:
        super().__init__(path, overrides)
        self._without_sources = without_sources
        # Nodes and the depth below, of what has been checked, by what limit.
        self._checked: dict[tuple[int, float], tuple[int, int]] = {}
        self._check_version()
        if only is not None:
            self.top = {name: node for name, node in self.top.items() if name in only}
        self._total(list(self.top.values()), 0, [""] * len(self.top))

    def __contains__(self, key: str) -> bool:
        return key in self.top

    def texts(self, key: str) -> list[str]:
        """Return a list of texts, as they are written.

        Raises
        ------
        InputError
            If there is none, or not of texts.
        """
        node = self.value(key)
        items = node.value if isinstance(node, SequenceNode) and node.tag in CONTAINERS else []
        scalars = [item for item in items if isinstance(item, ScalarNode) and item.tag in SCALARS]
        if not items or len(scalars) < len(items):
            self.refuse(node, f"expected a list of texts for {key}")
        return [item.value for item in scalars]

    def flag(self, key: str) -> bool:
        """Return a true or false.

        Raises
        ------
        InputError
            If there is none.
        """
        value = self.plain(self.value(key))
        if not isinstance(value, bool):
            self.refuse(self.top[key], f"expected true or false for {key}, got {value!r}")
        return value

    def number(self, key: str) -> int:
        """Return a whole number above 0.

        Raises
        ------
        InputError
            If there is none.
        """
        value = self.plain(self.value(key))
        if type(value) is not int or value < 1:
            self.refuse(self.top[key], f"expected a number of 1 or more for {key}, got {value!r}")
        return value

    def build(self, key: str, shapes_only: bool = False) -> Any:
        """Build an object.

        Parameters
        ----------
        key : str
            Its name at the top level.
        shapes_only : bool
            Take no memory for weights: everything but features lies on torch's meta device.

        Raises
        ------
        InputError
            If there is none, or it cannot be built.
        """
        return self._build(self.value(key), {}, shapes_only)

    def resolved(self, key: str) -> Node:
        """Return a part of the file with references and functions replaced by what they stand for.

        Parameters
        ----------
        key : str
            Its name at the top level.

        Raises
        ------
        InputError
            If there is none, or a function's value cannot be found.
        """
        return self._copy(self.value(key), {})

    # Checking

    def _check_version(self) -> None:
        """Refuse what a newer aed_plugins wrote, before anything in it is called not allowed."""
        version = self.number(VERSION_KEY) if VERSION_KEY in self.top else 1
        if version > VERSION:
            raise InputError(
                f"{self.path}: was written by a newer aed_plugins (schema version {version}, this"
                f" one reads up to {VERSION}): upgrade aed_plugins"
            )

    def _check(self, node: Node, depth: int, argument: str) -> tuple[int, int]:
        """Refuse what is not allowed; return the number of nodes and their depth."""
        node = self.target(node)
        key = id(node), LIMITS.get(argument, LIMIT) if argument else 0
        known = self._checked.get(key)
        if depth + (known[1] if known else 0) > MAX_DEPTH:
            self.refuse(node, f"nested more than {MAX_DEPTH} deep, or in itself")
        if known is None:
            known = self._checked[key] = self._check_new(node, depth, argument)
        if known[0] > MAX_NODES:
            self.refuse(node, f"expected at most {MAX_NODES} values, with every alias written out")
        return known

    def _check_new(self, node: Node, depth: int, argument: str) -> tuple[int, int]:
        if isinstance(node, ScalarNode):
            self._check_scalar(node, argument)
            return 1, 1
        if isinstance(node, MappingNode):
            return self._check_mapping(node, depth, argument)
        if node.tag == GETATTR:
            self._check_getattr(node)
            return self._total(node.value[:1], depth, [argument])
        if node.tag == LEN:
            counted = [self.target(part) for part in node.value]
            if len(counted) != 1 or not isinstance(counted[0], SequenceNode):
                self.refuse(node, "only the items of one list can be counted")
            argument = ""  # they are not handed on, so they may be any texts
        else:
            if node.tag in CLASSES:
                self.refuse(node, f"expected named arguments for {node.tag}, got a list")
            self._check_tag(node, CONTAINERS)
        return self._total(node.value, depth, [argument] * len(node.value))

    def _check_mapping(self, node: MappingNode, depth: int, argument: str) -> tuple[int, int]:
        entries = self.entries(node)
        if node.tag in CLASSES:
            entries = self._arguments(node, entries)
            return self._total(list(entries.values()), depth, list(entries))
        if node.tag in NOT_BUILT:
            if list(entries) != [NOT_BUILT[node.tag]]:
                self.refuse(node, f"expected {NOT_BUILT[node.tag]} alone, got {', '.join(entries)}")
        else:
            self._check_tag(node, CONTAINERS)
        return self._total(list(entries.values()), depth, [argument] * len(entries))

    def _total(self, nodes: list[Node], depth: int, arguments: list[str]) -> tuple[int, int]:
        pairs = zip(nodes, arguments, strict=True)
        parts = [self._check(node, depth + 1, argument) for node, argument in pairs]
        return 1 + sum(part[0] for part in parts), 1 + max((part[1] for part in parts), default=0)

    def _check_scalar(self, node: ScalarNode, argument: str) -> None:
        if str(node.tag).startswith(NEW):
            self._check_tag(node, CLASSES)
            if node.value:
                self.refuse(node, f"expected named arguments, got {node.value!r}")
            return
        self._check_tag(node, SCALARS)
        value = self.plain(node)
        if not argument:
            return
        if isinstance(value, str) and not WORD.fullmatch(value):
            self.refuse(node, f"expected a plain word for {argument}, no path or URL: {value!r}")
        limit = LIMITS.get(argument, LIMIT)
        if isinstance(value, int | float) and abs(value) > limit:
            self.refuse(node, f"expected at most {limit} for {argument}, got {node.value}")

    def _check_getattr(self, node: Node) -> None:
        parts = node.value
        right = (
            len(parts) == 2
            and self.target(parts[0]).tag in CLASSES
            and isinstance(parts[1], ScalarNode)
            and parts[1].value in ATTRIBUTES
        )
        if not right:
            self.refuse(node, f"only {', '.join(sorted(ATTRIBUTES))} of a component can be read")

    def _check_tag(self, node: Node, allowed: Collection[str]) -> None:
        if node.tag not in allowed:
            self.refuse(
                node,
                f"{str(node.tag).replace(TAGS, '!!')} is not allowed: a model from elsewhere may"
                " name the components of aed_plugins and plain values only; if you trust its makers"
                " as you would trust a program of theirs, give trust_remote_code=True"
                " (--trust-remote-code)",
            )

    def _arguments(self, node: Node, entries: dict[str, Node]) -> dict[str, Node]:
        found = SOURCES & set(entries)
        if found and not self._without_sources:
            self.refuse(
                node,
                f"{' and '.join(sorted(found))} would fetch weights from elsewhere: a model has its"
                " own beside the file",
            )
        return {name: part for name, part in entries.items() if name not in found}

    # Building

    def _build(self, node: Node, built: dict[int, Any], shapes_only: bool) -> Any:
        """Build what a node describes, once for all that refer to it."""
        node = self.target(node)
        if id(node) not in built:
            built[id(node)] = self._made(node, built, shapes_only)
        return built[id(node)]

    def _made(self, node: Node, built: dict[int, Any], shapes_only: bool) -> Any:
        if node.tag == LEN:
            return len(self.target(node.value[0]).value)
        if node.tag == GETATTR:
            return self._attribute(node, self._build(node.value[0], built, shapes_only))
        if isinstance(node, SequenceNode):
            return [self._build(part, built, shapes_only) for part in node.value]
        entries = self.entries(node) if isinstance(node, MappingNode) else {}
        if node.tag in CLASSES:
            entries = self._arguments(node, entries)
        parts = {name: self._build(part, built, shapes_only) for name, part in entries.items()}
        if node.tag in CLASSES:
            return self._called(node, parts, shapes_only)
        return parts if isinstance(node, MappingNode) else self.plain(node)

    def _attribute(self, node: Node, component: Any) -> int:
        name = node.value[1].value
        value = getattr(component, name, None)
        if type(value) is not int:
            self.refuse(node, f"a {type(component).__name__} has no {name}")
        return value

    def _called(self, node: Node, arguments: dict[str, Any], shapes_only: bool) -> Any:
        try:
            return build_component(str(node.tag), arguments, shapes_only)
        except MISFITS as error:
            self.refuse(node, f"{node.tag} cannot be built: {one_line(error)}")

    def _copy(self, node: Node, built: dict[int, Any]) -> Node:
        node = self.target(node)
        if node.tag in (GETATTR, LEN):
            return ScalarNode(TAGS + "int", str(self._build(node, built, shapes_only=True)))
        if isinstance(node, MappingNode):
            entries = self.entries(node)
            if node.tag in CLASSES:
                entries = self._arguments(node, entries)
            pairs = [
                (ScalarNode(TAGS + "str", name), self._copy(part, built))
                for name, part in entries.items()
            ]
            return MappingNode(node.tag, pairs)
        if isinstance(node, SequenceNode):
            parts = [self._copy(part, built) for part in node.value]
            return SequenceNode(node.tag, parts, flow_style=True)
        return ScalarNode(node.tag, node.value)
