"""The dataset class in recipes/custom/README.md, as its reader would write it."""

import json
import re

import pytest
from recipe_program import ROOT, Recipe
from tiny_clips import write_sounds

README = (ROOT / "recipes/custom/README.md").read_text()
(BIRDS,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def recipe(tmp_path):
    sounds = write_sounds(tmp_path / "sounds")
    (tmp_path / "birds").mkdir()
    for bird, kind in (("robin", "high"), ("wren", "low")):
        for number in range(4):
            clip = sounds / kind / f"{number}.wav"
            clip.rename(tmp_path / f"birds/{bird}-{number % 3 + 1}-{number:04d}.wav")
    (tmp_path / "birds.py").write_text(BIRDS)
    return Recipe(tmp_path, tmp_path / "birds.py", ("--sample_rate=8000",))


def test_it_trains_and_records_its_terms(tmp_path, recipe):
    recipe(check=0)
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert results["labels"] == ["robin", "wren"]
    assert results["data"]["license"] == "CC BY 4.0"
    (fold,) = results["folds"]
    assert (fold["test_fold"], fold["valid_folds"], fold["train_folds"]) == (3, [2], [1])
    assert "the folder of the recordings" in recipe("--help", check=0).stdout


def test_a_class_that_it_does_not_list_is_named(tmp_path, recipe):
    clip = tmp_path / "birds/wren-1-0000.wav"
    clip.rename(clip.with_name("eagle-1-0000.wav"))
    said = recipe(check=1).stderr
    assert said.splitlines()[-1].startswith("error: label 'eagle' of a clip is none of robin, wren")
