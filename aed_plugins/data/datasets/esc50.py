"""ESC-50: 2000 clips of 5 s, fifty classes, five official folds; and its subset ESC-10.

Source: Piczak, "ESC: Dataset for Environmental Sound Classification" (ACM MM 2015);
https://github.com/karolpiczak/ESC-50; CC BY-NC 3.0, ESC-10 CC BY 3.0. The folder holds
`meta/esc50.csv` and `audio`. The folds are official: clips of one recording share a fold, so they
must never be moved between them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from aed_plugins.core import InputError, option
from aed_plugins.data.datasets.audioset_names import read_audioset_names
from aed_plugins.data.datasets.official_folds import OfficialFoldsDataset
from aed_plugins.data.folds import Fold, assign_folds, count_recordings
from aed_plugins.data.preparation import ListedClip, PreparedData, read_csv_rows

CLIPS = {"esc50": 2000, "esc10": 400}
FOLDS = range(1, 6)
TABLE = "meta/esc50.csv"
COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file")
OWN_FOLDS = "_own_folds"  # ends the name of the dataset in folds that are not the official ones


@dataclass(frozen=True)
class ESC50Row:
    """A row of the official table."""

    name: str
    fold: int
    target: int
    label: str
    in_esc10: bool
    recording: str

    @property
    def path(self) -> str:
        """The file below the dataset's folder."""
        return f"audio/{self.name}"


@dataclass(frozen=True)
class ESC50(OfficialFoldsDataset):
    """ESC-50, or ESC-10: one label per clip, the classes in the order of their official targets.

    Examples
    --------
    >>> ESC50().title, ESC50(esc10=True).title, ESC50(esc10=True).license
    ('ESC-50', 'ESC-10', 'CC BY 3.0')
    """

    link = "https://github.com/karolpiczak/ESC-50"
    keys = ("esc50", "esc10", f"esc50{OWN_FOLDS}", f"esc10{OWN_FOLDS}")
    default_folder = Path("data/ESC-50")
    table = TABLE
    training_options: ClassVar[frozenset[str]] = OfficialFoldsDataset.training_options | {
        "folds_by_recording"
    }

    data_folder: str | None = option(None, "data/ESC-50")
    esc10: bool = option(False, "the subset of ten classes, ESC-10")
    test_folds: Sequence[Fold] | str | None = option(
        None, "folds to test, a run each, such as [1,2]; all: the official protocol; the last"
    )
    folds_by_recording: int | None = option(
        None, "where not all five folds are there: so many folds made of what is"
    )

    @property
    def official(self) -> str:
        """Which of the two it is: `esc50` or `esc10`."""
        return "esc10" if self.esc10 else "esc50"

    @property
    def key(self) -> str:
        """The results' name: that of folds of one's own is another."""
        return self.official if self.folds_by_recording is None else f"{self.official}{OWN_FOLDS}"

    @classmethod
    def with_key(cls, key: str) -> "ESC50":
        """Return ESC-50 or ESC-10."""
        return cls(esc10=key.startswith("esc10"))

    @property
    def title(self) -> str:
        """ESC-50 or ESC-10."""
        return "ESC-10" if self.esc10 else "ESC-50"

    @property
    def license(self) -> str:
        """That of ESC-10 is free of the clause against commercial use."""
        return "CC BY 3.0" if self.esc10 else "CC BY-NC 3.0"

    @cached_property
    def rows(self) -> list[ESC50Row]:
        """The rows of the official table that are wanted.

        Raises
        ------
        InputError
            If the table is malformed, or has no row of the subset.
        """
        path = self.folder / TABLE
        chosen = [row for row in read_table(path) if row.in_esc10 or not self.esc10]
        if not chosen:
            raise InputError(f"{path}: expected rows whose esc10 is True, found none")
        return chosen

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of their official targets."""
        names = {row.target: row.label for row in self.rows}
        return [names[target] for target in sorted(names)]

    @property
    def audioset_mapping(self) -> dict[str, str]:
        """AudioSet's name of each class that has one."""
        return read_audioset_names("esc50")

    @property
    def same_clips(self) -> dict[str, bool]:
        """The other names: ESC-10's folds are those of ESC-50, folds of one's own are not."""
        return {
            key: OWN_FOLDS not in key and self.folds_by_recording is None
            for key in self.keys
            if key != self.key or OWN_FOLDS in key
        }

    def prepare(self, sample_rate: int) -> PreparedData:
        """Check the dataset, decode what is new, write the manifest.

        Folds of one's own imply `allow_partial`; they are refused where they are not needed.
        """
        expected, own = CLIPS[self.official], self.folds_by_recording
        clips = {
            row.name: ListedClip(
                self.folder / row.path, f"{self.official}-fold{row.fold}", [row.label], row.fold
            )
            for row in self.rows
        }
        missing = self.find_missing(clips, expected, self.title, go_on=own is not None)
        absent = {self.folder / path for path in missing}
        present = {name: clip for name, clip in clips.items() if clip.path not in absent}
        tag = self.official
        if own is not None:
            tag = f"{tag}-{own}"
            folds = _assign_own_folds([row for row in self.rows if row.name in present], own)
            present = {name: clip._replace(fold=folds[name]) for name, clip in present.items()}
        manifest = self.prepared_at() / str(sample_rate) / f"manifest-{tag}.json"
        packed = self.pack(present, expected, manifest, sample_rate)
        return replace(packed, rows_without_file=missing)


def read_table(path: Path) -> list[ESC50Row]:
    """Read the official table.

    Parameters
    ----------
    path : Path
        `meta/esc50.csv`.

    Raises
    ------
    InputError
        If it is not a table with its columns, or a row cannot be; the message names the line.
    """
    rows: dict[str, ESC50Row] = {}
    labels: dict[int, str] = {}
    for where, fields in read_csv_rows(path, COLUMNS):
        row = _row(where, fields)
        if row.name in rows:
            raise InputError(f"{where}: {row.name} is listed a second time")
        if labels.setdefault(row.target, row.label) != row.label:
            other = labels[row.target]
            raise InputError(f"{where}: target {row.target} was {other} before, now {row.label}")
        rows[row.name] = row
    if not rows:
        raise InputError(f"{path}: expected {CLIPS['esc50']} rows, found none")
    return list(rows.values())


def _row(where: str, fields: Mapping[str | None, Any]) -> ESC50Row:
    name, fold, target, label, esc10, recording = (
        (fields[column] or "").strip() for column in COLUMNS
    )
    if not name or Path(name).name != name:
        raise InputError(f"{where}: expected a file's name as filename, got {name!r}")
    if fold not in {str(number) for number in FOLDS}:
        raise InputError(f"{where}: expected a fold from 1 to 5 for {name}, got {fold!r}")
    if target not in {str(number) for number in range(50)}:
        raise InputError(f"{where}: expected a target from 0 to 49 for {name}, got {target!r}")
    if esc10 not in {"True", "False"}:
        raise InputError(f"{where}: expected True or False as esc10 for {name}, got {esc10!r}")
    if not label or not recording:
        raise InputError(f"{where}: expected a category and a src_file for {name}")
    return ESC50Row(name, int(fold), int(target), label, esc10 == "True", recording)


def _assign_own_folds(rows: list[ESC50Row], folds: int) -> dict[str, int]:
    """Return the fold of each clip; clips of one recording are in one fold."""
    if {row.fold for row in rows} == set(FOLDS):
        raise InputError(
            "--folds_by_recording: the five official folds are there, and scores on others are"
            " not comparable: leave it out"
        )
    labels = {row.name: [row.label] for row in rows}
    recordings = {row.name: row.recording for row in rows}
    counts = count_recordings(labels, recordings)
    number = len(set(recordings.values()))
    if type(folds) is not int or not 2 <= folds <= number:
        raise InputError(f"--folds_by_recording: expected 2 to {number}, got {folds!r}")
    print(f"warning: {folds} folds by recording are not the official ones: not comparable")
    few = [f"{label} ({count})" for label, count in counts.items() if count < folds]
    if few:
        print(f"warning: classes of fewer recordings than folds: {', '.join(few)}")
    return assign_folds(labels, recordings, folds)
