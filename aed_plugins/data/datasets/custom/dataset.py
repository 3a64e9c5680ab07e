"""Clips of a user's own, from a CSV or a folder per class.

Clips that have neither fold nor split are assigned to folds, those of one recording together.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from aed_plugins.audio import check_duration, read_info
from aed_plugins.core import InputError, error_prefix, first_few, option
from aed_plugins.data.dataset import LabelType
from aed_plugins.data.datasets.custom.folds import (
    assign_custom_folds,
    check_training_clips,
    split_by_column,
)
from aed_plugins.data.datasets.custom.listing import SPLITS, ClipListing, CustomClip, read_listing
from aed_plugins.data.datasets.folded import FoldedDataset
from aed_plugins.data.folds import Fold, FoldSplit
from aed_plugins.data.manifest import read_manifest
from aed_plugins.data.preparation import (
    ListedClip,
    PreparedData,
    default_prepared_folder,
    pack_listed_clips,
    write_manifest,
)
from aed_plugins.labels import read_mapping

LONGEST = 30.0  # seconds; a longer file would be padded to by every other clip of its batch
PER_SHARD = 1000
TOGETHER = "all"  # the fold of clips without folds that a model of other data is evaluated on
UNKNOWN = "not stated"


@dataclass(frozen=True)
class CustomDataset(FoldedDataset):
    """Clips of a user's own, one label per clip or several.

    Examples
    --------
    >>> dataset = CustomDataset(clips="clips.csv", license="CC0", title="Yard sounds")
    >>> dataset.license, dataset.link
    ('CC0', 'not stated')
    """

    clips: str | None = option(None, "a CSV, or a folder with a folder per class")
    prepared_folder: str | None = option(
        None, "where decoded audio is kept; by default a folder in data/prepared"
    )
    multi_label: bool = option(
        False, "several labels per clip, or none, even where no clip has several"
    )
    folds: int = option(5, "how many folds to make where the CSV has none")
    test_folds: Sequence[Fold] | str | None = option(
        None, "folds to test, a run each, such as [1,2]; all: every clip is tested once; the last"
    )
    skip_bad_clips: bool = option(False, "leave out clips that cannot be used")
    audioset_names: str | None = option(None, "a YAML file: what AudioSet calls the labels")
    title: str = option("Own clips", "what the clips are called, for the model card")
    license: str = option(UNKNOWN, "the terms of the clips, for the model card")
    link: str = option(UNKNOWN, "where the clips come from, for the model card")

    training_options: ClassVar[frozenset[str]] = FoldedDataset.training_options | {
        *("multi_label", "folds", "title", "license", "link")
    }

    @cached_property
    def listing(self) -> ClipListing:
        """The clips as they are listed.

        Raises
        ------
        InputError
            If there are none, or the list is malformed; the message names the line.
        """
        return read_listing(self.clips)

    @property
    def name(self) -> str:
        """The name of the CSV or the folder."""
        return self.listing.name

    @property
    def place(self) -> str:
        """The CSV or the folder."""
        return str(self.listing.source)

    @property
    def labels(self) -> list[str]:
        """All labels, sorted."""
        return self.listing.labels

    @cached_property
    def label_type(self) -> LabelType:
        """Several labels per clip if the option says so, or any clip has several.

        Raises
        ------
        InputError
            If there are too few classes, or a clip has no label and may not.
        """
        return "multi" if self.listing.multi_label(self.multi_label) else "single"

    @cached_property
    def audioset_mapping(self) -> dict[str, str] | None:
        """AudioSet's name of each label, if the user gives a file of them.

        Raises
        ------
        InputError
            If the file is malformed, or has a label that no clip has.
        """
        if self.audioset_names is None:
            return None
        return read_mapping(Path(str(self.audioset_names)), self.labels)

    def prepare(self, sample_rate: int) -> PreparedData:
        """Decode what is new, assign the clips to folds if need be, write the manifest.

        Parameters
        ----------
        sample_rate : int
            The rate to decode to, in hertz.

        Raises
        ------
        InputError
            If clips are missing, cannot be read, or are shorter than 0.05 s or longer than 30 s, or
            a class has too few recordings for the folds.
        """

        def assign(usable: Mapping[str, CustomClip]) -> Mapping[str, Fold]:
            return assign_custom_folds(self.listing.source, usable, self.folds)

        return self._prepare(sample_rate, f"manifest-{self.folds}.json", assign)

    def prepare_evaluation(self, sample_rate: int, labels: Sequence[str]) -> PreparedData:
        """Prepare the clips; those without folds are evaluated together."""
        del labels
        return self._prepare(
            sample_rate, "manifest-evaluation.json", lambda usable: dict.fromkeys(usable, TOGETHER)
        )

    def _prepare(
        self,
        sample_rate: int,
        name: str,
        assign: Callable[[Mapping[str, CustomClip]], Mapping[str, Fold]],
    ) -> PreparedData:
        listing, given = self.listing, self.prepared_folder
        prepared = Path(str(given)) if given else default_prepared_folder(listing.source)
        listed = _list_clips(listing)
        refused = {name: why for name, clip in listed.items() if (why := _find_defect(clip.path))}
        packed, bad = pack_listed_clips(
            listed, prepared, sample_rate, skip_bad_clips=self.skip_bad_clips, refused=refused
        )
        usable = {name: clip for name, clip in listing.clips.items() if name in packed}
        if not usable:
            reasons = first_few([*bad.values()], 1)
            raise InputError(f"{listing.source}: no clip can be used: {reasons}")
        if any(clip.fold is None for clip in usable.values()):
            folds = assign(usable)
            listed = {name: listed[name]._replace(fold=fold) for name, fold in folds.items()}
        manifest = prepared / str(sample_rate) / name
        return PreparedData(
            manifest=manifest,
            folds=write_manifest(manifest, listed, packed),
            state="complete" if len(packed) == len(listing.clips) else "partial",
            clips=len(packed),
            expected_clips=len(listing.clips),
            skipped_clips=bad,
        )

    def splits(self, prepared: PreparedData) -> list[FoldSplit]:
        """Return the runs: as the column split says, else one for each test fold.

        Parameters
        ----------
        prepared : PreparedData
            What `prepare` returned.

        Raises
        ------
        InputError
            If a split lacks what is needed, folds cannot be as they were wanted, or a class has no
            clip to train on.
        """
        if set(prepared.folds) <= set(SPLITS):
            given = {"test": self.test_folds, "valid": self.valid_folds, "train": self.train_folds}
            splits = [split_by_column(prepared.folds, given)]
        else:
            splits = super().splits(prepared)
        check_training_clips(self.listing, read_manifest(prepared.manifest), splits)
        return splits

    def evaluation_folds(self, prepared: PreparedData) -> list[Fold]:
        """Return all folds; of clips that are split, the test clips."""
        split = "test" in prepared.folds and set(prepared.folds) <= set(SPLITS)
        return ["test"] if split else list(prepared.folds)


def _list_clips(listing: ClipListing) -> dict[str, ListedClip]:
    shards = 1 + len(listing.clips) // PER_SHARD
    return {
        name: ListedClip(
            clip.path,
            f"clips{zlib.crc32(name.encode()) % shards}",
            clip.labels,
            0 if clip.fold is None else clip.fold,
            "" if listing.source.is_dir() else clip.row,
        )
        for name, clip in listing.clips.items()
    }


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
