"""The recipe as a user runs it: a command in a process of its own."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics
from recipe_program import ROOT, URBANSOUND_RECIPE
from recipe_results import TORCHRUN, error_line, kill_after_a_checkpoint, results, without_times


def predictions(folder):
    with (folder / "out/predictions.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def finished(recipe, tmp_path):
    recipe(check=0)
    return tmp_path


def test_a_run_leaves_its_results_and_is_not_run_again(recipe, finished):
    content = results(finished)
    (fold,) = content["folds"]
    assert content["data"]["state"] == "demonstration"
    assert (fold["test_fold"], fold["valid_folds"], fold["train_folds"]) == (3, [2], [1])
    assert (fold["clips"], fold["epochs"]) == (10, 2)
    assert len(content["labels"]) == 10
    assert content["versions"]["speechbrain"]
    assert "recipes/urbansound/train.py" in content["command"]
    rows = predictions(finished)
    assert list(rows[0])[:4] == ["slice_file_name", "fold", "class", "predicted"]
    assert list(rows[0])[4:] == content["labels"]
    right = [row["class"] == row["predicted"] for row in rows]
    assert np.mean(right) == pytest.approx(fold["accuracy"])
    assert content["accuracy"] == {"mean": fold["accuracy"], "deviation": None}
    probabilities = np.array([[float(row[name]) for name in content["labels"]] for row in rows])
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-5)
    targets = [row["class"] for row in rows]
    predicted = [row["predicted"] for row in rows]
    assert fold["macro_f1"] == pytest.approx(
        sklearn.metrics.f1_score(targets, predicted, average="macro", zero_division=0)
    )
    for picture in ("confusion_matrix.png", "training_curve.png"):
        assert (finished / "out" / picture).read_bytes().startswith(b"\x89PNG")
    assert list((finished / "out/fold3/tensorboard").iterdir())
    assert "epoch: 2" in (finished / "out/fold3/train_log.txt").read_text()

    before = (finished / "out/fold3/result.json").stat().st_mtime_ns
    again = recipe(check=0)
    assert "DEMONSTRATION" in again.stdout
    assert (finished / "out/fold3/result.json").stat().st_mtime_ns == before

    refused = recipe("--lr=0.5", check=1)
    assert "lr was 0.001, now it is 0.5; give another --output_folder" in error_line(refused)
    tested = recipe("--test_only", check=0)
    assert "epoch 1/2" not in tested.stdout
    assert without_times(results(finished)["folds"][0]) == without_times(fold)


def test_all_folds_give_mean_deviation_and_the_summed_matrix(recipe, tmp_path):
    recipe("--test_folds=all", "--valid_folds=[]", "--number_of_epochs=1", check=0)
    content = results(tmp_path)
    accuracies = [fold["accuracy"] for fold in content["folds"]]
    assert [fold["test_fold"] for fold in content["folds"]] == [1, 2, 3]
    assert content["accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
    assert content["accuracy"]["deviation"] == pytest.approx(np.std(accuracies, ddof=1))
    matrix = np.array(content["confusion_matrix"])
    assert matrix.sum() == 30
    assert np.trace(matrix) / 30 == pytest.approx(np.mean(accuracies))
    assert len((tmp_path / "out/predictions.csv").read_text().splitlines()) == 31


@pytest.mark.parametrize(
    "how",
    [
        (),
        ("--ckpt_interval_steps=1",),
        ("--ckpt_interval_steps=1", "--grad_accumulation_factor=2"),
        ("--valid_folds=[]",),
    ],
)
def test_a_killed_run_goes_on_and_ends_with_the_same_figures(recipe, tmp_path, how):
    overrides = ("--number_of_epochs=8", "--batch_size=4", *how)
    recipe(*overrides, check=0)
    undisturbed = results(tmp_path)["folds"][0]
    shutil.move(tmp_path / "out", tmp_path / "undisturbed")
    for seconds in (0.0, 0.1):
        kill_after_a_checkpoint(recipe, overrides, seconds)
    recipe(*overrides, check=0)
    assert without_times(results(tmp_path)["folds"][0]) == without_times(undisturbed)
    assert (tmp_path / "out/predictions.csv").read_text() == (
        tmp_path / "undisturbed/predictions.csv"
    ).read_text()


def test_two_processes_give_the_figures_of_one_on_the_same_weights(recipe, tmp_path):
    recipe("--device=cpu", processes=2, check=0)
    together, many = results(tmp_path)["folds"][0], predictions(tmp_path)
    assert together["processes"] == 2
    assert len(together["history"]) == 2
    recipe("--device=cpu", "--test_only", check=0)
    alone, one = results(tmp_path)["folds"][0], predictions(tmp_path)
    assert alone["processes"] == 1
    for figure in ("accuracy", "macro_f1", "clips", "confusion_matrix", "tested_epoch"):
        assert together[figure] == alone[figure]
    assert together["cross_entropy"] == pytest.approx(alone["cross_entropy"], abs=1e-5)
    # Two processes validated the tested checkpoint on fold 2; let one process do that again.
    chosen = together["history"][together["tested_epoch"] - 1]
    shutil.copytree(tmp_path / "out/fold3", tmp_path / "again/fold2")
    swapped = ("--test_folds=[2]", "--valid_folds=[3]", "--output_folder=again", "--test_only")
    (tmp_path / "again/fold2/configuration.json").unlink()
    recipe("--device=cpu", *swapped, check=0)
    again = json.loads((tmp_path / "again/fold2/result.json").read_text())["metrics"]
    assert again["accuracy"] == chosen["valid_accuracy"]
    assert again["cross_entropy"] == pytest.approx(chosen["valid_loss"], abs=1e-5)
    assert [list(row.values())[:4] for row in many] == [list(row.values())[:4] for row in one]
    for label in results(tmp_path)["labels"]:
        probabilities = [[float(row[label]) for row in rows] for rows in (many, one)]
        assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-5)


def test_debug_tries_everything_and_touches_no_result(recipe, tmp_path):
    for _ in range(2):
        done = recipe("--debug", "--number_of_epochs=9", check=0)
        assert "epoch 2/9" in done.stdout
        assert "epoch 3/9" not in done.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["debug"]
    assert (tmp_path / "out/debug/results.json").is_file()


def test_debug_runs_with_several_processes(recipe, tmp_path):
    recipe("--debug", "--device=cpu", launcher=TORCHRUN, check=0)
    content = json.loads((tmp_path / "out/debug/results.json").read_text())
    assert content["folds"][0]["processes"] == 2


def test_training_in_bf16_runs(recipe, tmp_path):
    recipe("--precision=bf16", check=0)
    assert results(tmp_path)["folds"][0]["precision"] == "bf16"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data_folder=nowhere"], "nowhere: no such folder"),
        (["--test_folds=[10]"], "no clip of fold 10; folds there: 1, 2, 3"),
        (["--valid_folds=[3]"], "fold 3 is both a test and a validation fold"),
        (["--bach_size=4"], "did you mean --batch_size?"),
        (["--head={pooling: median}"], "pooling must be one of mean, max, attention"),
        (["--test_only"], "but 0 of 2 epochs are trained"),
        (["--sample_rate=0"], "expected a sample rate from 1000"),
        (["--lr=-1"], "resnet_dilated.yaml: encoder_lr must not be negative, got -1"),
        (["--lr=abc"], "--lr: expected a number, as the 0.001 of"),
        (["--encoder_lr=abc"], "FineTuning: encoder_lr must be a number, got 'abc'"),
        (["--opt_class={lr: abc}"], "resnet_dilated.yaml: opt_class: "),
        (["--seed=abc"], "--seed: expected a number, as the 1986 of"),
        (["--batch_size=0"], "resnet_dilated.yaml: batch_size should be"),
        (["--number_of_epochs=0"], "resnet_dilated.yaml: expected at least one epoch"),
        (["--seed=-1"], "resnet_dilated.yaml: "),
        (["--precision=fp16", "--device=cpu"], "resnet_dilated.yaml: The option `--precision`"),
    ],
)
def test_a_user_s_mistake_gives_one_line_and_status_1(
    recipe, mistake, tmp_path, arguments, message
):
    assert message in mistake(recipe, *arguments)
    assert not (tmp_path / "out/results.json").exists()


def test_a_program_says_a_mistake_in_one_line_and_ends_with_status_1(recipe):
    assert "nowhere: no such folder" in error_line(recipe("--data_folder=nowhere", check=1))


def test_a_mistake_does_not_bind_the_output_folder(recipe):
    recipe("--lr=abc", check=1)
    recipe("--number_of_epochs=1", check=0)


def test_a_training_that_diverges_is_told_in_one_line(recipe):
    done = recipe("--lr=1e30", "--number_of_epochs=9", "--max_grad_norm=1e30", check=1)
    assert "the training diverged" in error_line(done)


def test_results_sum_up_every_finished_fold_of_the_folder(recipe, tmp_path):
    overrides = ("--number_of_epochs=1", "--valid_folds=[]")
    recipe("--test_folds=[1]", *overrides, check=0)
    recipe("--test_folds=[3]", *overrides, check=0)
    assert [fold["test_fold"] for fold in results(tmp_path)["folds"]] == [1, 3]
    # In another precision it is another model: its fold stands alone.
    recipe("--test_folds=[2]", "--precision=bf16", *overrides, check=0)
    assert [fold["test_fold"] for fold in results(tmp_path)["folds"]] == [2]


def test_every_output_says_that_it_is_a_demonstration(finished):
    out = finished / "out"
    assert results(finished)["data"]["state"] == "demonstration"
    assert results(finished)["folds"][0]["data_state"] == "demonstration"
    for name in ("DEMONSTRATION.txt", "fold3/log.txt"):
        assert "DEMONSTRATION" in (out / name).read_text()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--test_folds=[10]", "no clip of fold 10"),  # found out by every process
        ("--data_folder=nowhere", "nowhere: no such folder"),  # found out by the main process
    ],
)
def test_a_mistake_under_torchrun_is_said_once(recipe, override, message):
    done = recipe(override, "--device=cpu", processes=2)
    assert done.returncode != 0
    assert message in error_line(done)
    assert len([line for line in done.stderr.splitlines() if message in line]) == 1


def test_a_full_disk_gives_one_line_and_keeps_what_was_computed(recipe, tmp_path):
    recipe("--number_of_epochs=1", check=0)  # prepares the data
    before = (tmp_path / "out/results.json").read_text()
    # No file may grow beyond 4 MB: the weights fit, the optimizer's two moments do not.
    program = (
        "import resource, runpy, sys;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000));"
        f"sys.path.insert(0, {str(URBANSOUND_RECIPE.parent)!r}); sys.argv = sys.argv[1:];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    overrides = ("--encoder={width: 0.25}", "--output_folder=wide")
    (tmp_path / "program.py").write_text(program)
    done = recipe.python("program.py", *recipe.arguments(*overrides), check=1)
    assert "cannot write a checkpoint" in error_line(done)
    assert "give the same command again" in done.stderr
    assert not list((tmp_path / "wide/fold3/save").iterdir())
    assert (tmp_path / "out/results.json").read_text() == before
    recipe(*overrides, check=0)


def test_the_dilated_the_plain_and_the_bare_file_differ_in_the_front_end_alone():
    def lines(name):
        text = (ROOT / f"hparams/{name}.yaml").read_text()
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    dilated, plain = lines("resnet_dilated"), lines("resnet_plain")
    pairs = [(a, b) for a, b in zip(dilated, plain, strict=True) if a != b]
    assert pairs == [
        (
            "output_folder: !ref results/<dataset>/resnet_dilated/<seed>",
            "output_folder: !ref results/<dataset>/resnet_plain/<seed>",
        ),
        ("    dilations: [1, 2, 3, 4]", "    dilations: [1, 1, 1, 1]"),
    ]
    bare = lines("resnet_bare")
    assert [line for line in bare if line not in dilated] == [
        "output_folder: !ref results/<dataset>/resnet_bare/<seed>",
        "front_end: !new:torch.nn.Identity",
        "    in_channels: 1",
    ]
    assert len(bare) == len(dilated) - 2


@pytest.mark.slow
def test_the_demonstration_is_learned(tmp_path):
    """What `make demo` runs: the whole network, the whole corpus, no option but the bars."""
    done = subprocess.run(
        [
            sys.executable,
            str(URBANSOUND_RECIPE),
            str(ROOT / "hparams/resnet_dilated.yaml"),
            "--noprogressbar",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no data/UrbanSound8K: this is a DEMONSTRATION" in done.stdout
    folder = tmp_path / "results/urbansound_demonstration/resnet_dilated/1986"
    content = json.loads((folder / "results.json").read_text())
    assert content["accuracy"]["mean"] >= 0.9
    assert content["folds"][0]["clips"] == 40
