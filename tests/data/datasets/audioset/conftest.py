"""A tiny AudioSet, and its preparation."""

from functools import partial

import pytest
from tiny_audioset import CHOSEN, RATE, write_corpus

from aed_plugins.data import AudioSet


@pytest.fixture
def data(tmp_path):
    """Four clips to train on and two to evaluate on, in AudioSet's layout."""
    folder = tmp_path / "AudioSet"
    write_corpus(folder)
    return folder


@pytest.fixture
def dataset(data, tmp_path):
    """The dataset of all training clips, with other options where they are given."""
    usual = {"data_folder": str(data), "prepared_folder": str(tmp_path / "prepared")}
    return partial(AudioSet, **usual, classes=CHOSEN, valid_fraction=0)


@pytest.fixture
def run(dataset):
    """Prepare the data, of all training clips, with other options where they are given."""

    def prepared(needed=None, **options):
        return dataset(**options).prepare(RATE, needed)

    return prepared
