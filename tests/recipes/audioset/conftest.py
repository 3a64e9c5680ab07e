"""A tiny AudioSet, and its preparation."""

import pytest
from audioset_lists import FOLDS
from audioset_prepare import prepare
from audioset_selection import AudioSetSelection
from tiny_audioset import CHOSEN, RATE, write_corpus


@pytest.fixture
def data(tmp_path):
    """Four clips to train on and two to evaluate on, in AudioSet's layout."""
    folder = tmp_path / "AudioSet"
    write_corpus(folder)
    return folder


@pytest.fixture
def run(data, tmp_path):
    """Prepare the data, of all training clips, with other options where they are given."""

    def prepared(needed=FOLDS, **options):
        chosen = AudioSetSelection(**{"classes": CHOSEN, "valid_fraction": 0, **options})
        return prepare(data, str(tmp_path / "prepared"), RATE, chosen, needed)

    return prepared
