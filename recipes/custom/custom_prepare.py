"""Preparation of one's own clips: decoded once, split into folds if need be, listed in a manifest.

Clips that have neither fold nor split are assigned to folds, those of one recording together.
"""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from custom_listing import SPLITS, ClipListing, CustomClip

from aed_plugins.audio import check_duration, read_info
from aed_plugins.core import InputError, error_prefix, first_few
from aed_plugins.data import (
    Fold,
    FoldSplit,
    ListedClip,
    PreparedData,
    assign_folds,
    count_recordings,
    default_prepared_folder,
    make_fold_splits,
    pack_listed_clips,
    write_manifest,
)

LONGEST = 30.0  # seconds; a longer file would be padded to by every other clip of its batch
PER_SHARD = 1000


def prepare(
    listing: ClipListing,
    prepared_folder: str | None,
    sample_rate: int,
    *,
    folds: int = 5,
    skip_bad_clips: bool = False,
) -> PreparedData:
    """Decode what is new, assign the clips to folds if need be, write the manifest.

    Parameters
    ----------
    listing : ClipListing
        The clips.
    prepared_folder : str, optional
        Where decoded audio and manifest go; by default a folder in `data/prepared`.
    sample_rate : int
        The rate to decode to, in hertz.
    folds : int
        How many folds to make where the listing has none.
    skip_bad_clips : bool
        Whether to leave out clips that cannot be used.

    Raises
    ------
    InputError
        If clips are missing, cannot be read, or are shorter than 0.05 s or longer than 30 s, or a
        class has too few recordings for the folds.
    """
    prepared = Path(prepared_folder) if prepared_folder else default_prepared_folder(listing.source)
    shards = 1 + len(listing.clips) // PER_SHARD
    listed = {
        name: ListedClip(
            clip.path,
            f"clips{zlib.crc32(name.encode()) % shards}",
            clip.labels,
            0 if clip.fold is None else clip.fold,
            "" if listing.source.is_dir() else clip.row,
        )
        for name, clip in listing.clips.items()
    }
    refused = {name: why for name, clip in listed.items() if (why := _find_defect(clip.path))}
    packed, bad = pack_listed_clips(
        listed, prepared, sample_rate, skip_bad_clips=skip_bad_clips, refused=refused
    )
    usable = {name: clip for name, clip in listing.clips.items() if name in packed}
    if not usable:
        raise InputError(f"{listing.source}: no clip can be used: {first_few([*bad.values()], 1)}")
    if any(clip.fold is None for clip in usable.values()):
        assigned = _assign_folds(listing.source, usable, folds)
        listed = {name: listed[name]._replace(fold=fold) for name, fold in assigned.items()}
    manifest = prepared / str(sample_rate) / f"manifest-{folds}.json"
    return PreparedData(
        manifest=manifest,
        folds=write_manifest(manifest, listed, packed),
        state="complete" if len(packed) == len(listing.clips) else "partial",
        clips=len(packed),
        expected_clips=len(listing.clips),
        skipped_clips=bad,
    )


def _find_defect(path: Path) -> str:
    """Return why a clip cannot be used, or an empty text."""
    try:
        duration = read_info(path).duration
        with error_prefix(path):
            check_duration(duration)
    except InputError as error:
        return str(error)
    if duration > LONGEST:
        return f"{path}: expected up to {LONGEST:g} s, got {duration:.1f} s; cut it into clips"
    return ""


def _assign_folds(source: Path, clips: Mapping[str, CustomClip], folds: Any) -> dict[str, int]:
    """Return the fold of each clip."""
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


def split_folds(
    folds: Sequence[Fold],
    test_folds: Sequence[Fold] | Fold | None = None,
    valid_folds: Sequence[Fold] | Fold | None = None,
    train_folds: Sequence[Fold] | Fold | None = None,
) -> list[FoldSplit]:
    """Split folds for the runs: as given by the list, or the last fold tested unless others are.

    Parameters
    ----------
    folds : sequence of int or str
        Those that have clips.
    test_folds, valid_folds, train_folds
        As for `make_fold_splits`; `None` where a user gives nothing.

    Raises
    ------
    InputError
        If a split lacks what is needed, or folds cannot be as they were wanted.

    Examples
    --------
    >>> split_folds(["test", "train"])
    [FoldSplit(test='test', valid=[], train=['train'])]
    >>> split_folds([1, 2, 3])
    [FoldSplit(test=3, valid=[2], train=[1])]
    """
    if not set(folds) <= set(SPLITS):
        tested = folds[-1] if test_folds is None else test_folds
        return make_fold_splits(folds, tested, valid_folds, train_folds)
    given = {"test": test_folds, "valid": valid_folds, "train": train_folds}
    for name, value in given.items():
        if value is not None:
            raise InputError(f"--{name}_folds: the column split says what is what: leave it out")
        if name not in folds and name != "valid":
            raise InputError(f"expected clips whose split is {name}, found none")
    return [FoldSplit("test", [fold for fold in folds if fold == "valid"], ["train"])]


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
