"""AudioSet's classes: their names, their MIDs, and which class is a kind of which.

Source: Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events", ICASSP
2017; https://research.google.com/audioset/download.html (`class_labels_indices.csv`) and
https://github.com/audioset/ontology (`ontology.json`). A class may have several parents: "Children
shouting" is a "Shout" and one of the "Human group actions". All of them count, as the ontology
says, also where that may surprise: a "Bell" is a "Musical instrument", so a "Bicycle bell" is
"Music". Of 8836 segments with "Music" in the balanced training list, 459 have it in such a way.
"""

import csv
import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError, first_few

# Ten classes of the kind that the paper follows over a football match and a TED talk. The paper's
# own list was not at hand.
PAPER_CLASSES = (
    "Applause",
    "Cheering",
    "Children playing",
    "Clapping",
    "Crowd",
    "Crying, sobbing",
    "Laughter",
    "Music",
    "Shout",
    "Speech",
)


@dataclass(frozen=True)
class Ontology:
    """The classes by their MIDs, such as `/m/09x0r`.

    Attributes
    ----------
    source : str
        The files that were read, for messages.
    names : mapping of str to str
        The name of each MID, in the spelling of `class_labels_indices.csv` where it has one.
    tagged : tuple of str
        The MIDs that clips are labelled with, in the order of `class_labels_indices.csv`.
    parents : mapping of str to tuple of str
        Of the MIDs that have any. Empty when there was no `ontology.json`.

    Examples
    --------
    >>> names = {"/m/1": "Sound", "/m/2": "Crying, sobbing", "/m/3": "Baby cry, infant cry"}
    >>> ontology = Ontology("", names, ("/m/3",), {"/m/3": ("/m/2",), "/m/2": ("/m/1",)})
    >>> ontology.choose(["crying, sobbing", "/m/3"])
    ['/m/2', '/m/3']
    >>> sorted(ontology.ancestors("/m/3"))
    ['/m/1', '/m/2', '/m/3']
    >>> ontology.counted_for("/m/3", ["/m/9", "/m/2"])
    [1]
    """

    source: str
    names: Mapping[str, str]
    tagged: tuple[str, ...]
    parents: Mapping[str, tuple[str, ...]]

    def ancestors(self, mid: str) -> frozenset[str]:
        """Give a class and all that it is a kind of.

        Parameters
        ----------
        mid : str
            The class.
        """
        found, left = {mid}, [mid]
        while left:
            new = set(self.parents.get(left.pop(), ())) - found
            found |= new
            left += new
        return frozenset(found)

    def counted_for(self, mid: str, chosen: Sequence[str]) -> list[int]:
        """Give the places, among chosen classes, of those that a label counts for.

        Parameters
        ----------
        mid : str
            The label: it counts for itself and for its ancestors.
        chosen : sequence of str
            MIDs.
        """
        ancestors = self.ancestors(mid)
        return [place for place, choice in enumerate(chosen) if choice in ancestors]

    def choose(self, classes: Iterable[str]) -> list[str]:
        """Find classes by name, in upper or lower case, or by MID.

        Parameters
        ----------
        classes : iterable of str
            What a user gave; a single name is taken as a list of one.

        Returns
        -------
        list of str
            Their MIDs, in the same order.

        Raises
        ------
        InputError
            If there is none, one is unknown, or one comes twice.
        """
        wanted = [classes] if isinstance(classes, str) else list(classes)
        if not wanted:
            raise InputError("expected classes by name or MID, got none; name some in --classes")
        by_name: dict[str, list[str]] = {}
        for mid, name in self.names.items():
            by_name.setdefault(name.lower(), []).append(mid)
        chosen: list[str] = []
        for item in wanted:
            mid = self._find(item, by_name)
            if mid in chosen:
                raise InputError(f"--classes: {self.names[mid]} ({mid}) is chosen a second time")
            chosen.append(mid)
        return chosen

    def _find(self, item: object, by_name: Mapping[str, list[str]]) -> str:
        text = str(item).strip()
        if text in self.names:
            return text
        found = by_name.get(text.lower(), [])
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"--classes: {text!r} is {' and '.join(found)}; choose by MID")
        close = difflib.get_close_matches(text.lower(), by_name, n=1)
        near = [self.names[by_name[name][0]] for name in close]
        there = [repr(self.names[mid]) for mid in self.tagged]
        hint = f"did you mean {near[0]!r}?" if near else f"it has {first_few(there, shown=5)}"
        raise InputError(f"--classes: expected a class of {self.source}, got {text!r}; {hint}")


def read_ontology(labels: str | Path, ontology: str | Path | None) -> Ontology:
    """Read AudioSet's two lists of classes.

    Parameters
    ----------
    labels : str or Path
        `class_labels_indices.csv`: columns index, mid, display_name.
    ontology : str or Path, optional
        `ontology.json`. Without it no class has parents, and labels count for themselves alone.

    Raises
    ------
    InputError
        If one is missing or malformed; the message names the line, or the class.
    """
    labels = Path(labels)
    tagged = _read_labels(labels)
    if ontology is None:
        return Ontology(str(labels), tagged, tuple(tagged), {})
    path = Path(ontology)
    entries = _read_entries(path)
    names = {mid: name for mid, (name, _) in entries.items()} | tagged
    parents: dict[str, tuple[str, ...]] = {}
    for mid, (name, children) in entries.items():
        for child in children:
            if child not in names:
                raise InputError(
                    f"{path}: {name} ({mid}) has the child {child}, which is not there"
                )
            parents[child] = (*parents.get(child, ()), mid)
    made = Ontology(f"{labels} and {path}", names, tuple(tagged), parents)
    for mid, above in parents.items():
        if any(mid in made.ancestors(parent) for parent in above):
            raise InputError(f"{path}: {names[mid]} ({mid}) is its own ancestor; download it again")
    return made


def _read_labels(path: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if not {"mid", "display_name"} <= set(columns):
                came = ", ".join(columns) or "none"
                raise InputError(f"{path}: expected columns index, mid, display_name, got {came}")
            for row in reader:
                mid, name = ((row[key] or "").strip() for key in ("mid", "display_name"))
                where = f"{path} line {reader.line_num}"
                if not mid or not name:
                    raise InputError(f"{where}: expected a MID and a name, got {mid!r}, {name!r}")
                if mid in names:
                    raise InputError(f"{where}: {mid} is listed a second time")
                names[mid] = name
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; it comes with AudioSet's segment lists,"
            " https://research.google.com/audioset/download.html"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: expected a CSV table in UTF-8: {error}") from error
    if not names:
        raise InputError(f"{path}: expected classes, found none; download it again")
    return names


def _read_entries(path: Path) -> dict[str, tuple[str, list[str]]]:
    """Give name and children by MID."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file; https://github.com/audioset/ontology has it"
        ) from error
    except ValueError as error:
        raise InputError(f"{path}: expected AudioSet's ontology as JSON: {error}") from error
    if not isinstance(content, list) or not content:
        raise InputError(f"{path}: expected a list of classes, got {type(content).__name__}")
    entries: dict[str, tuple[str, list[str]]] = {}
    for number, entry in enumerate(content, start=1):
        if not _is_entry(entry):
            raise InputError(f"{path} entry {number}: expected id, name and child_ids")
        if entry["id"] in entries:
            raise InputError(f"{path} entry {number}: {entry['id']} is listed a second time")
        entries[entry["id"]] = (entry["name"], entry["child_ids"])
    return entries


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("child_ids"), list):
        return False
    return all(isinstance(text, str) for text in (entry.get("id"), entry.get("name")))
