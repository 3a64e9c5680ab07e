"""Which label of one dataset is which of another."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import ruamel.yaml

from aed_plugins.core import InputError, first_few, one_line


class LabelPair(NamedTuple):
    """A label of the model, and what the dataset calls the same."""

    model: str
    data: str


class LabelMatching(NamedTuple):
    """Which labels are evaluated, and why the others are not.

    Attributes
    ----------
    shared : list of LabelPair
        Those that are evaluated.
    left_out : dict of str to str
        The others, each with its reason.
    """

    shared: list[LabelPair]
    left_out: dict[str, str]


def read_mapping(path: Path, known: Collection[str] | None = None) -> dict[str, str]:
    r"""Read which label of one dataset is which of another.

    Parameters
    ----------
    path : Path
        A YAML file, `label: label of the other dataset` on each line.
    known : collection of str, optional
        All labels of the first dataset; without them, any label may be named.

    Raises
    ------
    InputError
        If it is something else, a label before the colon is unknown, or one on either side comes
        twice; the message names the line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels.yaml"
    >>> _ = path.write_text('siren: Siren\nengine_idling: "Idling"\n')
    >>> read_mapping(path, ["siren", "drilling", "engine_idling"])
    {'siren': 'Siren', 'engine_idling': 'Idling'}
    """
    expected = "expected lines such as siren: Siren"
    try:
        tree = ruamel.yaml.YAML().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such mapping of labels") from error
    except (ruamel.yaml.error.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {expected} in UTF-8, got: {one_line(error)}") from error
    if not isinstance(tree, ruamel.yaml.comments.CommentedMap) or not tree:
        raise InputError(f"{path}: {expected}, got {type(tree).__name__}")
    mapping: dict[str, str] = {}
    for label, other in tree.items():
        where = f"{path} line {tree.lc.key(label)[0] + 1}"
        if not isinstance(other, str) or not other.strip():
            raise InputError(f"{where}: {expected}, got {other!r} for {label}")
        if known is not None and label not in known:
            raise InputError(f"{where}: expected one of {', '.join(known)}, got {label!r}")
        if other in mapping.values():
            raise InputError(f"{where}: {other!r} comes a second time; a label has but one other")
        mapping[str(label)] = str(other)
    return mapping


def pair_labels(model: Mapping[str, str], data: Mapping[str, str]) -> list[LabelPair]:
    """Pair the labels of two datasets that have the same name in a third one.

    Parameters
    ----------
    model, data : mapping of str to str
        The third one's name of each label. The shorter mapping decides the order.

    Examples
    --------
    >>> pair_labels({"siren": "Siren", "dog_bark": "Dog"}, {"dog": "Dog", "siren": "Siren"})
    [LabelPair(model='siren', data='siren'), LabelPair(model='dog_bark', data='dog')]
    """
    by_name = {name: label for label, name in data.items()}
    pairs = [LabelPair(label, by_name[name]) for label, name in model.items() if name in by_name]
    if len(data) < len(model):
        order = list(data)
        pairs.sort(key=lambda pair: order.index(pair.data))
    return pairs


def match_labels(
    pairs: Sequence[LabelPair],
    model: Collection[str],
    data: Collection[str],
    chosen: Collection[str] | None = None,
) -> LabelMatching:
    """Find the labels that can be evaluated: the model and the dataset have both.

    Parameters
    ----------
    pairs : sequence of LabelPair
        The mapping.
    model, data : collection of str
        The labels of either.
    chosen : collection of str, optional
        Of the dataset's labels those to evaluate; all by default.

    Raises
    ------
    InputError
        If there is none, or one that was chosen is not among them.

    Examples
    --------
    >>> named = {"siren": "Siren", "drilling": "Drill", "dog_bark": "Dog"}
    >>> pairs = [LabelPair(model, data) for model, data in named.items()]
    >>> match_labels(pairs, ["siren", "drilling", "whistle"], ["Siren", "Dog"])
    LabelMatching(shared=[LabelPair(model='siren', data='Siren')],
                  left_out={'drilling': "the dataset has no label 'Drill'",
                            'Dog': "the model has no label 'dog_bark'",
                            'whistle': 'it has no counterpart in the mapping'})
    """
    shared: list[LabelPair] = []
    left_out: dict[str, str] = {}
    for pair in pairs:
        if pair.model not in model:
            left_out[pair.data] = f"the model has no label {pair.model!r}"
        elif pair.data not in data:
            left_out[pair.model] = f"the dataset has no label {pair.data!r}"
        elif chosen is not None and pair.data not in chosen:
            left_out[pair.data] = "it is not among --classes"
        else:
            shared.append(pair)
    mapped = {pair.model for pair in pairs}
    left_out |= {
        label: "it has no counterpart in the mapping" for label in model if label not in mapped
    }
    found = {pair.data for pair in shared}
    unknown = [label for label in chosen or () if label not in found]
    if unknown:
        common = [pair.data for pair in pairs if pair.model in model and pair.data in data]
        raise InputError(
            "--classes: expected labels that model and dataset share"
            f" ({', '.join(common) or 'there are none'}), got {unknown[0]!r}"
        )
    if not shared:
        raise InputError(
            f"the model's labels ({first_few(list(model))}) and the dataset's"
            f" ({first_few(list(data))}) have none in common by the mapping; give another --mapping"
        )
    return LabelMatching(shared, left_out)
