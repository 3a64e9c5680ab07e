"""The clips of an epoch: how often each comes, and in which order."""

import pytest
from speechbrain.dataio.dataset import DynamicItemDataset

from aed_plugins.training.epochs import arrange_epoch, check_epoch_clips


@pytest.fixture
def dataset():
    clips = {str(number): {"labels": ["dog" if number else "siren"]} for number in range(4)}
    return DynamicItemDataset(clips)


def test_few_clips_are_gone_through_several_times(dataset):
    clips, sampler = arrange_epoch(dataset, "none", epoch_clips=10, seed=1)
    assert (len(clips), sampler) == (8, None)
    assert arrange_epoch(dataset, "none", 0, seed=1).dataset is dataset


def test_as_many_are_drawn_as_several_passes_have(dataset):
    clips, sampler = arrange_epoch(dataset, "sampling", epoch_clips=10, seed=1)
    assert clips is dataset
    assert len(list(sampler)) == 8


@pytest.mark.parametrize("clips", [-1, 1.5, None, "many", True])
def test_what_is_not_a_number_of_clips_is_refused(clips):
    with pytest.raises(ValueError, match="epoch_clips must be a whole number, 0 or more"):
        check_epoch_clips(clips)
