"""A recipe in a process of its own: started, followed, stopped, and read."""

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time

import pytest
from recipe_program import ROOT, URBANSOUND_RECIPE
from stand_in import HPARAMS, STAND_IN, wait_for

from aed_plugins.core import InputError
from aed_plugins.data import DATASETS
from aed_plugins.experiments import DEFAULT_METRICS
from aed_plugins.experiments.recipe_options import check_command_line, load_options
from aed_plugins.experiments.recipe_runs import Commands, RunFailed, run
from aed_plugins.experiments.recipe_scores import Progress, read_score

WITHOUT_UNIX = """
import os, signal, sys
sys.modules["fcntl"] = None
for name in ("killpg", "setsid", "getpgid", "sched_getaffinity", "fork"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "pthread_kill"):
    delattr(signal, name)
"""


def test_nothing_that_only_unix_has_is_imported():
    search = "hyperparameter_search.study"
    modules = [search, "ablation.worker", "ablation.runs_csv", "recipe_process"]
    code = WITHOUT_UNIX + "".join(f"import aed_plugins.experiments.{name}\n" for name in modules)
    code += "from aed_plugins.experiments.recipe_runs import be_interruptible\nbe_interruptible()\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_is_stopped_politely_without_signals_between_processes(tmp_path):
    # As on Windows: the recipe's process has no other way to interrupt itself than Python's own.
    (tmp_path / "recipe.py").write_text(
        "import time, pathlib\n"
        f"pathlib.Path({str(tmp_path)!r}, 'begun').touch()\n"
        "try:\n    while True: time.sleep(0.01)\n"
        f"except KeyboardInterrupt: pathlib.Path({str(tmp_path)!r}, 'polite').touch()\n"
    )
    code = "import signal\ndel signal.pthread_kill\n"
    code += (
        "from aed_plugins.experiments.recipe_process import main\nimport sys\nmain(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock"), str(tmp_path / "recipe.py")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    wait_for((tmp_path / "begun").exists)
    process.stdin.close()
    assert process.wait(60) == 0
    assert (tmp_path / "polite").exists()


def test_a_program_runs_as_python_runs_it(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/beside.py").write_text("VALUE = 5\n")
    (tmp_path / "folder/recipe.py").write_text(
        "import beside, json, sys\n"
        "print(json.dumps([__name__, sys.argv, sys.path[0], beside.VALUE, sys.stdin.read()]))\n"
    )
    arguments = [str(tmp_path / "folder/recipe.py"), "a.yaml", "--lr=1"]
    run(arguments, tmp_path / "out")
    printed = json.loads((tmp_path / "out/output.txt").read_text())
    assert printed == ["__main__", arguments, str(tmp_path / "folder"), 5, ""]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os\nprint('hello', flush=True)\nos.abort()", r"hello \(ended by SIGABRT\)"),
        ("import sys\nsys.exit('error: no')", r"^no \(exit status 1\)"),
        ("1 / 0", r"^ZeroDivisionError: division by zero \(exit status 1\)"),
        ("import sys\nsys.exit(7)", r"^exit status 7"),
    ],
)
def test_a_failure_is_told_in_one_line(tmp_path, program, why):
    (tmp_path / "recipe.py").write_text(program)
    with pytest.raises(RunFailed, match=why) as error:
        run([str(tmp_path / "recipe.py")], tmp_path)
    assert "\n" not in str(error.value)


def test_two_runs_in_one_folder_come_one_after_the_other(tmp_path):
    (tmp_path / "recipe.py").write_text(
        "import pathlib, time\n"
        f"mark = pathlib.Path({str(tmp_path)!r}, 'running')\n"
        "mark.touch(exist_ok=False)\ntime.sleep(0.3)\nmark.unlink()\n"
    )
    failures = []

    def start():
        try:
            run([str(tmp_path / "recipe.py")], tmp_path / "out")
        except RunFailed as error:
            failures.append(str(error))

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_run_that_will_not_stop_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("aed_plugins.experiments.recipe_runs.STOP_SECONDS", 0.5)
    (tmp_path / "recipe.py").write_text(
        "import pathlib, time, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"pathlib.Path({str(tmp_path)!r}, 'begun').touch()\ntime.sleep(1000)\n"
    )

    def follow():
        if (tmp_path / "begun").exists():
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run([str(tmp_path / "recipe.py")], tmp_path / "out", follow)
    assert time.monotonic() - started < 20


def test_a_recipe_ends_when_the_process_that_started_it_is_killed(tmp_path):
    (tmp_path / "recipe.py").write_text(
        "import pathlib, time\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "(folder / 'begun').touch()\n"
        "try:\n    time.sleep(1000)\nfinally:\n    (folder / 'ended').touch()\n"
    )
    code = "from pathlib import Path\nfrom aed_plugins.experiments.recipe_runs import run\n"
    code += f"run([{str(tmp_path / 'recipe.py')!r}], Path({str(tmp_path)!r}))\n"
    process = subprocess.Popen([sys.executable, "-c", code])
    wait_for((tmp_path / "begun").exists)
    process.kill()
    process.wait()
    wait_for((tmp_path / "ended").exists)


def test_a_run_without_results_failed(tmp_path):
    with pytest.raises(RunFailed, match=r"the run ended well but left no .*results\.json"):
        read_score([tmp_path], ["accuracy"])


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


@pytest.mark.parametrize("metrics", [["valid_accuracy"], ["accuracy"], DEFAULT_METRICS])
def test_progress_follows_validation_whatever_the_metric_is_called(tmp_path, metrics):
    line = "epoch: 1 - train loss: 1, train accuracy: 0.9 - valid loss: 2, valid accuracy: 0.25\n"
    (tmp_path / "train_log.txt").write_text(line)
    assert Progress(tmp_path, metrics).new() == [0.25]


def score(folders, metrics):
    return tuple(read_score(folders, metrics).values())


def test_the_score_of_one_run_is_that_of_its_folds(tmp_path):
    content = {"accuracy": {"mean": 0.8, "deviation": 0.1}, "folds": [{}, {}, {}]}
    (tmp_path / "results.json").write_text(json.dumps(content))
    assert score([tmp_path], ["accuracy"]) == ("accuracy", 0.8, 0.1, 3, None)


def test_of_several_runs_the_metric_is_one_that_all_have(tmp_path):
    contents = {
        "a": {"valid_mAP": {"mean": 0.9}, "mAP": {"mean": 0.5}},
        "b": {"mAP": {"mean": 0.7}},
    }
    for name, content in contents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(content))
    folders = [tmp_path / name for name in contents]
    assert score(folders, DEFAULT_METRICS)[:2] == ("mAP", pytest.approx(0.6))
    assert score(folders[:1], DEFAULT_METRICS) == ("valid_mAP", 0.9, None, 1, 0.5)
    with pytest.raises(
        InputError, match=r"b/results\.json: expected a mean of valid_mAP, found mAP"
    ):
        score(folders, ["valid_mAP"])


def test_runs_have_folders_named_by_their_values():
    commands = Commands(URBANSOUND_RECIPE, ROOT / "a.yaml", (), ("test_folds", ["[1]", "[2, 3]"]))
    assert [path.name for path in commands.of({}, ROOT)] == ["test_folds-1", "test_folds-2_3"]


@pytest.mark.parametrize("key", DATASETS)
def test_every_recipe_lists_its_options(key):
    own = load_options(ROOT / f"recipes/{key}/train.py")
    defaults = {field.name: field.default for field in dataclasses.fields(own)}
    for field in dataclasses.fields(DATASETS[key]):
        assert defaults[field.name] == field.default
    assert {"initial_model", "teacher", "threshold_metric"} <= set(defaults)


def test_a_recipe_of_a_dataset_of_one_s_own_lists_its_options(tmp_path):
    (tmp_path / "recipe.py").write_text(
        "from dataclasses import dataclass\n"
        "from functools import partial\n"
        "from aed_plugins.core import option\n"
        "from aed_plugins.data import CustomDataset\n"
        "from aed_plugins.experiments import run_program, run_recipe\n"
        "@dataclass(frozen=True)\n"
        "class Yard(CustomDataset):\n"
        "    season: str = option('spring', 'when they were recorded')\n"
        "run_program(partial(run_recipe, Yard))\n"
    )
    fields = {
        field.name: field for field in dataclasses.fields(load_options(tmp_path / "recipe.py"))
    }
    assert fields["season"].default == "spring"
    assert {"clips", "teacher"} <= set(fields)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import nothing_of_that_name", "as JSON: ModuleNotFoundError: No module named 'noth"),
        ("def (", "recipe.py: expected a recipe, whose --list_options lists .*: SyntaxError"),
        ("", "recipe.py: expected a recipe, whose --list_options lists its options as JSON"),
        ("print([1])", "recipe.py: expected a recipe, whose --list_options lists its options"),
    ],
)
def test_a_recipe_whose_options_cannot_be_read_is_refused(tmp_path, program, message):
    (tmp_path / "recipe.py").write_text(program)
    with pytest.raises(InputError, match=message) as raised:
        load_options(tmp_path / "recipe.py")
    assert "\n" not in str(raised.value)


def test_a_description_has_what_differs_from_the_defaults(tmp_path):
    (tmp_path / "recipe.py").write_text(STAND_IN)
    (tmp_path / "model.yaml").write_text(HPARAMS)
    own = load_options(tmp_path / "recipe.py")
    described = check_command_line(own, tmp_path / "model.yaml", ["--epochs=0", "--folds=[1]"])
    assert described["option folds"] == "[1]"
    assert "option epochs" not in described
    assert described["hyperparameter head.in_features"] == "3"
    assert described["hyperparameter dataset"] == "dataset"
    assert "hyperparameter num_workers" not in described
