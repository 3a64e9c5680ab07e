"""UrbanSound8K: 8732 clips of up to 4 s, ten classes, ten official folds.

Source: Salamon, Jacoby, Bello, "A Dataset and Taxonomy for Urban Sound Research" (ACM MM 2014);
https://urbansounddataset.weebly.com/urbansound8k.html; CC BY-NC 3.0. The folder holds
`metadata/UrbanSound8K.csv` and `audio/fold1` to `audio/fold10`. The folds are official: slices of
one recording share a fold, so clips must never be moved between them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from aed_plugins.core import InputError, option
from aed_plugins.data.datasets.audioset_names import read_audioset_names
from aed_plugins.data.datasets.official_folds import OfficialFoldsDataset
from aed_plugins.data.folds import Fold
from aed_plugins.data.preparation import ListedClip, PreparedData, read_csv_rows
from aed_plugins.data.synthetic.urbansound import build_urbansound_demonstration

# In the order of the official classID.
LABELS = (
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
)
CLIPS = 8732
FOLDS = range(1, 11)
TABLE = "metadata/UrbanSound8K.csv"
CROP = 2.0  # seconds of a training clip: a slice has its sound from beginning to end


@dataclass(frozen=True)
class UrbanSoundRow:
    """A row of the official table: a file's name, its fold, and its class."""

    name: str
    fold: int
    label: str

    @property
    def path(self) -> str:
        """The file below the dataset's folder."""
        return f"audio/fold{self.fold}/{self.name}"


@dataclass(frozen=True)
class UrbanSound8K(OfficialFoldsDataset):
    """UrbanSound8K: one label per clip.

    Examples
    --------
    >>> dataset = UrbanSound8K(data_folder="data/UrbanSound8K", test_folds="all")
    >>> len(dataset.labels), dataset.label_type, dataset.license
    (10, 'single', 'CC BY-NC 3.0')
    """

    title = "UrbanSound8K"
    license = "CC BY-NC 3.0"
    link = "https://urbansounddataset.weebly.com/urbansound8k.html"
    keys = ("urbansound",)
    default_folder = Path("data/UrbanSound8K")
    demonstration_folder = Path("data/UrbanSound8K_demonstration")
    table = TABLE
    hparams: ClassVar[Mapping[str, Any]] = {"crop": CROP}

    data_folder: str | None = option(
        None, "data/UrbanSound8K, or a demonstration corpus if there is none"
    )
    test_folds: Sequence[Fold] | str | None = option(
        (10,), "folds to test, a run each, such as [1,2]; all: the official protocol"
    )

    @property
    def labels(self) -> list[str]:
        """The ten classes, in the order of the official classID."""
        return list(LABELS)

    @property
    def audioset_mapping(self) -> dict[str, str]:
        """AudioSet's name of each class."""
        return read_audioset_names("urbansound8k", self.labels)

    def build_demonstration(self, folder: Path) -> Path:
        """Build the demonstration corpus."""
        return build_urbansound_demonstration(folder)

    def prepare(self, sample_rate: int) -> PreparedData:
        """Check the dataset, decode what is new, write the manifest."""
        folder = self.folder
        rows = read_table(folder / TABLE)
        expected = len(rows) if self.is_demonstration else CLIPS
        clips = {
            row.name: ListedClip(folder / row.path, f"fold{row.fold}", [row.label], row.fold)
            for row in rows
        }
        extra = find_unlisted(folder, rows)
        missing = self.find_missing(clips, expected, self.title, extra=extra)
        absent = {folder / path for path in missing}
        present = {name: clip for name, clip in clips.items() if clip.path not in absent}
        manifest = self.prepared_at() / str(sample_rate) / "manifest.json"
        packed = self.pack(present, expected, manifest, sample_rate)
        return replace(packed, rows_without_file=missing, files_without_row=extra)


def read_table(path: Path) -> list[UrbanSoundRow]:
    """Read the official table.

    Parameters
    ----------
    path : Path
        `metadata/UrbanSound8K.csv`; some mirrors call its last column `class_name`.

    Raises
    ------
    InputError
        If it is not a table with its columns, or rows have another fold or class; the message
        names the line.
    """
    rows: dict[str, UrbanSoundRow] = {}
    columns = ("slice_file_name", "fold", "classID", "class")
    for where, fields in read_csv_rows(path, columns, {"class_name": "class"}):
        row = _row(where, fields)
        if row.name in rows:
            raise InputError(f"{where}: {row.name} is listed a second time")
        rows[row.name] = row
    if not rows:
        raise InputError(f"{path}: expected {CLIPS} rows, found none")
    return list(rows.values())


def _row(where: str, row: Mapping[str | None, Any]) -> UrbanSoundRow:
    name, fold, class_id, label = (
        (row[column] or "").strip() for column in ("slice_file_name", "fold", "classID", "class")
    )
    if not name or Path(name).name != name:
        raise InputError(f"{where}: expected a file's name as slice_file_name, got {name!r}")
    if fold not in {str(number) for number in FOLDS}:
        raise InputError(f"{where}: expected a fold from 1 to 10 for {name}, got {fold!r}")
    if label not in LABELS:
        raise InputError(f"{where}: expected one of {', '.join(LABELS)} for {name}, got {label!r}")
    official = str(LABELS.index(label))
    if class_id != official:
        raise InputError(f"{where}: expected classID {official} for {label}, got {class_id!r}")
    return UrbanSoundRow(name, int(fold), label)


def find_unlisted(folder: Path, rows: list[UrbanSoundRow]) -> list[str]:
    """Return the files that the table does not list, as paths below the folder.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    rows : list of UrbanSoundRow
        The table.
    """
    there = {
        f"audio/fold{fold}/{file.name}"
        for fold in FOLDS
        for file in (folder / f"audio/fold{fold}").glob("[!.]*.wav")
    }
    return sorted(there - {row.path for row in rows})
