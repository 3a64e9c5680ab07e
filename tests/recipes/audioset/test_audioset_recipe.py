"""The AudioSet recipe as a user runs it: a command in a process of its own."""

import csv
import json

import numpy as np
import pytest
import torch
from recipe_program import AUDIOSET_RECIPE, ROOT
from recipe_results import error_line, kill_after_a_checkpoint, without_times
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from aed_plugins.labels import PAPER_CLASSES
from aed_plugins.models import ResNet, VGGish

SMALL_VGG = ("--encoder={width: 0.03125}", "--pretrained=null", "--frozen_epochs=0")
SMALL_MOBILENET = (
    "--encoder={width: 0.1}",
    "--pretrained=null",
    "--frozen_epochs=1",
    "--epoch_clips=0",
)
SMALLER = {
    "vggish_dnn": SMALL_VGG,
    "vggish_rnn": SMALL_VGG,
    "vgg_dnn": ("--encoder={width: 0.03125}",),
    "mobilenet_transfer": SMALL_MOBILENET,
}
TESTED_ELSEWHERE = {"resnet_dilated", "mfcc_forest", "tedlium"}
FILES = sorted({path.stem for path in (ROOT / "hparams").glob("*.yaml")} - TESTED_ELSEWHERE)


def results(folder):
    return json.loads((folder / "out/results.json").read_text())


def predictions(folder):
    with (folder / "out/predictions.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("hparams", FILES)
@pytest.mark.parametrize("dataset", ["recipe", "audioset"])
def test_every_hyperparameter_file_runs_under_both_recipes(request, hparams, dataset):
    run = request.getfixturevalue(dataset)
    done = run(*SMALLER.get(hparams, ()), hparams=hparams, check=0)
    assert "epoch 2/2" in done.stdout
    assert results(run.folder)["data"]["state"] == "demonstration"


def test_a_run_leaves_its_figures_and_is_not_run_again(audioset, tmp_path):
    done = audioset(check=0)
    (fold,) = results(tmp_path)["folds"]
    assert results(tmp_path)["labels"] == list(PAPER_CLASSES)
    assert (fold["test_fold"], fold["valid_folds"], fold["train_folds"]) == (
        "eval",
        ["valid"],
        ["train"],
    )
    assert fold["thresholds_tuned_for"] == "f1"
    rows = predictions(tmp_path)
    assert len(rows) == fold["clips"]
    targets = np.array([[label in r["labels"].split(";") for label in PAPER_CLASSES] for r in rows])
    said = np.array([[label in r["predicted"].split(";") for label in PAPER_CLASSES] for r in rows])
    probabilities = np.array([[float(row[label]) for label in PAPER_CLASSES] for row in rows])
    for average in ("micro", "macro"):
        expected = precision_recall_fscore_support(targets, said, average=average, zero_division=0)
        found = [fold[f"{average}_{figure}"] for figure in ("precision", "recall", "f1")]
        assert found == pytest.approx(expected[:3])
    assert fold["mAP"] == pytest.approx(average_precision_score(targets, probabilities), abs=1e-4)
    low, high = fold["intervals"]["mAP"]
    assert low < fold["mAP"] < high
    assert [row["support"] for row in fold["per_class"]] == targets.sum(0).tolist()
    assert "micro" in done.stdout
    assert "Crying, sobbing" in done.stdout
    for picture in ("per_class.png", "training_curve.png"):
        assert (tmp_path / "out" / picture).read_bytes().startswith(b"\x89PNG")
    assert "DEMONSTRATION" in (tmp_path / "out/DEMONSTRATION.txt").read_text()
    again = audioset(check=0)
    assert "epoch 1/2" not in again.stdout
    tested = audioset("--test_only", check=0)
    assert "epoch 1/2" not in tested.stdout
    assert without_times(results(tmp_path)["folds"][0]) == without_times(fold)


def test_a_killed_run_goes_on_and_ends_with_the_same_figures(audioset, tmp_path):
    overrides = ("--number_of_epochs=6", "--balance=sampling")
    audioset(*overrides, check=0)
    undisturbed = results(tmp_path)["folds"][0]
    (tmp_path / "out").rename(tmp_path / "undisturbed")
    kill_after_a_checkpoint(audioset, overrides, 0.1, fold="eval")
    audioset(*overrides, check=0)
    assert without_times(results(tmp_path)["folds"][0]) == without_times(undisturbed)


def test_sampling_draws_other_clips_in_every_epoch(audioset, tmp_path):
    program = (
        "import runpy, sys; from aed_plugins.training.brain import TaggingBrain as Brain;"
        "fit_batch = Brain.fit_batch;"
        "Brain.fit_batch = lambda self, batch:"
        " (print('drawn', self.hparams.epoch_counter.current, *batch.id),"
        " fit_batch(self, batch))[1];"
        f"sys.path.insert(0, {str(AUDIOSET_RECIPE.parent)!r}); sys.argv = sys.argv[1:];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    (tmp_path / "program.py").write_text(program)
    done = audioset.python("program.py", *audioset.arguments("--balance=sampling"), check=0)
    drawn = {"1": [], "2": []}
    for line in done.stdout.splitlines():
        if line.startswith("drawn "):
            _, epoch, *ids = line.split()
            drawn[epoch] += ids
    assert len(drawn["1"]) == len(drawn["2"]) > 20
    assert drawn["1"] != drawn["2"]


def test_two_processes_give_the_figures_of_one_on_the_same_weights(audioset, tmp_path):
    how = ("--balance=class_weights", "--frozen_epochs=1", "--device=cpu", "--initial_model=first")
    audioset("--number_of_epochs=1", "--output_folder=first", "--valid_fraction=0.2", check=0)
    audioset(*how, processes=2, check=0)
    together, many = results(tmp_path)["folds"][0], predictions(tmp_path)
    assert together["processes"] == 2
    audioset(*how, "--test_only", check=0)
    alone, one = results(tmp_path)["folds"][0], predictions(tmp_path)
    assert alone["processes"] == 1
    for figure in ("mAP", "micro_f1", "macro_precision", "AUC", "d_prime", "lwlrap", "clips"):
        assert together[figure] == pytest.approx(alone[figure], abs=1e-5)
    assert [row["clip"] for row in many] == [row["clip"] for row in one]


def test_weights_that_were_released_are_taken_from_a_file(audioset, tmp_path):
    """A file of the true layout with random values, and narrower than the released one."""
    torch.manual_seed(0)
    torch.save(VGGish(width=0.03125).state_dict(), tmp_path / "vggish.pth")
    how = ("--pretrained=vggish.pth", "--encoder={width: 0.03125}")
    audioset(*how, hparams="vggish_dnn", check=0)
    assert list((tmp_path / "data/prepared").rglob("embeddings/*/*.npy"))
    # The same embeddings serve another head.
    done = audioset(*how, "--output_folder=rnn", hparams="vggish_rnn", check=0)
    assert "epoch 2/2" in done.stdout
    assert len(list((tmp_path / "data/prepared").rglob("embeddings/*"))) == 1
    wide = ("--pretrained=vggish.pth", "--encoder={width: 0.0625}", "--output_folder=wide")
    assert "vggish.pth: expected" in error_line(audioset(*wide, hparams="vggish_dnn", check=1))
    tampered = ("--pretrained=vggish.pth#sha256:12345678", how[1], "--output_folder=x")
    line = error_line(audioset(*tampered, hparams="vggish_dnn", check=1))
    assert "vggish.pth" in line
    assert "12345678" in line
    # What is trained needs the released file no more.
    (tmp_path / "vggish.pth").unlink()
    audioset(*how, "--test_only", hparams="vggish_dnn", check=0)


def test_a_frozen_run_that_is_killed_goes_on_with_the_same_encoder(recipe, audioset, tmp_path):
    audioset("--number_of_epochs=1", "--output_folder=first", check=0)
    how = ("--initial_model=first", "--frozen_epochs=6", "--number_of_epochs=6", "--batch_size=4")
    recipe(*how, "--ckpt_interval_steps=1", check=0)
    undisturbed = results(tmp_path)["folds"][0]
    (tmp_path / "out").rename(tmp_path / "undisturbed")
    kill_after_a_checkpoint(recipe, (*how, "--ckpt_interval_steps=1"), 0.0)
    recipe(*how, "--ckpt_interval_steps=1", check=0)
    assert without_times(results(tmp_path)["folds"][0]) == without_times(undisturbed)


def test_a_frozen_encoder_trains_with_two_processes(recipe, audioset, tmp_path):
    audioset("--number_of_epochs=1", "--output_folder=first", check=0)
    how = ("--initial_model=first", "--frozen_epochs=2", "--device=cpu")
    recipe(*how, processes=2, check=0)
    together = results(tmp_path)["folds"][0]
    assert together["processes"] == 2
    recipe(*how, "--test_only", check=0)
    alone = results(tmp_path)["folds"][0]
    assert together["accuracy"] == alone["accuracy"]
    assert together["cross_entropy"] == pytest.approx(alone["cross_entropy"], abs=1e-5)


def test_released_imagenet_weights_may_stay_frozen(recipe, tmp_path):
    """A file of torchvision's layout with random values, and narrower than the released one."""
    torch.save(ResNet(3, width=0.0625).state_dict(), tmp_path / "resnet.pth")
    how = ("--encoder={width: 0.0625, pretrained: resnet.pth}", "--frozen_epochs=2")
    assert "the front-end would stay frozen" in error_line(recipe(*how, check=1))
    text = (ROOT / "hparams/resnet_plain.yaml").read_text()
    front_end = text[text.index("front_end: !new") : text.index("encoder: !new")]
    text = text.replace(front_end, "front_end: !new:torch.nn.Identity\n")
    text = text.replace("in_channels: !ref <front_end.out_channels>", "in_channels: 1")
    (tmp_path / "bare.yaml").write_text(text)
    arguments = recipe.arguments(*how)
    arguments[1] = "bare.yaml"
    assert "epoch 2/2" in recipe.python(*arguments, check=0).stdout


@pytest.mark.parametrize("hparams", ["mobilenet_transfer", "vggish_dnn"])
def test_weights_that_cannot_be_had_are_never_replaced_by_random_ones(audioset, hparams):
    audioset.environment |= {
        "https_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    audioset.environment |= {"XDG_CACHE_HOME": str(audioset.folder / "cache")}
    done = audioset("--encoder={}", hparams=hparams, check=1)
    line = error_line(done)
    assert "https://github.com/" in line
    assert "download" in line
    done = audioset("--pretrained=nowhere.pt", "--encoder={}", hparams=hparams, check=1)
    assert "nowhere.pt" in error_line(done)


def test_a_model_trained_on_one_dataset_starts_the_other(recipe, audioset, tmp_path):
    recipe("--output_folder=first", check=0)
    done = audioset("--initial_model=first", "--output_folder=second", check=0)
    assert "starting from first/fold3, epoch" in done.stdout
    assert "with a new head" in done.stdout
    # And back, frozen: the embeddings are computed once.
    done = recipe("--initial_model=second", "--frozen_epochs=2", "--output_folder=third", check=0)
    assert "epoch 2/2" in done.stdout
    assert list((tmp_path / "data/prepared").rglob("embeddings/*/*.npy"))
    done = recipe("--initial_model=first", "--test_folds=[1]", "--output_folder=leak", check=1)
    assert "was trained on urbansound_demonstration 1, which" in error_line(done)
    done = recipe(
        "--initial_model=second", "--front_end={channels: 2}", "--output_folder=x", check=1
    )
    assert "expected the components of this model before its head" in error_line(done)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data_folder=nowhere"], "nowhere: no such folder"),
        (["--device=foo"], "device: foo cannot be used here: "),
        (["--classes=[Speech, Barking]"], "Barking"),
        (["--classes=[/m/00000]"], "/m/00000"),
        (["--negatives=maybe"], "--negatives: expected keep or drop, got 'maybe'"),
        (["--threshold_metric=f3"], "f1"),
        (
            ["--balance=class_weights", "--label_smoothing=0.1"],
            "labels that a clip does not have: give --label_smoothing=0 or --balance=sampling",
        ),
        (
            ["--lr_scheduler={warmup: 1.5}"],
            "resnet_dilated.yaml: warmup must be from 0 to 1, got 1.5",
        ),
        (["--grad_accumulation_factor=999"], "=999: no step would be taken, as an epoch has"),
        (["--balance=often"], "balance must be one of none, class_weights, sampling"),
        (
            ["--frozen_epochs=2"],
            "the encoder and the front-end would stay frozen with random weights",
        ),
        (["--frozen_epochs=-1"], "frozen_epochs must not be negative"),
        (["--initial_model=nowhere"], "--initial_model: there is no folder nowhere"),
        (["--initial_model=."], "expected one run in ., found no finished run"),
        (["--encoder={in_channels: 3}"], "the components do not fit one another"),
        (["--test_folds=[1]"], "--test_folds is neither an option of this recipe nor"),
    ],
)
def test_a_user_s_mistake_gives_one_line_and_status_1(
    audioset, mistake, tmp_path, arguments, message
):
    assert message in mistake(audioset, *arguments)
    assert not (tmp_path / "out/results.json").exists()


def test_audio_of_another_rate_than_the_features_is_refused(audioset, mistake):
    line = mistake(audioset, "--sample_rate=8000", *SMALLER["vgg_dnn"], hparams="vgg_dnn")
    assert "the features are for 16000 Hz, but sample_rate is 8000" in line


def test_thresholds_are_not_for_one_label_per_clip(recipe, mistake):
    line = mistake(recipe, "--threshold_metric=f1")
    assert "--threshold_metric=f1: only models with several labels per clip have thresholds" in line
