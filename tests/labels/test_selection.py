"""Which classes a user means."""

import pytest

from aed_plugins.core import InputError
from aed_plugins.labels import PAPER_CLASSES, audioset_labels, select_classes
from aed_plugins.labels.selection import audioset_ontology

LABELS = audioset_labels()


def chosen(*wanted, labels=LABELS):
    return [labels[place] for place in select_classes(labels, wanted)]


def test_classes_are_found_by_name_and_mid_in_the_order_given():
    assert chosen("siren", "/m/09x0r", "Crying, sobbing") == ["Siren", "Speech", "Crying, sobbing"]


def test_a_name_means_that_class_alone_and_its_branch_all_that_are_a_kind_of_it():
    assert chosen("Dog") == ["Dog"]
    assert chosen("Dog/*") == [
        "Dog", "Bark", "Yip", "Howl", "Bow-wow", "Growling", "Whimper (dog)",
    ]  # fmt: skip
    assert chosen("/m/0bt9lr/*") == chosen("dog/*")


def test_a_class_that_clips_are_not_labelled_with_means_its_branch():
    assert "Human sounds" not in LABELS
    human = chosen("Human sounds")
    assert {"Speech", "Laughter", "Clapping"} <= set(human)
    assert "Dog" not in human
    ontology = audioset_ontology()
    root = next(mid for mid, name in ontology.names.items() if name == "Human sounds")
    assert len(human) == sum(root in ontology.ancestors(mid) for mid in ontology.tagged)


def test_the_paper_s_ten_have_a_name():
    assert chosen("paper") == list(PAPER_CLASSES)
    assert chosen("paper", labels=["dog", "speech", "Music"]) == ["Music", "speech"]


def test_a_class_comes_once():
    assert chosen("Speech", "speech", "/m/09x0r") == ["Speech"]


def test_a_model_of_other_classes_is_asked_by_its_own_names():
    assert chosen("SIREN", labels=["dog_bark", "siren"]) == ["siren"]
    assert chosen("Animal/*", labels=["siren", "Dog", "Cat"]) == ["Dog", "Cat"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["Sirene"], "the model has nothing of 'Sirene'; did you mean 'Siren'?"),
        (["xyzzy"], "it has 'Speech', 'Male speech, man speaking'"),
        (["/m/nothing"], "nothing of '/m/nothing'"),
        ([], "expected classes by name, MID or branch, got none"),
        (["Speech", " "], "nothing of ''"),
    ],
)
def test_what_it_does_not_know_is_told(wanted, message):
    with pytest.raises(InputError) as refused:
        select_classes(LABELS, wanted)
    assert message in str(refused.value)
