"""The clips of an epoch: how often each comes, and in which order."""

import pytest
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.epoch_loop import EpochCounter

from aed_plugins.training import ListedClips, TrainingSettings
from aed_plugins.training.training_clips import count_epochs


@pytest.fixture
def dataset():
    clips = {str(number): {"labels": ["dog" if number else "siren"]} for number in range(4)}
    return DynamicItemDataset(clips)


def test_few_clips_are_gone_through_several_times(dataset):
    listed = ListedClips(dataset)
    clips, sampler, in_order = listed.arrange("none", epoch_clips=10, seed=1)
    assert (len(clips), sampler, in_order) == (8, None, False)
    assert listed.arrange("none", 0, seed=1).dataset is dataset


def test_as_many_are_drawn_as_several_passes_have(dataset):
    clips, sampler, in_order = ListedClips(dataset).arrange("sampling", epoch_clips=10, seed=1)
    assert clips is dataset
    assert in_order
    assert len(list(sampler)) == 8


@pytest.mark.parametrize("clips", [-1, 1.5, None, "many", True])
def test_what_is_not_a_number_of_clips_is_refused(clips):
    with pytest.raises(ValueError, match="epoch_clips must be a whole number, 0 or more"):
        TrainingSettings(epoch_clips=clips)


def test_labels_are_counted_in_the_order_of_the_task(dataset):
    counts, clips = ListedClips(dataset).count_labels(["siren", "never", "dog"])
    assert (counts.tolist(), clips) == ([1, 0, 3], 4)


def test_a_dataset_without_labels_cannot_be_balanced():
    with pytest.raises(ValueError, match="needs a DynamicItemDataset of clips with labels"):
        ListedClips([{"id": "a"}]).arrange("sampling", 0, 1)


def test_epochs_are_counted_or_refused():
    counter = EpochCounter(7)
    assert [count_epochs(it) for it in (counter, range(1, 4), [1, 2])] == [7, 3, 2]
    with pytest.raises(ValueError, match="an EpochCounter, a range or a list"):
        count_epochs(iter([1]))
