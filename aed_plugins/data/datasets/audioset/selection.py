"""What of AudioSet to prepare: lists, classes and ontology, and the segments that they select.

Clips are packed in shards of some 850, in practice under 1000, assigned by a hash of the clip's id.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from aed_plugins.core import InputError, option
from aed_plugins.data.datasets.audioset.lists import (
    FOLDS,
    AudioSetSegment,
    hash_to_fraction,
    read_lists,
)
from aed_plugins.labels import PAPER_CLASSES, Ontology, read_ontology

LABELS = "class_labels_indices.csv"
ONTOLOGY = "ontology.json"
PER_SHARD = 850  # on average; of 1000 clips at most, were they not assigned by a hash
USUAL_LISTS = {
    "train": ("balanced_train_segments.csv", "train_segments.csv"),
    "valid": (),
    "eval": ("eval_segments.csv",),
}


@dataclass(frozen=True)
class AudioSetSelection:
    """What of AudioSet to prepare. Files are named from the data folder, or in full."""

    train_segments: str | Sequence[str] | None = option(
        None, "one list or several; by default balanced_train_segments.csv"
    )
    eval_segments: str | Sequence[str] | None = option(
        None, "one list or several; by default eval_segments.csv"
    )
    valid_segments: str | Sequence[str] | None = option(
        None, "one list or several; by default valid_fraction of the training videos"
    )
    valid_fraction: float = option(0.1, "fraction of the training videos; 0 for no validation")
    classes: str | Sequence[str] = option(PAPER_CLASSES, "names or MIDs; by default the paper's")
    ontology: str | None = option(None, "ontology.json, where there is one")
    audio_folder: str | None = option(None, "the folder of the clips; by default audio")
    negatives: str = option("keep", "or drop: what becomes of clips with none of the classes")
    skip_bad_clips: bool = option(False, "leave out clips that cannot be read")


def check_selection(selection: AudioSetSelection) -> None:
    """Check the options that can be checked without the data.

    Parameters
    ----------
    selection : AudioSetSelection
        What to prepare.

    Raises
    ------
    InputError
        If one has a value that is not possible.
    """
    if selection.negatives not in {"keep", "drop"}:
        raise InputError(f"--negatives: expected keep or drop, got {selection.negatives!r}")
    value = selection.valid_fraction
    if not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise InputError(f"--valid_fraction: expected a fraction from 0 to below 1, got {value!r}")


def resolve_name(folder: Path, name: str) -> Path:
    """Return the path that a user named from the data folder, or else from the working one.

    Parameters
    ----------
    folder : Path
        The data folder.
    name : str
        What the user gave.
    """
    inside = folder / str(name)
    return inside if inside.exists() else Path(str(name))


def read_selected_ontology(
    folder: Path, selection: AudioSetSelection
) -> tuple[Ontology, list[str]]:
    """Read the ontology that is named, or that of the data folder; without it, warn.

    Parameters
    ----------
    folder : Path
        The data folder.
    selection : AudioSetSelection
        What to prepare.

    Returns
    -------
    tuple of Ontology and list of str
        The ontology, and warnings.
    """
    if selection.ontology is not None:
        return read_ontology(folder / LABELS, resolve_name(folder, selection.ontology)), []
    if (folder / ONTOLOGY).is_file():
        return read_ontology(folder / LABELS, folder / ONTOLOGY), []
    lacking = (
        f"{folder}: no {ONTOLOGY}, so labels count for themselves alone and baby cry is not crying;"
        " https://github.com/audioset/ontology has it, --ontology names one elsewhere"
    )
    return read_ontology(folder / LABELS, None), [lacking]


def list_counted_labels(ontology: Ontology, chosen: str) -> list[str]:
    """Return the names of the other labels that count for a class.

    Parameters
    ----------
    ontology : Ontology
        The hierarchy of the classes.
    chosen : str
        The class's MID.
    """
    others = (mid for mid in ontology.tagged if mid != chosen)
    return [ontology.names[mid] for mid in others if ontology.counted_for(mid, [chosen])]


def select_segments(
    folder: Path, selection: AudioSetSelection, ontology: Ontology, chosen: list[str]
) -> tuple[dict[str, AudioSetSegment], dict[str, str]]:
    """Return the selected segments, and the shard of each, by clip id.

    How many shards a list has depends on its rows, not on which clips are there, so that of a clip
    that comes later one shard is written again.

    Parameters
    ----------
    folder : Path
        The data folder.
    selection : AudioSetSelection
        What to prepare.
    ontology : Ontology
        The names of all classes.
    chosen : list of str
        The MIDs of the chosen classes.
    """
    lists = {fold: list(_lists(folder, selection, fold)) for fold in FOLDS}
    places = {mid: tuple(ontology.counted_for(mid, chosen)) for mid in ontology.names}
    listed = read_lists(lists, places, 0 if lists["valid"] else selection.valid_fraction)
    rows = Counter(segment.list_name for segment in listed.values())
    tag = ""
    if selection.negatives == "drop":
        # The shards hold other clips than those of other classes, and a run may be using these.
        tag = f"-{hashlib.sha256(' '.join(sorted(chosen)).encode()).hexdigest()[:8]}"
        listed = {clip: segment for clip, segment in listed.items() if segment.classes}
    return listed, {
        clip: f"{segment.list_name}{tag}-{_shard_number(clip, rows[segment.list_name]):04d}"
        for clip, segment in listed.items()
    }


def _lists(folder: Path, selection: AudioSetSelection, fold: str) -> Iterator[Path]:
    given = getattr(selection, f"{fold}_segments")
    if given:
        names = [given] if isinstance(given, str) else given
        yield from (resolve_name(folder, name) for name in names)
    elif USUAL_LISTS[fold]:
        usual = [folder / name for name in USUAL_LISTS[fold]]
        yield next((path for path in usual if path.is_file()), usual[0])


def _shard_number(clip: str, rows: int) -> int:
    return 0 if rows <= 1000 else int(hash_to_fraction(clip) * math.ceil(rows / PER_SHARD))


def compute_tag(selection: AudioSetSelection) -> str:
    """Return what names the manifest and report of a selection, for runs at the same time.

    Parameters
    ----------
    selection : AudioSetSelection
        What to prepare.
    """
    values = [str(getattr(selection, item.name)) for item in fields(AudioSetSelection)]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:8]
