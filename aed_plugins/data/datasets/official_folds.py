"""Datasets of one label per clip with a table of clips and official folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aed_plugins.core import option
from aed_plugins.data.dataset import LabelType
from aed_plugins.data.datasets.folded import FoldedDataset
from aed_plugins.data.datasets.folder import FolderDataset
from aed_plugins.data.preparation import (
    ListedClip,
    PreparedData,
    pack_listed_clips,
    report_incomplete,
    write_manifest,
)


@dataclass(frozen=True)
class OfficialFoldsDataset(FolderDataset, FoldedDataset):
    """A folder with a table that gives each clip one label and one of the official folds."""

    allow_partial: bool = option(False, "go on when clips are missing")

    @property
    def label_type(self) -> LabelType:
        """One label per clip."""
        return "single"

    def find_missing(
        self,
        listed: Mapping[str, ListedClip],
        expected: int,
        title: str,
        *,
        extra: Sequence[str] = (),
        go_on: bool = False,
    ) -> list[str]:
        """Return the files that are listed but missing, as paths below the folder.

        Parameters
        ----------
        listed : mapping of str to ListedClip
            The table.
        expected : int
            How many clips the whole dataset has.
        title : str
            What it is called.
        extra : sequence of str
            Files that the table does not list.
        go_on : bool
            Whether to go on when clips are missing, even if `allow_partial` is false.

        Raises
        ------
        InputError
            If no clip is there, or one is missing and that is not allowed; all are listed in
            `missing.json`.
        """
        paths = [clip.path for clip in listed.values() if not clip.path.is_file()]
        missing = sorted(path.relative_to(self.folder).as_posix() for path in paths)
        whole = len(listed) == expected and not missing and not extra
        if len(missing) == len(listed) or not (whole or self.allow_partial or go_on):
            raise report_incomplete(
                f"{self.folder}: expected the {expected} clips of {title}",
                len(listed),
                missing,
                list(extra),
                self.prepared_at() / "missing.json",
            )
        return missing

    def pack(
        self, clips: Mapping[str, ListedClip], expected: int, manifest: Path, sample_rate: int
    ) -> PreparedData:
        """Decode the clips that are new, and write the manifest.

        Parameters
        ----------
        clips : mapping of str to ListedClip
            Those that are there.
        expected : int
            How many clips the whole dataset has.
        manifest : Path
            The JSON file.
        sample_rate : int
            The rate to decode to, in hertz.

        Raises
        ------
        InputError
            If clips cannot be read and are not to be left out.
        """
        packed, bad = pack_listed_clips(
            clips, self.prepared_at(), sample_rate, skip_bad_clips=self.skip_bad_clips
        )
        return PreparedData(
            manifest=manifest,
            folds=write_manifest(manifest, clips, packed),
            state=self.state(complete=len(packed) == expected),
            clips=len(packed),
            expected_clips=expected,
            skipped_clips=bad,
        )
