"""What AudioSet calls the labels of other datasets: a YAML file for each."""

from collections.abc import Collection
from pathlib import Path

from aed_plugins.labels import read_mapping


def read_audioset_names(name: str, labels: Collection[str] | None = None) -> dict[str, str]:
    """Read AudioSet's name of each label of a dataset; a label without one is left out.

    Parameters
    ----------
    name : str
        The file, without its suffix.
    labels : collection of str, optional
        The dataset's, to be checked.

    Examples
    --------
    >>> read_audioset_names("urbansound8k")["dog_bark"]
    'Dog'
    """
    return read_mapping(Path(__file__).with_name(f"{name}.yaml"), labels)
