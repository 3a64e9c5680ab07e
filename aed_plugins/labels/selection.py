"""Which of a model's classes are wanted: by name, MID or branch of AudioSet's ontology."""

import difflib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from aed_plugins.core import InputError, first_few
from aed_plugins.labels.ontology import PAPER_CLASSES, Ontology, read_ontology

AUDIOSET_CLASSES = Path(__file__).with_name("audioset_classes")
PAPER = "paper"
BRANCH = "/*"


@cache
def audioset_ontology() -> Ontology:
    """Give AudioSet's 527 classes and their ontology, which come with the package."""
    return read_ontology(
        AUDIOSET_CLASSES / "class_labels_indices.csv", AUDIOSET_CLASSES / "ontology.json"
    )


def audioset_labels() -> list[str]:
    """Name AudioSet's 527 classes in the order of `class_labels_indices.csv`.

    Examples
    --------
    >>> labels = audioset_labels()
    >>> len(labels), labels[0], labels[500]
    (527, 'Speech', 'Silence')
    """
    ontology = audioset_ontology()
    return [ontology.names[mid] for mid in ontology.tagged]


def select_classes(labels: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Find the classes of a model that a user asked for.

    Parameters
    ----------
    labels : sequence of str
        The model's.
    wanted : sequence of str
        Names in upper or lower case; AudioSet's MIDs, such as `/m/0bt9lr`; `Dog/*` for a class of
        AudioSet's ontology and all that are a kind of it (for a class that the model does not have,
        such as `Human sounds`, its name alone means that); `paper` for the paper's ten.

    Returns
    -------
    list of int
        Places among the labels, in the order of `wanted`, each once.

    Raises
    ------
    InputError
        If nothing was asked for, or the model has nothing of the kind.

    Examples
    --------
    >>> labels = audioset_labels()
    >>> [labels[place] for place in select_classes(labels, ["siren/*", "/m/09x0r"])]
    ... # doctest: +ELLIPSIS
    ['Siren', 'Police car (siren)', 'Ambulance (siren)', 'Fire engine, fire truck (siren)',
    'Civil defense siren', 'Speech']
    >>> [labels[place] for place in select_classes(labels, ["paper"])][:3]
    ['Applause', 'Cheering', 'Children playing']
    """
    places: dict[str, int] = {}
    for place, label in enumerate(labels):
        places.setdefault(label.lower(), place)
    chosen: list[int] = []
    for item in wanted:
        chosen += [place for place in _places(item.strip(), places, labels) if place not in chosen]
    if not chosen:
        raise InputError("expected classes by name, MID or branch, got none")
    return chosen


def _places(item: str, places: dict[str, int], labels: Sequence[str]) -> list[int]:
    if item.lower() in places:
        return [places[item.lower()]]
    if item == PAPER:
        found = [places[name.lower()] for name in PAPER_CLASSES if name.lower() in places]
    else:
        found = _of_ontology(item, places)
    if not found:
        close = difflib.get_close_matches(item.lower(), places, n=1)
        hint = (
            f"did you mean {labels[places[close[0]]]!r}?"
            if close
            else f"it has {first_few([repr(label) for label in labels], shown=5)}"
        )
        raise InputError(f"--classes: the model has nothing of {item!r}; {hint}")
    return found


def _of_ontology(item: str, places: dict[str, int]) -> list[int]:
    """Give the model's classes that a name or MID of the ontology stands for."""
    ontology = audioset_ontology()
    name = item.removesuffix(BRANCH)
    mids = [m for m, known in ontology.names.items() if name == m or name.lower() == known.lower()]
    own = [places[key] for mid in mids if (key := ontology.names[mid].lower()) in places]
    if own and not item.endswith(BRANCH):
        return own
    below = [
        places[key]
        for mid in ontology.tagged
        if (key := ontology.names[mid].lower()) in places and ontology.ancestors(mid) & set(mids)
    ]
    return own + [place for place in below if place not in own]
