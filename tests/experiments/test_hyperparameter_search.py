"""A search as a user starts it: real processes, a real database; most with a stand-in for a recipe.

The stand-in does what a recipe does as far as a search can see, in a twentieth of a second.
"""

import csv
import importlib.util
import json
import multiprocessing
import os
import re
import shlex
import signal
import statistics
import subprocess
import sys
import time

import optuna
import pytest
from recipe_program import RECIPE, ROOT, TINY

from aed_plugins.core import InputError
from aed_plugins.experiments import DEFAULT_METRICS, run_program
from aed_plugins.experiments.hyperparameter_search.plan import recipe_options
from aed_plugins.experiments.hyperparameter_search.runs import Commands, Progress, figure
from aed_plugins.experiments.hyperparameter_search.space import read_space

SEARCH = ROOT / "recipes/hyperparameter_search.py"
HPARAMS = """
seed: 1
dataset: !PLACEHOLDER
lr: 0.1
depth: 18
pooling: mean
head: !new:torch.nn.Linear
    in_features: 3
    out_features: 2
output_folder: !ref results/<dataset>
"""
# lr gives the accuracy. 0.9 fails; 0.3 waits while there is a file `hold`.
STAND_IN = """
import json, os, sys, time
from pathlib import Path


class Options:
    folds: object = None
    epochs: int = 0


given = dict(option[2:].split("=", 1) for option in sys.argv[2:] if "=" in option)
output = Path(given["output_folder"])
output.mkdir(parents=True, exist_ok=True)
with (output / "starts.txt").open("a") as file:
    file.write(" ".join(sys.argv[2:]) + "\\n")
lr = float(given.get("lr", 0.1))
try:
    with (output / "running").open("x") as file:  # fails where another process runs here
        file.write(str(os.getpid()))
    for epoch in range(1, int(given.get("epochs", 0)) + 1):
        with (output / "train_log.txt").open("a") as file:
            file.write(f"epoch: {epoch} - train loss: 1 - valid loss: 2, valid accuracy: {lr}\\n")
        time.sleep(0.3 if lr < 0.2 else 0)
    while Path("hold").exists() and lr == 0.3:
        time.sleep(0.01)
    if lr == 0.9:
        sys.exit("a warning\\nerror: a learning rate of 0.9 | is too high")
    name = given.get("figure", "accuracy")
    results = {name: {"mean": lr + int(given.get("seed", 0)) / 100}, "labels": ["a"]}
    (output / "results.json").write_text(json.dumps(results))
except KeyboardInterrupt:
    (output / "polite.txt").touch()
    sys.exit(130)
finally:
    (output / "running").unlink()
"""


def load_program():
    spec = importlib.util.spec_from_file_location("search_program", SEARCH)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


program = load_program()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.py").write_text(STAND_IN)
    (tmp_path / "model.yaml").write_text(HPARAMS)
    return tmp_path


def search(*arguments, recipe="recipe.py", hparams="model.yaml"):
    program.main([str(recipe), str(hparams), "--output=out", *arguments])


def leaderboard(folder):
    with (folder / "out/leaderboard.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def starts(folder):
    """The command of every run that was started, by its folder."""
    found = sorted(folder.glob("out/trial-*/**/starts.txt"))
    return {path.parent: path.read_text().splitlines() for path in found}


def held(folder):
    """The marks of the stand-ins that wait for `hold` to go; each holds its process number."""
    folders = [path for path, lines in starts(folder).items() if "--lr=0.3" in lines[-1]]
    marks = [path / "running" for path in folders]
    return [path for path in marks if path.exists() and path.read_text()]


class Forked:
    """A search in a process of its own that need not import everything anew."""

    def __init__(self, folder, number, *arguments):
        self.said = folder / f"said{number}.txt"
        self.said.touch()
        command = [
            "hyperparameter_search.py",
            "recipe.py",
            "model.yaml",
            "--output=out",
            *arguments,
        ]
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=self._run, args=(command,))
        self.process.start()

    def _run(self, command):
        with self.said.open("w") as sys.stdout:
            sys.argv = command
            program.be_interruptible()
            run_program(program.main)

    def wait_for(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert self.process.is_alive(), self.said.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self, status):
        self.process.join(60)
        assert self.process.exitcode == status, self.said.read_text()
        return self.said.read_text()


def test_a_grid_runs_every_combination_for_every_seed(folder, capsys):
    search("--grid", "lr=0.3,0.5", "depth=18,34", "--over", "seed=1,2,4")
    rows = leaderboard(folder)
    assert [(row["lr"], row["depth"]) for row in rows] == [
        ("0.5", "18"),
        ("0.5", "34"),
        ("0.3", "18"),
        ("0.3", "34"),
    ]
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    # By hand: of 0.51, 0.52 and 0.54, the mean is 1.57 / 3 and the squares' sum 0.000466...
    assert float(rows[0]["mean"]) == pytest.approx(0.5233333333)
    assert float(rows[0]["deviation"]) == pytest.approx(0.0152752523)
    assert {(row["n"], row["state"]) for row in rows} == {("3", "complete")}
    assert all(float(row["seconds"]) > 0 for row in rows)
    page = (folder / "out/leaderboard.md").read_text()
    assert "# model under " in page
    assert "4 of 4 trials" in page
    assert "| rank | lr | depth | accuracy | deviation | n | seconds | state |" in page
    assert re.search(r"\| 1 \| 0\.5 \| 18 \| 0\.5233 \| 0\.0153 \| 3 \| \d+ \| complete \|", page)
    said = capsys.readouterr().out
    assert "trial 1 of 4: lr=0.3 depth=18 (out/trial-" in said
    assert re.search(r"accuracy 0\.5233 ± 0\.0153 \(n = 3\), \d+ s", said)

    search("--grid", "lr=0.3,0.5", "depth=18,34", "--over", "seed=1,2,4")
    assert [len(lines) for lines in starts(folder).values()] == [1] * 12
    assert leaderboard(folder) == rows


def test_the_best_can_be_run_again_with_the_command_told(folder):
    search("--grid", "lr=0.3,0.5", "--over", "seed=1,2", "--", "--pooling=max")
    page = (folder / "out/leaderboard.md").read_text()
    again = [shlex.split(line) for line in page.splitlines() if line.startswith("    python")]
    assert len(again) == 2
    for _, *command in again:
        subprocess.run([sys.executable, *command], check=True)
    for seed in (1, 2):
        best = json.loads((folder / f"out/best/seed-{seed}/results.json").read_text())
        assert best["accuracy"]["mean"] == pytest.approx(0.5 + seed / 100)
    assert "--pooling=max" in (folder / "out/best/seed-1/starts.txt").read_text()


def test_the_study_is_one_that_optuna_reads(folder):
    search("--grid", "lr=0.3,0.5")
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{folder}/out/study.db")
    assert study.best_value == 0.5
    assert study.best_params == {"lr": "0.5"}


def test_a_place_inside_a_value_and_an_option_of_the_recipe_can_be_searched(folder):
    search("--grid", "head.out_features=4,5", "folds=[1],[2]", "--", "--head={in_features: 7}")
    commands = sorted(line for lines in starts(folder).values() for line in lines)
    assert [command.rpartition(" ")[0] for command in commands] == [
        f'--head={{"in_features": 7, "out_features": {size}}} --folds=[{fold}]'
        for size in (4, 5)
        for fold in (1, 2)
    ]


def test_a_trial_that_fails_is_noted_and_the_search_goes_on(folder, capsys):
    search("--grid", "lr=0.9,0.3", "--over", "seed=1,2")
    good, bad = leaderboard(folder)
    assert (good["lr"], good["state"]) == ("0.3", "complete")
    assert (bad["rank"], bad["lr"], bad["state"], bad["mean"]) == ("", "0.9", "failed", "")
    assert bad["note"] == "a learning rate of 0.9 | is too high (exit status 1)"
    assert "failed: a learning rate of 0.9 \\| is" in (folder / "out/leaderboard.md").read_text()
    assert "failed: a learning rate of 0.9" in capsys.readouterr().out
    (_, *further) = (lines for lines in starts(folder).values() if "--lr=0.9" in lines[0])
    assert not further, "the other seed was run although the trial had failed"

    search("--grid", "lr=0.9,0.3", "--over", "seed=1,2")
    assert sum(map(len, starts(folder).values())) == 3, "it was tried again without being asked"
    (folder / "recipe.py").write_text(STAND_IN.replace("lr == 0.9", "lr == 77"))
    search("--grid", "lr=0.9,0.3", "--over", "seed=1,2", "--retry")
    assert [row["lr"] for row in leaderboard(folder)] == ["0.9", "0.3"]
    assert {row["state"] for row in leaderboard(folder)} == {"complete"}


def test_a_search_in_which_all_fails_ends_in_a_line_and_binds_nobody(folder):
    with pytest.raises(InputError, match="no trial gave a figure; the first: a learning rate of"):
        search("--grid", "lr=0.9")
    search("--grid", "lr=0.4")
    assert [row["lr"] for row in leaderboard(folder)] == ["0.4"]


def test_a_crash_is_told_by_its_last_line(folder):
    (folder / "recipe.py").write_text("import os\nprint('hello', flush=True)\nos.abort()")
    with pytest.raises(InputError, match=r"the first: hello \(ended by SIGABRT\)"):
        search("--grid", "lr=0.4")
    (folder / "recipe.py").write_text("")
    with pytest.raises(
        InputError, match=r"the run ended well but left no out/trial-.*results\.json"
    ):
        search("--grid", "lr=0.3")


@pytest.mark.parametrize("recipe_dies_too", [False, True])
def test_a_search_that_was_killed_goes_on(folder, recipe_dies_too):
    (folder / "hold").touch()
    killed = Forked(folder, 1, "--grid", "lr=0.1,0.3,0.5")
    killed.wait_for(lambda: held(folder))
    killed.process.kill()
    killed.end(-signal.SIGKILL)
    (mark,) = held(folder)
    if recipe_dies_too:
        os.kill(int(mark.read_text()), signal.SIGKILL)
        mark.unlink()
    again = Forked(folder, 2, "--grid", "lr=0.1,0.3,0.5")
    if not recipe_dies_too:
        again.wait_for(lambda: "waiting for other workers" in again.said.read_text())
        assert len(starts(folder)) == 3
        assert len(starts(folder)[mark.parent]) == 1, "two recipes in one folder"
    (folder / "hold").unlink()
    again.end(0)
    assert [row["lr"] for row in leaderboard(folder)] == ["0.5", "0.3", "0.1"]
    assert {row["state"] for row in leaderboard(folder)} == {"complete"}
    # Only the trial that was interrupted was started twice, in the same folder.
    expected = {path: 2 if path == mark.parent else 1 for path in starts(folder)}
    assert {path: len(lines) for path, lines in starts(folder).items()} == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_stops_its_run_politely(folder, number):
    (folder / "hold").touch()
    search_there = Forked(folder, 1, "--grid", "lr=0.1,0.3")
    search_there.wait_for(lambda: held(folder))
    os.kill(search_there.process.pid, number)
    search_there.end(130)
    assert len(list(folder.glob("out/trial-*/polite.txt"))) == 1
    assert [row["lr"] for row in leaderboard(folder)] == ["0.1"]
    (folder / "hold").unlink()
    search("--grid", "lr=0.1,0.3")
    assert [row["lr"] for row in leaderboard(folder)] == ["0.3", "0.1"]


def test_the_program_says_how_to_go_on_even_from_a_shell_s_background(folder):
    (folder / "hold").touch()
    command = [
        sys.executable,
        SEARCH,
        "recipe.py",
        "model.yaml",
        "--output=out",
        "--grid",
        "lr=0.3",
    ]
    ignoring = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    process = subprocess.Popen([*ignoring, *command], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not held(folder):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "\ninterrupted: give the same command again to go on\n"
    assert list(folder.glob("out/trial-*/polite.txt"))


def test_two_workers_started_together_share_the_trials(folder):
    grid = ("--grid", "lr=0.1,0.11,0.12,0.13,0.14,0.15", "--", "--epochs=2")
    workers = [Forked(folder, number, *grid) for number in (1, 2)]
    outputs = [worker.end(0) for worker in workers]
    assert [len(lines) for lines in starts(folder).values()] == [1] * 6
    begun = [output.count("of 6: lr=") for output in outputs]
    assert sum(begun) == 6
    assert min(begun) >= 1, "one of them did all the work"
    for output in outputs:
        assert "6 of 6 trials" in output, "a worker ended before the search did"
    assert leaderboard(folder)[0]["lr"] == "0.15"


def test_pruning_stops_a_bad_run_early_and_politely(folder, capsys):
    grid = ("--grid", "lr=0.5,0.6,0.7,0.1,0.8", "--prune", "2", "--", "--epochs=20")
    search(*grid)
    *complete, pruned = leaderboard(folder)
    assert [row["state"] for row in complete] == ["complete"] * 4
    assert (pruned["lr"], pruned["state"], pruned["rank"]) == ("0.1", "pruned", "")
    assert pruned["note"] == "after 3 epochs"
    assert (folder / pruned["folder"] / "polite.txt").exists()
    assert "pruned: after 3 epochs" in capsys.readouterr().out
    epochs = len((folder / pruned["folder"] / "train_log.txt").read_text().splitlines())
    assert 3 <= epochs < 20
    search(*grid)
    assert len(starts(folder)) == 5
    assert all(len(lines) == 1 for lines in starts(folder).values()), "a pruned trial ran again"


def test_without_prune_a_bad_run_goes_to_its_end(folder):
    search("--grid", "lr=0.5,0.6,0.7,0.19", "--", "--epochs=3")
    assert {row["state"] for row in leaderboard(folder)} == {"complete"}


def test_progress_is_read_once_and_in_the_order_of_the_epochs(tmp_path):
    progress = Progress(tmp_path, ["accuracy", "mAP"])
    assert progress.new() == []
    for fold in (10, 2):  # the order in which they are run
        (tmp_path / f"fold{fold}").mkdir()
        log = tmp_path / f"fold{fold}/train_log.txt"
        log.write_text(
            f"epoch: 1 - train loss: 2 - valid loss: 1.0, valid accuracy: {fold}e-2, valid f: 0.3\n"
            "epoch: 2 - train loss: 1\n"  # no validation
            "epoch: 3 - train loss: 1 - valid mAP: nan, valid acc"
        )
        os.utime(log, (0, 100 - fold))
    assert progress.new() == [0.1, 0.02]
    with log.open("a") as file:
        file.write("uracy: 4.0e-01\n")
    assert progress.new() == [0.4]


def test_a_figure_of_one_run_is_that_of_its_folds(tmp_path):
    content = {"accuracy": {"mean": 0.8, "deviation": 0.1}, "folds": [{}, {}, {}]}
    (tmp_path / "results.json").write_text(json.dumps(content))
    assert figure([tmp_path], ["accuracy"]) == ("accuracy", 0.8, 0.1, 3, None)


# The validation accuracy is best where that of the test clips is worst.
WITH_VALIDATION = STAND_IN.replace(
    '"labels": ["a"]}', '"valid_accuracy": {"mean": 1 - lr, "deviation": None}, "labels": ["a"]}'
)


def test_validation_chooses_and_the_test_figure_stands_beside(folder, capsys):
    (folder / "recipe.py").write_text(WITH_VALIDATION)
    search("--grid", "lr=0.3,0.5", "--over", "seed=1,3")
    rows = leaderboard(folder)
    assert [(row["lr"], row["metric"]) for row in rows] == [
        ("0.3", "valid_accuracy"),
        ("0.5", "valid_accuracy"),
    ]
    assert [float(row["mean"]) for row in rows] == pytest.approx([0.7, 0.5])
    assert [float(row["test"]) for row in rows] == pytest.approx([0.32, 0.52])
    page = (folder / "out/leaderboard.md").read_text()
    assert "Ranked by valid_accuracy, of the validation clips; the test accuracy beside" in page
    assert "| rank | lr | valid_accuracy | deviation | test accuracy | n |" in page
    assert "| 1 | 0.3 | 0.7000 | 0.0000 | 0.3200 | 2 |" in page
    assert "valid_accuracy 0.7000 ± 0.0000 (n = 2), test accuracy 0.3200" in capsys.readouterr().out


def test_without_validation_the_leaderboard_says_that_test_clips_chose(folder):
    search("--grid", "lr=0.3,0.5")
    assert {(row["metric"], row["test"]) for row in leaderboard(folder)} == {("accuracy", "")}
    page = (folder / "out/leaderboard.md").read_text()
    assert "Ranked by accuracy, of the test clips: the best of many is a flattering" in page
    assert "| rank | lr | accuracy | deviation | n |" in page


def test_one_figure_ranks_all_trials_of_a_search(folder):
    # Without validation at 0.5, which comes first; 0.3 would have a valid_accuracy.
    without = WITH_VALIDATION.replace('"valid_accuracy"', '"no" if lr == 0.5 else "valid_accuracy"')
    (folder / "recipe.py").write_text(without)
    search("--grid", "lr=0.5,0.3")
    assert [(row["lr"], row["metric"], row["mean"]) for row in leaderboard(folder)] == [
        ("0.5", "accuracy", "0.5"),
        ("0.3", "accuracy", "0.3"),
    ]
    mistake = "expected a mean of valid_accuracy, found accuracy, no; choose with --metric"
    with pytest.raises(InputError, match=mistake):
        program.main(["recipe.py", "model.yaml", "--output=other", "--grid", "lr=0.3,0.5"])


def test_of_several_runs_the_figure_is_one_that_all_have(tmp_path):
    contents = {
        "a": {"valid_mAP": {"mean": 0.9}, "mAP": {"mean": 0.5}},
        "b": {"mAP": {"mean": 0.7}},
    }
    for name, content in contents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(content))
    folders = [tmp_path / name for name in contents]
    assert figure(folders, DEFAULT_METRICS)[:2] == ("mAP", pytest.approx(0.6))
    assert figure(folders[:1], DEFAULT_METRICS) == ("valid_mAP", 0.9, None, 1, 0.5)
    with pytest.raises(
        InputError, match=r"b/results\.json: expected a mean of valid_mAP, found mAP"
    ):
        figure(folders, ["valid_mAP"])


@pytest.mark.parametrize("metrics", [["valid_accuracy"], ["accuracy"], DEFAULT_METRICS])
def test_progress_follows_validation_whatever_the_metric_is_called(tmp_path, metrics):
    line = "epoch: 1 - train loss: 1, train accuracy: 0.9 - valid loss: 2, valid accuracy: 0.25\n"
    (tmp_path / "train_log.txt").write_text(line)
    assert Progress(tmp_path, metrics).new() == [0.25]


def test_the_metric_is_accuracy_or_map_or_the_one_asked_for(folder):
    grid = ("--grid", "lr=0.3")
    expected = "valid_accuracy or valid_mAP or accuracy or mAP"
    mistake = f"expected a mean of {expected}, found lwlrap; choose with --metric"
    with pytest.raises(InputError, match=mistake):
        search(*grid, "--", "--folds=1", recipe=other_figure(folder, "lwlrap"))
    assert leaderboard(folder) == []
    search(*grid, "--metric=lwlrap", "--", "--folds=1", recipe=other_figure(folder, "lwlrap"))
    assert "| rank | lr | lwlrap |" in (folder / "out/leaderboard.md").read_text()
    program.main([other_figure(folder, "mAP"), "model.yaml", "--output=map", *grid])
    assert "| rank | lr | mAP |" in (folder / "map/leaderboard.md").read_text()


def other_figure(folder, name):
    (folder / "other.py").write_text(
        STAND_IN.replace('"figure", "accuracy"', f'"figure", "{name}"')
    )
    return "other.py"


def test_random_points_are_those_of_the_seed_and_more_can_be_asked_for(folder):
    space = ("--random", "lr=1e-4..1e-2:log", "depth=10..50")
    search(*space, "--trials=4")
    four = {(row["lr"], row["depth"]) for row in leaderboard(folder)}
    assert len(four) == 4
    assert all(1e-4 <= float(lr) <= 1e-2 and 10 <= int(depth) <= 50 for lr, depth in four)
    search(*space, "--trials=6")
    six = {(row["lr"], row["depth"]) for row in leaderboard(folder)}
    assert len(six) == 6
    assert four < six
    program.main(["recipe.py", "model.yaml", *space, "--trials=6", "--output=again"])
    with (folder / "again/leaderboard.csv").open(newline="") as file:
        assert {(row["lr"], row["depth"]) for row in csv.DictReader(file)} == six


def test_a_guided_search_comes_closer_to_the_best(folder):
    search("--guided", "lr=0.2..0.8", "--trials=24")
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{folder}/out/study.db")
    tried = [trial.params["lr"] for trial in study.trials]
    assert len(tried) == 24
    assert statistics.mean(tried[10:]) > 0.6 > statistics.mean(tried[:10])


def test_a_guided_search_runs_nothing_twice_and_ends_with_its_space(folder):
    search("--guided", "lr=0.3,0.5,0.9", "depth=1..2", "--trials=40")
    rows = leaderboard(folder)
    assert len({(row["lr"], row["depth"]) for row in rows}) == len(rows) == 6
    assert [len(lines) for lines in starts(folder).values()] == [1] * 6


def test_workers_may_differ_in_the_device(folder):
    search("--grid", "lr=0.3", "--", "--device=cpu", "--noprogressbar")
    search("--grid", "lr=0.3")
    assert sum(map(len, starts(folder).values())) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grid", "lr=0.3,0.4"], "values of lr was .*'0.3',.* now it is .*'0.3', '0.4'"),
        (["--grid", "depth=18"], "values of depth was nothing, now it is Cat"),
        (["--random", "lr=0.3"], "method was grid, now it is random"),
        (["--grid", "lr=0.3", "--metric=mAP"], "metric was None, now it is mAP"),
        (["--grid", "lr=0.3", "--over=seed=1,2"], r"over was nothing, now it is seed \['1', '2'\]"),
        (["--grid", "lr=0.3", "--", "--depth=9"], "hyperparameter depth was 18, now it is 9"),
        (["--grid", "lr=0.3", "--", "--folds=[2]"], r"option folds was None, now it is \[2\]"),
        (["--grid", "lr=0.3", "--", "--precision=bf16"], "option precision was nothing, now it is"),
    ],
)
def test_a_folder_with_another_search_is_refused(folder, arguments, message):
    search("--grid", "lr=0.3")
    before = (folder / "out/leaderboard.md").read_text()
    with pytest.raises(
        InputError, match="out holds a search of something else: " + message
    ) as error:
        search(*arguments)
    assert "give another --output, or delete that one" in str(error.value)
    assert (folder / "out/leaderboard.md").read_text() == before


def test_another_recipe_or_file_is_another_search(folder):
    search("--grid", "lr=0.3")
    with pytest.raises(InputError, match=r"recipe was recipe.py, now it is other.py"):
        search("--grid", "lr=0.3", recipe=other_figure(folder, "mAP"))
    (folder / "model.yaml").write_text(HPARAMS.replace("in_features: 3", "in_features: 4"))
    with pytest.raises(InputError, match=r"hyperparameter head\.in_features was 3, now it is 4"):
        search("--grid", "lr=0.3")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of the arguments --grid --random --guided is required; see --help"),
        (["--grid", "lr=1", "--trials=2"], "--trials: a grid runs all"),
        (["--random", "lr=1", "--trials=0"], "--trials: expected a positive number, got 0"),
        (["--random", "lr=1", "--trials=x"], "argument --trials: invalid int value: 'x'; see"),
        (["--grid", "lr"], "lr: expected KEY=VALUE,VALUE"),
        (["--grid", "lr="], "lr=: expected KEY=VALUE,VALUE"),
        (["--grid", "lr=[1"], "cannot read the values"),
        (["--grid", "lr=1,1.0,1"], "lr=1,1.0,1: 1 is given twice"),
        (["--grid", "lr=1", "lr=2"], "lr=2: lr is given twice"),
        (["--grid", "lr=0.1..0.2"], "a grid has values, such as lr=1,2; ranges: --random"),
        (["--random", "lr=0.2..0.1"], "lr=0.2..0.1: expected LOW..HIGH"),
        (["--random", "lr=0..0.1:log"], "lr=0..0.1:log: expected LOW..HIGH"),
        (["--random", "lr=0.1..x"], "lr=0.1..x: expected LOW..HIGH"),
        (["--random", "depth=1..5:lin"], "depth=1..5:lin: expected LOW..HIGH"),
        (["--grid", "lrr=1"], "lrr is neither an option of the recipe nor in model.yaml; did you"),
        (["--grid", "fold=1"], "did you mean folds"),
        (["--grid", "head.in=1"], "nor in model.yaml; did you mean|head has in_features"),
        (["--grid", "head.zzz=1"], "head has in_features, out_features"),
        (["--grid", "lr.x=1"], "lr.x is neither .* lr has no keys"),
        (["--grid", "output_folder=a,b"], "output_folder: the search chooses it; give --output"),
        (["--grid", "lr=1", "--over=lr=2"], "lr is both searched and gone over"),
        (["--grid", "lr=1", "--over=zzz=2"], "zzz is neither an option of the recipe"),
        (["--grid", "lr=1", "--over=folds=[1],1"], "folds: its values give the same folder"),
        (["--grid", "lr=1", "--", "--lr=2"], "lr is both searched and given"),
        (["--grid", "lr=1", "--", "--output_folder=x"], "the search chooses that folder"),
        (["--grid", "lr=1", "--", "depth=2"], "depth=2: expected a recipe's option such as"),
        (["--grid", "lr=1", "--", "--dept=2"], "did you mean --depth"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(folder, arguments, message):
    with pytest.raises(InputError, match=message) as error:
        search(*arguments)
    assert "\n" not in str(error.value)
    assert not (folder / "out").exists()


def test_a_recipe_or_file_that_is_none_is_told(folder):
    with pytest.raises(InputError, match=r"model\.yaml: expected a recipe, such as"):
        search("--grid", "lr=1", recipe="model.yaml", hparams="recipe.py")
    with pytest.raises(InputError, match=r"no\.yaml: no such hyperparameter file"):
        search("--grid", "lr=1", hparams="no.yaml")


def test_a_file_that_is_no_study_is_told_in_a_line(folder):
    (folder / "out").mkdir()
    (folder / "out/study.db").write_text("not a database" * 100)
    with pytest.raises(InputError, match=r"study\.db: cannot be read as a study .*not a") as error:
        search("--grid", "lr=1")
    assert "\n" not in str(error.value)


def test_runs_have_folders_named_by_their_values():
    commands = Commands(RECIPE, ROOT / "a.yaml", (), ("test_folds", ["[1]", "[2, 3]"]))
    assert [path.name for path in commands.of({}, ROOT)] == ["test_folds-1", "test_folds-2_3"]


def test_a_range_is_of_whole_numbers_only_if_both_ends_are():
    space = read_space(["a=1..8", "b=1..8.0", "c=1..8:log", "d=0.1..0.5:0.1", "e=-3..-1"])
    kinds = [type(distribution).__name__ for distribution in space.values()]
    assert kinds == [f"{kind}Distribution" for kind in ("Int", "Float", "Int", "Float", "Int")]
    assert (space["c"].log, space["d"].step, space["e"].low) == (True, 0.1, -3)


def test_a_search_runs_the_real_recipe(recipe, corpus):
    options = [option for option in TINY if "epochs" not in option and "batch" not in option]
    done = recipe.python(
        str(SEARCH),
        str(RECIPE),
        str(ROOT / "hparams/resnet_dilated.yaml"),
        *("--grid", "batch_size=8,10", "--output=out", "--prune", "--"),
        *options,
        "--number_of_epochs=1",
        f"--data_folder={corpus}",
        "--test_folds=[3]",
        check=0,
    )
    rows = leaderboard(recipe.folder)
    assert {(row["batch_size"], row["state"], row["n"]) for row in rows} == {
        ("8", "complete", "1"),
        ("10", "complete", "1"),
    }
    for row in rows:
        results = json.loads((recipe.folder / row["folder"] / "results.json").read_text())
        assert row["metric"] == "valid_accuracy"
        assert float(row["mean"]) == results["valid_accuracy"]["mean"]
        assert float(row["test"]) == results["accuracy"]["mean"]
        assert "epoch 1/1" in (recipe.folder / row["folder"] / "output.txt").read_text()
    study = optuna.load_study(
        study_name="search", storage=f"sqlite:///{recipe.folder}/out/study.db"
    )
    assert [list(trial.intermediate_values) for trial in study.trials] == [[1], [1]]
    assert "trial 2 of 2: batch_size=10" in done.stdout


def test_options_that_a_recipe_inherits_are_its_own():
    own = recipe_options(ROOT / "recipes/audioset/train.py")
    assert {"classes", "valid_fraction", "data_folder", "threshold_metric"} <= set(own)
