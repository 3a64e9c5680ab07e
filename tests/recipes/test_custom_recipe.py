"""The recipe for one's own clips as a user runs it."""

import json
import math
import shutil

import pytest
import torch
from mobilenet_weights import published, random_torchvision
from recipe_program import ROOT, Recipe
from tiny_clips import write_csv, write_sounds

from aed_plugins.inference import PretrainedTagger

PROGRAM = ROOT / "recipes/custom/train.py"


@pytest.fixture
def sounds(tmp_path):
    """Four clips a class, of different lengths."""
    return write_sounds(tmp_path / "sounds")


def recipe_for(tmp_path, clips, *options):
    return Recipe(tmp_path, PROGRAM, (f"--clips={clips}", "--sample_rate=8000", *options))


def test_folders_of_classes_become_a_model_that_is_used(tmp_path, sounds):
    run = recipe_for(tmp_path, sounds, "--folds=4")
    said = run(check=0).stdout
    assert "warning: no column 'recording'" in said
    content = json.loads((tmp_path / "out/results.json").read_text())
    (fold,) = content["folds"]
    assert content["name"] == "resnet_dilated on sounds"
    assert content["labels"] == ["high", "low", "middle"]
    assert (fold["test_fold"], fold["valid_folds"], fold["train_folds"]) == (4, [3], [1, 2])
    assert fold["clips"] == 3
    tagger = PretrainedTagger.from_hparams(str(tmp_path / "out"))
    assert tagger.tag(sounds / "low/0.wav").top(1)[0][0] in content["labels"]


def test_several_labels_with_a_split_train_for_all_epochs(tmp_path, sounds):
    rows = [["file", "label", "split"]]
    for label, said in (("low", "1"), ("middle", "1;yes"), ("high", "")):  # labels of YAML's kind
        for number in range(4):
            split = "test" if number == 3 else "train"
            rows.append([f"sounds/{label}/{number}.wav", said, split])
    run = recipe_for(tmp_path, write_csv(tmp_path / "clips.csv", *rows))
    said = run(check=0).stdout
    assert "per_class.png" in said
    content = json.loads((tmp_path / "out/results.json").read_text())
    (fold,) = content["folds"]
    assert content["labels"] == ["1", "yes"]
    assert (fold["test_fold"], fold["valid_folds"], fold["train_folds"]) == ("test", [], ["train"])
    assert (fold["clips"], fold["epochs"], fold["tested_epoch"]) == (3, 2, 2)
    assert [row["support"] for row in fold["per_class"]] == [2, 1]
    assert PretrainedTagger.from_hparams(str(tmp_path / "out")).labels == ["1", "yes"]
    distilled = (
        "--teacher=out",
        "--threshold_metric=youden",
        "--license=CC0",
        "--output_folder=new",
    )
    run(*distilled, "--number_of_epochs=1", check=0)
    assert (tmp_path / "new/test/teacher.npz").is_file()
    configuration = json.loads((tmp_path / "new/test/configuration.json").read_text())["run"]
    assert configuration["threshold_metric"] == "youden"
    assert json.loads((tmp_path / "new/results.json").read_text())["data"]["license"] == "CC0"


def test_a_user_s_mistake_gives_one_line_and_status_1(tmp_path, sounds, mistake):
    run = recipe_for(tmp_path, sounds, "--folds=9")
    assert "high has 4 clips, fewer than the 9 folds" in mistake(run)
    (tmp_path / "names.yaml").write_text("low: Hum\n")
    line = mistake(run, "--folds=2", "--audioset_names=names.yaml")
    assert "resnet_dilated.yaml has no audioset_names, so the names would change nothing" in line
    line = mistake(run, "--folds=2", "--threshold_metric=youden")
    assert "only models with several labels per clip have thresholds" in line


def test_few_clips_are_gone_through_often_and_smoothed_labels_keep_the_head_in_doubt(
    tmp_path, sounds
):
    """A frozen MobileNet of random weights in the published layout."""
    torch.save(published(random_torchvision(0.1)), tmp_path / "mn01.pt")
    how = (
        *("--pretrained=mn01.pt", "--encoder={width: 0.1}", "--head={hidden: 128}"),
        *("--sample_rate=32000", "--folds=4", "--valid_folds=[]", "--number_of_epochs=3"),
        *("--frozen_epochs=3", "--lr=0.01", "--dropout=0", "--batch_size=8"),
    )
    run, steps, losses = recipe_for(tmp_path, sounds), {}, {}
    for given in ((40, 0.0), (0, 0.0), (40, 0.3), (40, "sampling")):
        epoch_clips, what = given
        smoothed = f"--label_smoothing={what}"
        more = (
            f"--epoch_clips={epoch_clips}",
            "--balance=sampling" if what == "sampling" else smoothed,
        )
        run(*how, *more, hparams="mobilenet_transfer", check=0)
        (fold,) = json.loads((tmp_path / "out/results.json").read_text())["folds"]
        losses[given] = [epoch["train_loss"] for epoch in fold["history"]]
        (kept,) = (tmp_path / "out/fold4/save").glob("CKPT*/lr_scheduler.ckpt")
        steps[given] = torch.load(kept)["last_epoch"]
        shutil.rmtree(tmp_path / "out")
    # Nine clips, four times in an epoch; or once. Three epochs, in batches of eight.
    assert steps == {(40, 0.0): 15, (0, 0.0): 6, (40, 0.3): 15, (40, "sampling"): 15}
    kept = [folder for found in tmp_path.rglob("embeddings") for folder in found.iterdir()]
    assert len(kept) == 1
    run(*how, "--tagger={repeat_to: 0}", hparams="mobilenet_transfer", check=0)
    assert len(list(kept[0].parent.iterdir())) == 2, "those of clips that are not repeated"
    least = -0.8 * math.log(0.8) - 0.2 * math.log(0.1)  # the entropy of a smoothed label
    assert min(losses[40, 0.3]) > least > losses[40, 0.0][-1]
