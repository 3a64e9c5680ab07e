"""The ESC-50 recipe as a user runs it, on a few synthesized clips."""

import json

import pytest
from recipe_program import ROOT, Recipe
from tiny_esc50 import build

PROGRAM = ROOT / "recipes/esc50/train.py"


@pytest.fixture
def corpus(tmp_path):
    return build(tmp_path / "ESC-50", folds=range(1, 6))


@pytest.fixture
def partial(tmp_path):
    """Two folds of the five: eight recordings."""
    return build(tmp_path / "two_folds", folds=(3, 4))


def recipe_for(tmp_path, folder, *options):
    return Recipe(tmp_path, PROGRAM, (f"--data_folder={folder}", "--sample_rate=8000", *options))


def test_a_run_on_official_folds_and_one_from_it_that_would_cheat(corpus, tmp_path, mistake):
    official = ("--allow_partial=True", "--esc10=True", "--number_of_epochs=1")
    recipe_for(tmp_path, corpus)(*official, check=0)
    content = json.loads((tmp_path / "out/results.json").read_text())
    (fold,) = content["folds"]
    assert content["name"] == "resnet_dilated on esc10"
    assert content["labels"] == ["dog", "sea_waves"]
    assert (fold["test_fold"], fold["valid_folds"], fold["train_folds"]) == (5, [4], [1, 2, 3])
    again = ("--allow_partial=True", "--initial_model=out/fold5", "--output_folder=new")
    line = mistake(recipe_for(tmp_path, corpus), *again, "--test_folds=[3]")
    assert "was trained on esc10 3, which it is to be evaluated on" in line
    distilled = ("--allow_partial=True", "--teacher=out/fold5", "--output_folder=new")
    line = mistake(recipe_for(tmp_path, corpus), *distilled, "--test_folds=[3]")
    assert "was trained on esc10 3, which it is to be evaluated on" in line
    assert content["data"]["license"] == "CC BY 3.0"
    options = ("--esc10=True", "--number_of_epochs=1", "--test_folds=[5]", *distilled)
    recipe_for(tmp_path, corpus)(*options, check=0)
    assert (tmp_path / "new/fold5/teacher.npz").is_file()


def test_a_run_on_own_folds_says_that_it_is_not_comparable(partial, tmp_path):
    options = ("--folds_by_recording=2", "--valid_folds=[]", "--number_of_epochs=1")
    said = recipe_for(tmp_path, partial)(*options, check=0).stdout
    assert "PARTIAL DATA: 16 of 2000 clips; not comparable" in said
    content = json.loads((tmp_path / "out/results.json").read_text())
    assert content["name"] == "resnet_dilated on esc50_own_folds"
    assert content["folds"][0]["data_state"] == "partial"
