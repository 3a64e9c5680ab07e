"""Folds of one's own clips: made where the list has none, and split for the runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aed_plugins.core import InputError, first_few
from aed_plugins.data.datasets.custom.listing import ClipListing, CustomClip
from aed_plugins.data.folds import Fold, FoldSplit, assign_folds, count_recordings


def assign_custom_folds(
    source: Path, clips: Mapping[str, CustomClip], folds: Any
) -> dict[str, int]:
    """Return the fold of each clip; warn where clips of one recording may be in several.

    Parameters
    ----------
    source : Path
        The list, for messages.
    clips : mapping of str to CustomClip
        The clips that can be used.
    folds : int
        How many folds.

    Raises
    ------
    InputError
        If a class has too few recordings for so many folds.
    """
    if type(folds) is not int or folds < 2:
        raise InputError(f"--folds: expected 2 or more, got {folds!r}")
    if any(clip.recording is None for clip in clips.values()):
        print(
            "warning: no column 'recording': clips that were cut from one recording may be in"
            " different folds, and the scores are then optimistically biased"
        )
    labels = {name: clip.labels for name, clip in clips.items()}
    recordings = {name: clip.recording or name for name, clip in clips.items()}
    for label, count in count_recordings(labels, recordings).items():
        if count < folds:
            first = next(clip for clip in clips.values() if label in clip.labels)
            has = "recording" if first.recording else "clip"
            hint = f", or give --folds={count}" if count > 1 else ", or leave the class out"
            raise InputError(
                f"{first.row}: {label} has {count} {has}{'s' * (count > 1)}, fewer than the"
                f" {folds} folds of {source.name}: add some{hint}"
            )
    return assign_folds(labels, recordings, folds)


def split_by_column(folds: Sequence[Fold], given: Mapping[str, Any]) -> FoldSplit:
    """Return the run that a column `split` describes.

    Parameters
    ----------
    folds : sequence of str
        Those that have clips: of `train`, `valid` and `test`.
    given : mapping of str to object
        The folds given for each of the three; `None` where none are given.

    Raises
    ------
    InputError
        If a split lacks what is needed, or other folds are given.

    Examples
    --------
    >>> split_by_column(["test", "train"], {"test": None, "valid": None, "train": None})
    FoldSplit(test='test', valid=[], train=['train'])
    """
    for name, value in given.items():
        if value is not None:
            raise InputError(f"--{name}_folds: the column split says what is what: leave it out")
        if name not in folds and name != "valid":
            raise InputError(f"expected clips whose split is {name}, found none")
    return FoldSplit("test", [fold for fold in folds if fold == "valid"], ["train"])


def check_training_clips(
    listing: ClipListing, entries: Mapping[str, Mapping[str, Any]], splits: Sequence[FoldSplit]
) -> None:
    """Check that every class has clips to train on in every run.

    Parameters
    ----------
    listing : ClipListing
        The clips.
    entries : mapping
        The manifest.
    splits : sequence of FoldSplit
        The runs.

    Raises
    ------
    InputError
        If one has none; the message names its first row.
    """
    for split in splits:
        trained = Counter(
            label
            for entry in entries.values()
            if entry["fold"] in split.train
            for label in entry["labels"]
        )
        for label in listing.labels:
            if not trained[label]:
                first = next(clip for clip in listing.clips.values() if label in clip.labels)
                there = first_few([str(fold) for fold in split.train])
                raise InputError(
                    f"{first.row}: {label} has no clip to train on when {split.name} is tested"
                    f" (training: {there}): add clips, or leave the class out"
                )
