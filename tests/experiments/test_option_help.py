"""`--help` of a recipe lists its options, the keys of the YAML that is named, and SpeechBrain's."""

import re

import pytest
from recipe_program import ROOT

SECTIONS = ("options of this recipe:", "keys of ", "options of SpeechBrain:")


@pytest.fixture
def printed(recipe):
    def run(*arguments):
        done = recipe.python(str(recipe.program), *arguments, check=0)
        assert max(map(len, done.stdout.splitlines())) <= 120
        return done.stdout

    return run


def names_in(section):
    return re.findall(r"^  --(\w+)", section, re.MULTILINE)


def test_all_options_are_listed_in_three_sorted_sections(printed):
    path = ROOT / "hparams/resnet_dilated.yaml"
    text = printed(str(path), "--help")
    places = [text.index(title) for title in SECTIONS]
    assert places == sorted(places)
    first, keys, last = (
        text[start:stop] for start, stop in zip(places, [*places[1:], None], strict=True)
    )
    for section in (first, keys, last):
        assert names_in(section) == sorted(names_in(section))
    assert "--test_folds" in first
    assert "(default: [10])" in first
    assert set(names_in(keys)) == set(re.findall(r"^([a-z]\w*):", path.read_text(), re.MULTILINE))
    assert re.search(r"^  --lr +0\.001$", keys, re.MULTILINE)
    assert re.search(r"^  --labels +set by the recipe$", keys, re.MULTILINE)
    assert re.search(r"^      dilations +\[1, 2, 3, 4\]$", keys, re.MULTILINE)
    assert {"device", "precision", "debug"} <= set(names_in(last))


def test_without_a_file_it_says_how_to_see_the_keys(printed):
    text = printed("-h")
    assert "name one to see them" in text
    assert "--data_folder" in text
    assert "--precision" in text
