"""Datasets that are a folder in their makers' layout."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from aed_plugins.core import InputError, option
from aed_plugins.data.dataset import DEMONSTRATION, Dataset
from aed_plugins.data.preparation import default_prepared_folder
from aed_plugins.data.synthetic.corpus import DEMONSTRATION_MARK


@dataclass(frozen=True)
class FolderDataset(Dataset):
    """A dataset in a folder; where there is none, its demonstration corpus, if it has one.

    Attributes
    ----------
    default_folder : Path
        Where the dataset is looked for.
    demonstration_folder : Path or None
        Where its demonstration corpus is built, if it has one.
    table : str
        A file that the folder must hold.
    """

    data_folder: str | None = option(None, "the dataset's folder")
    prepared_folder: str | None = option(
        None, "where decoded audio is kept; by default a folder in data/prepared"
    )
    skip_bad_clips: bool = option(False, "leave out clips that cannot be read")

    default_folder: ClassVar[Path]
    demonstration_folder: ClassVar[Path | None] = None
    table: ClassVar[str]

    @property
    def key(self) -> str:
        """The name, but for the ending of a demonstration."""
        return self.keys[0]

    @property
    def name(self) -> str:
        """What results call it; a demonstration has another name than the real dataset."""
        return f"{self.key}{DEMONSTRATION}" if self.is_demonstration else self.key

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    @cached_property
    def folder(self) -> Path:
        """The folder that is named, else the default one, else a demonstration corpus.

        Raises
        ------
        InputError
            If it is missing, or does not hold the table; the message says where to get it.
        """
        absent = self.data_folder is None and not self.default_folder.exists()
        if absent and self.demonstration_folder is not None:
            print(f"no {self.default_folder}: this is a DEMONSTRATION with synthesized sounds")
            return self.build_demonstration(self.demonstration_folder)
        folder = self.default_folder if self.data_folder is None else Path(str(self.data_folder))
        if (folder / self.table).is_file():
            return folder
        found = f"expected {self.table} in it, found none" if folder.is_dir() else "no such folder"
        inner = folder / self.default_folder.name
        hint = f"get {self.title} from {self.link} and name its folder with --data_folder"
        if (inner / self.table).is_file():
            hint = f"did you mean --data_folder={inner}?"
        raise InputError(f"{folder}: {found}; {hint}")

    @property
    def is_demonstration(self) -> bool:
        """Whether the sounds are synthesized."""
        return (self.folder / DEMONSTRATION_MARK).is_file()

    def build_demonstration(self, folder: Path) -> Path:
        """Build the demonstration corpus, where the dataset has a `demonstration_folder`."""
        raise NotImplementedError

    def prepared_at(self) -> Path:
        """Return the folder where decoded audio is kept."""
        if self.prepared_folder:
            return Path(str(self.prepared_folder))
        return default_prepared_folder(self.folder)

    def state(self, complete: bool) -> str:
        """Return the state of the data: see `PreparedData`.

        Parameters
        ----------
        complete : bool
            Whether every clip can be used.
        """
        if self.is_demonstration:
            return "demonstration"
        return "complete" if complete else "partial"
