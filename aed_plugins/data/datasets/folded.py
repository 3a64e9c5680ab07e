"""Datasets whose clips have folds, of which a user chooses the tested ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from aed_plugins.core import option
from aed_plugins.data.dataset import Dataset
from aed_plugins.data.folds import Fold, FoldSplit, make_fold_splits
from aed_plugins.data.preparation import PreparedData


@dataclass(frozen=True)
class FoldedDataset(Dataset):
    """A dataset with folds for cross-validation: by default the last fold is tested."""

    test_folds: Sequence[Fold] | str | None = option(
        None, "folds to test, a run each, such as [1,2]; all; by default the last"
    )
    valid_folds: Sequence[Fold] | None = option(
        None, "validation folds; [] for none; by default the fold before the test fold"
    )
    train_folds: Sequence[Fold] | None = option(
        None, "training folds; by default all that are left"
    )

    training_options: ClassVar[frozenset[str]] = frozenset(
        {"test_folds", "valid_folds", "train_folds"}
    )

    def splits(self, prepared: PreparedData) -> list[FoldSplit]:
        """Return a run for each test fold."""
        tested = prepared.folds[-1:] if self.test_folds is None else self.test_folds
        return make_fold_splits(prepared.folds, tested, self.valid_folds, self.train_folds)
