"""The recipe as a user runs it: a command in a process of its own."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics
from conftest import RECIPE, ROOT, TINY

LABELS_AND_COLUMNS = 4 + 10


def results(folder):
    return json.loads((folder / "out/results.json").read_text())


def without_times(result):
    """A fold's result without what differs from run to run."""
    kept = {key: value for key, value in result.items() if key not in {"seconds", "history"}}
    return kept | {
        "history": [{k: v for k, v in row.items() if k != "seconds"} for row in result["history"]]
    }


def error_line(done):
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


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
    with (finished / "out/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows[0]) == LABELS_AND_COLUMNS
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
    shares = [fold["accuracy"] for fold in content["folds"]]
    assert [fold["test_fold"] for fold in content["folds"]] == [1, 2, 3]
    assert content["accuracy"]["mean"] == pytest.approx(np.mean(shares))
    assert content["accuracy"]["deviation"] == pytest.approx(np.std(shares, ddof=1))
    matrix = np.array(content["confusion_matrix"])
    assert matrix.sum() == 30
    assert np.trace(matrix) / 30 == pytest.approx(np.mean(shares))
    assert len((tmp_path / "out/predictions.csv").read_text().splitlines()) == 31


def run_until(command, folder, moment, condition):
    """Start a run, wait for a condition and `moment` seconds more, and kill it."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 120
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(moment)
    assert process.poll() is None, "the run ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("intra_epoch", [(), ("--ckpt_interval_steps=1",)])
def test_a_killed_run_goes_on_and_ends_with_the_same_figures(recipe, tmp_path, corpus, intra_epoch):
    longer = ("--number_of_epochs=6", "--batch_size=4", *intra_epoch)
    recipe(*longer, check=0)
    undisturbed = results(tmp_path)["folds"][0]
    shutil.move(tmp_path / "out", tmp_path / "undisturbed")

    save = tmp_path / "out/fold3/save"
    command = [
        sys.executable, str(RECIPE), str(ROOT / "hparams/resnet_dilated.yaml"), *TINY,
        f"--data_folder={corpus}", "--test_folds=[3]", f"--output_folder={tmp_path}/out", *longer,
    ]  # fmt: skip
    for moment in (0.0, 0.15):
        known = set(save.glob("CKPT*"))
        run_until(command, tmp_path, moment, lambda known=known: set(save.glob("CKPT*")) - known)
    recipe(*longer, check=0)
    assert without_times(results(tmp_path)["folds"][0]) == without_times(undisturbed)
    assert (tmp_path / "out/predictions.csv").read_text() == (
        tmp_path / "undisturbed/predictions.csv"
    ).read_text()


def test_two_processes_give_the_figures_of_one_on_the_same_weights(recipe, tmp_path):
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone")
    recipe("--device=cpu", launcher=torchrun, check=0)
    together = results(tmp_path)["folds"][0]
    assert together["processes"] == 2
    assert len(together["history"]) == 2
    text = (tmp_path / "out/predictions.csv").read_text()
    recipe("--device=cpu", "--test_only", check=0)
    alone = results(tmp_path)["folds"][0]
    assert alone["processes"] == 1
    assert without_times(together) | {"processes": 1} == pytest.approx(without_times(alone))
    assert (tmp_path / "out/predictions.csv").read_text() == text


def test_debug_tries_everything_and_touches_no_result(recipe, tmp_path):
    for _ in range(2):
        done = recipe("--debug", "--number_of_epochs=9", check=0)
        assert "epoch 2/9" in done.stdout
        assert "epoch 3/9" not in done.stdout
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out_debug/results.json").is_file()


@pytest.mark.parametrize("hparams", ["resnet_plain", "resnet_paper"])
def test_every_hyperparameter_file_runs(recipe, hparams):
    done = recipe(hparams=hparams, check=0)
    assert "epoch 2/2" in done.stdout


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
        (["--test_only"], "expected a checkpoint to evaluate, found none"),
        (["--sample_rate=0"], "sample rate|sample_rate"),
    ],
)
def test_a_user_s_mistake_gives_one_line_and_status_1(recipe, tmp_path, arguments, message):
    done = recipe(*arguments, check=1)
    line = error_line(done)
    assert any(part in line for part in message.split("|"))
    assert not (tmp_path / "out/results.json").exists()


def test_a_mistake_under_torchrun_is_said_once(recipe):
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone")
    done = recipe("--test_folds=[10]", "--device=cpu", launcher=torchrun)
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if "no clip of fold 10" in line]
    assert len(lines) == 1


def test_a_full_disk_gives_one_line_and_keeps_the_last_checkpoint(recipe, tmp_path, corpus):
    recipe("--number_of_epochs=1", check=0)  # prepares the data
    shutil.rmtree(tmp_path / "out")
    command = [
        sys.executable, str(RECIPE), str(ROOT / "hparams/resnet_dilated.yaml"), *TINY,
        f"--data_folder={corpus}", "--test_folds=[3]", f"--output_folder={tmp_path}/out",
        "--encoder={width: 0.25}",
    ]  # fmt: skip
    # No file may grow beyond 2 MB: the weights fit, the optimizer's two moments do not.
    program = (
        "import resource, runpy, sys;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000));"
        f"sys.path.insert(0, {str(RECIPE.parent)!r}); sys.argv = sys.argv[1:];"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command[1:]],
        cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "cannot write a checkpoint" in error_line(done)
    assert "give the same command again" in done.stderr
    assert not list((tmp_path / "out/fold3/save").iterdir())


def test_the_dilated_and_the_plain_file_differ_in_the_front_end_alone():
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
        (
            "front_end: !new:aed_plugins.frontends.DilatedFrontEnd",
            "front_end: !new:aed_plugins.frontends.PlainFrontEnd",
        ),
        ("    dilations: [1, 2, 3, 4]", "    branches: 4"),
    ]


def test_nothing_of_a_run_lies_in_the_repository():
    assert not (Path(ROOT) / "save").exists()
