"""Values that a caller gives instead of those in a hyperparameter file, as in HyperPyYAML."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

import ruamel.yaml
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from aed_plugins.core import InputError, one_line

MAPPING = "tag:yaml.org,2002:map"

Overrides = Mapping[str, Any] | str


def apply_overrides(root: MappingNode, overrides: Overrides) -> None:
    """Replace values of a file that is parsed to nodes; what it then holds is still to be checked.

    Parameters
    ----------
    root : MappingNode
        The file; changed in place.
    overrides : mapping or str
        New values by name, or YAML of such. A mapping changes its entries alone, where the file has
        a mapping, too; everything else is replaced. Names at the top level must be in the file.

    Raises
    ------
    InputError
        If the overrides are no plain values by name, or a name is not in the file.

    Examples
    --------
    >>> yaml = ruamel.yaml.YAML(typ="safe", pure=True)
    >>> root = yaml.compose("{rate: 8000, head: !new:Head {size: 3, dropout: 0.2}}")
    >>> apply_overrides(root, {"rate": 16000, "head": {"size": 5}})
    >>> [key.value for key, _ in root.value], root.value[0][1].value
    (['rate', 'head'], '16000')
    >>> [value.value for _, value in root.value[1][1].value]
    ['5', '0.2']
    """
    changes = _parsed(overrides)
    if changes is None:
        return
    known = {key.value for key, _ in root.value}
    for key, _ in changes.value:
        if key.value not in known:
            raise InputError(f"overrides: the hyperparameter file has no {key.value!r}")
    _merge(root, changes)


def _parsed(overrides: Overrides) -> MappingNode | None:
    yaml = ruamel.yaml.YAML(typ="safe", pure=True)
    try:
        if not isinstance(overrides, str):
            text = StringIO()
            yaml.dump(dict(overrides), text)
            overrides = text.getvalue()
        changes = yaml.compose(overrides)
    except (ruamel.yaml.error.YAMLError, TypeError) as error:
        reason = one_line(error, first_line=True)
        raise InputError(f"overrides: expected plain values by name: {reason}") from error
    if changes is not None and not isinstance(changes, MappingNode):
        raise InputError("overrides: expected values by name, got something else")
    return changes


def _merge(node: MappingNode, changes: MappingNode) -> None:
    places = {key.value: place for place, (key, _) in enumerate(node.value)}
    for key, value in changes.value:
        if key.value not in places:
            node.value.append((_placed(key, node), _placed(value, node)))
            continue
        own_key, own = node.value[places[key.value]]
        if isinstance(own, MappingNode) and isinstance(value, MappingNode) and value.tag == MAPPING:
            _merge(own, value)
        else:
            node.value[places[key.value]] = own_key, _placed(value, own_key)


def _placed(node: Node, place: Node) -> Node:
    """Return a node as if it stood where another does, so that errors name that line."""
    node.start_mark = place.start_mark
    parts = [] if isinstance(node, ScalarNode) else node.value
    pairs = parts if isinstance(node, SequenceNode) else [part for pair in parts for part in pair]
    for part in pairs:
        _placed(part, place)
    return node
