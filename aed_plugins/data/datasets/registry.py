"""The datasets that come along, by the names that programs and results have for them."""

from aed_plugins.data.dataset import DEMONSTRATION, Dataset
from aed_plugins.data.datasets.audioset.dataset import AudioSet
from aed_plugins.data.datasets.custom.dataset import CustomDataset
from aed_plugins.data.datasets.esc50 import ESC50
from aed_plugins.data.datasets.urbansound8k import UrbanSound8K

DATASETS: dict[str, type[Dataset]] = {
    "urbansound": UrbanSound8K,
    "esc50": ESC50,
    "audioset": AudioSet,
    "custom": CustomDataset,
}


def find_dataset(name: str) -> Dataset | None:
    """Return the dataset that results of that name are of; None if it is a user's own.

    Parameters
    ----------
    name : str
        `Dataset.name`, such as `urbansound` or `esc10_own_folds`.

    Examples
    --------
    >>> find_dataset("esc10_own_folds").title, find_dataset("audioset_demonstration").title
    ('ESC-10', 'AudioSet')
    >>> find_dataset("voices") is None
    True
    """
    key = name.removesuffix(DEMONSTRATION)
    for kind in DATASETS.values():
        if key in kind.keys:
            return kind.with_key(key)
    return None
