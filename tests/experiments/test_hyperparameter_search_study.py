"""A search as a user starts it: real processes, a real database, a stand-in for the recipe."""

import json
import multiprocessing
import os
import shlex
import signal
import statistics
import subprocess
import sys
import time

import optuna
import pytest
from recipe_program import ROOT, TINY, URBANSOUND_RECIPE
from stand_in import (
    STAND_IN,
    ForkedSearch,
    held,
    leaderboard,
    page,
    prepare_search,
    search,
    starts,
    wait_for,
)

from aed_plugins.core import InputError
from aed_plugins.experiments import (
    Search,
    SearchPlan,
    grid_points,
    read_commands,
    read_space,
    read_values,
)
from aed_plugins.experiments.hyperparameter_search import study as study_module


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return prepare_search(tmp_path, monkeypatch)


@pytest.fixture
def quick_heartbeat(monkeypatch):
    monkeypatch.setattr(study_module, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(study_module, "GRACE_SECONDS", 2)
    monkeypatch.setattr(study_module, "WAIT_SECONDS", 0.1)


def stored(folder, name="search"):
    return optuna.load_study(study_name=name, storage=f"sqlite:///{folder}/out/study.db")


def test_a_grid_runs_every_combination_for_every_seed(folder, capsys):
    search("--grid", "lr=0.3,0.5", "depth=18,34", "--over", "seed=1,2,4")
    rows = leaderboard(folder)
    combinations = [("0.5", "18"), ("0.5", "34"), ("0.3", "18"), ("0.3", "34")]
    assert [(row["lr"], row["depth"]) for row in rows] == combinations
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    # By hand: of 0.51, 0.52 and 0.54, the mean is 1.57 / 3 and the squares' sum 0.000466...
    assert float(rows[0]["mean"]) == pytest.approx(0.5233333333)
    assert float(rows[0]["deviation"]) == pytest.approx(0.0152752523)
    assert {(row["n"], row["state"]) for row in rows} == {("3", "complete")}
    assert all(float(row["seconds"]) > 0 for row in rows)
    assert "# model under " in (folder / "out/leaderboard.md").read_text()
    assert "4 of 4 trials\n" in (folder / "out/leaderboard.md").read_text()
    assert page(folder)[0].startswith("rank|lr|depth|state|metric|mean|deviation|test|n|seconds")
    assert page(folder)[2].startswith("1|0.5|18|complete|accuracy|0.5233|0.01528||3|")
    printed = capsys.readouterr().out
    assert "trial 1 of 4: lr=0.3 depth=18 (out/trial-" in printed
    assert "complete: metric accuracy, mean 0.5233, deviation 0.01528, n 3, seconds" in printed

    search("--grid", "lr=0.3,0.5", "depth=18,34", "--over", "seed=1,2,4")
    assert [len(lines) for lines in starts(folder).values()] == [1] * 12
    assert leaderboard(folder) == rows
    assert stored(folder).best_params == {"lr": "0.5", "depth": "18"}


def test_the_best_can_be_run_again_with_the_command_that_is_printed(folder):
    search("--grid", "lr=0.3,0.5", "--over", "seed=1,2", "--", "--pooling=max")
    lines = (folder / "out/leaderboard.md").read_text().splitlines()
    again = [shlex.split(line) for line in lines if line.startswith("    python")]
    assert len(again) == 2
    for _, *command in again:
        subprocess.run([sys.executable, *command], check=True)
    for seed in (1, 2):
        best = json.loads((folder / f"out/best/seed-{seed}/results.json").read_text())
        assert best["accuracy"]["mean"] == pytest.approx(0.5 + seed / 100)
    assert "--pooling=max" in (folder / "out/best/seed-1/starts.txt").read_text()


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
    assert (bad["rank"], bad["lr"], bad["state"], bad["mean"]) == ("", "0.9", "fail", "")
    assert bad["note"] == "a learning rate of 0.9 | is too high (exit status 1)"
    assert "a learning rate of 0.9 \\| is too high" in page(folder)[3]
    assert "fail: note a learning rate of 0.9" in capsys.readouterr().out
    (_, *further) = (lines for lines in starts(folder).values() if "--lr=0.9" in lines[0])
    assert not further, "the other seed was run although the trial had failed"

    search("--grid", "lr=0.9,0.3", "--over", "seed=1,2")
    assert sum(map(len, starts(folder).values())) == 3, "it was tried again without being asked"
    (folder / "recipe.py").write_text(STAND_IN.replace("lr == 0.9", "lr == 77"))
    search("--grid", "lr=0.9,0.3", "--over", "seed=1,2", "--retry")
    assert [row["lr"] for row in leaderboard(folder)] == ["0.9", "0.3"]
    assert {row["state"] for row in leaderboard(folder)} == {"complete"}


def test_a_search_in_which_all_fails_ends_in_a_line(folder):
    with pytest.raises(InputError, match="no trial has a score; the first: a learning rate of"):
        search("--grid", "lr=0.9")


@pytest.mark.parametrize("recipe_dies_too", [False, True])
def test_a_search_that_was_killed_goes_on(folder, quick_heartbeat, recipe_dies_too):
    (folder / "hold").touch()
    killed = ForkedSearch(folder, "--grid", "lr=0.1,0.5,0.3")
    killed.wait_for(lambda: held(folder))
    (mark,) = held(folder)
    if recipe_dies_too:
        os.kill(int(mark.read_text()), signal.SIGKILL)
        os.kill(killed.process.pid, signal.SIGKILL)
        mark.unlink()
    else:
        killed.process.kill()
        wait_for((mark.parent / "polite.txt").exists)  # before `hold` goes, and the run would end
    killed.end(-signal.SIGKILL)
    (folder / "hold").unlink()
    again = ForkedSearch(folder, "--grid", "lr=0.1,0.5,0.3")
    assert "waiting for other processes, which run 1 of the trials" in again.end(0)
    assert (mark.parent / "polite.txt").exists() != recipe_dies_too
    assert [row["lr"] for row in leaderboard(folder)] == ["0.5", "0.3", "0.1"]
    assert {row["state"] for row in leaderboard(folder)} == {"complete"}
    # Only the trial that was interrupted was started twice, in the same folder.
    expected = {path: 2 if path == mark.parent else 1 for path in starts(folder)}
    assert {path: len(lines) for path, lines in starts(folder).items()} == expected


def plan_of(folder, *items):
    commands = read_commands("recipe.py", "model.yaml", [], read_values("seed=1,2"))
    space = read_space(items)
    return SearchPlan(commands, space, "grid", folder / "out", len(grid_points(space)))


def test_a_trial_whose_process_was_killed_before_its_first_heartbeat_is_run(
    folder, quick_heartbeat
):
    one = Search(plan_of(folder, "lr=0.3,0.5"))
    one.study.ask()
    results = Search(plan_of(folder, "lr=0.3,0.5")).run()
    assert [result.state for result in results] == ["complete"] * 2
    assert [len(lines) for lines in starts(folder).values()] == [1] * 4


def test_a_process_that_slept_too_long_does_not_disturb_the_one_that_took_over(
    folder, quick_heartbeat
):
    (folder / "hold").touch()
    asleep = ForkedSearch(folder, "--grid", "lr=0.3")
    asleep.wait_for(lambda: held(folder))
    os.kill(asleep.process.pid, signal.SIGSTOP)
    other = ForkedSearch(folder, "--grid", "lr=0.3")
    other.wait_for(lambda: "trial 1 of 1" in other.printed.read_text())
    assert [len(lines) for lines in starts(folder).values()] == [1], "two recipes in one folder"
    (folder / "hold").unlink()
    other.end(0)
    os.kill(asleep.process.pid, signal.SIGCONT)
    assert "error: no heartbeat of this process for 2 s: its trial is run again" in asleep.end(1)
    assert [row["state"] for row in leaderboard(folder)] == ["complete"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_stops_its_run_politely_and_goes_on_at_once(folder, number):
    (folder / "hold").touch()
    search_there = ForkedSearch(folder, "--grid", "lr=0.1,0.3")
    search_there.wait_for(lambda: held(folder))
    os.kill(search_there.process.pid, number)
    search_there.end(130)
    assert len(list(folder.glob("out/trial-*/polite.txt"))) == 1
    assert [row["lr"] for row in leaderboard(folder)] == ["0.1"]
    (folder / "hold").unlink()
    started = time.monotonic()
    search("--grid", "lr=0.1,0.3")
    assert time.monotonic() - started < study_module.GRACE_SECONDS / 2
    assert [row["lr"] for row in leaderboard(folder)] == ["0.3", "0.1"]


def test_the_program_tells_how_to_go_on_even_from_a_shell_s_background(folder):
    (folder / "hold").touch()
    program = [sys.executable, ROOT / "recipes/hyperparameter_search.py", "recipe.py", "model.yaml"]
    command = [*program, "--output=out", "--grid", "lr=0.3"]
    ignoring = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    process = subprocess.Popen([*ignoring, *command], stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not held(folder):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "\ninterrupted: give the same command again to go on\n"
    assert list(folder.glob("out/trial-*/polite.txt"))


def test_processes_started_together_share_the_trials_and_run_none_twice(folder):
    values = ",".join(str(0.1 + number / 1000) for number in range(12))
    grid = ("--grid", f"lr={values}", "--", "--epochs=1")
    processes = [ForkedSearch(folder, *grid) for _ in range(3)]
    outputs = [process.end(0) for process in processes]
    assert [len(lines) for lines in starts(folder).values()] == [1] * 12
    begun = [output.count("of 12: lr=") for output in outputs]
    assert sum(begun) == 12
    assert min(begun) >= 1, "one of them did nothing"
    for output in outputs:
        assert "12 of 12 trials" in output, "a process ended before the search did"
    states = [trial.state.name for trial in stored(folder).trials]
    assert states.count("COMPLETE") == 12


def test_a_waiting_trial_is_given_to_one_process_alone(folder):
    # SQLite has no SELECT ... FOR UPDATE, with which Optuna takes a trial from other databases.
    plan = plan_of(folder, "lr=" + ",".join(map(str, range(60))))
    Search(plan)
    context = multiprocessing.get_context("fork")
    begin = context.Barrier(4)

    def take(number):
        study = Search(plan).study
        begin.wait(60)
        taken = [study.ask().number for _ in range(15)]
        (folder / f"taken{number}.txt").write_text(" ".join(map(str, taken)))

    processes = [context.Process(target=take, args=(number,)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    taken = " ".join(path.read_text() for path in folder.glob("taken*.txt")).split()
    assert sorted(map(int, taken)) == list(range(60))


def test_processes_share_a_study_through_a_database_elsewhere(folder):
    database = f"--storage=sqlite:///{folder}/shared.db"
    search("--grid", "lr=0.4,0.5", database)
    (folder / "out").rename(folder / "first")  # another machine has another disk
    search("--grid", "lr=0.4,0.5", database)
    assert [row["lr"] for row in leaderboard(folder)] == ["0.5", "0.4"]
    assert not starts(folder)
    assert not (folder / "out/study.db").exists()
    search("--grid", "lr=0.6", database, output="other")  # holds several searches
    assert [row["lr"] for row in leaderboard(folder, "other")] == ["0.6"]


def test_a_folder_s_name_may_have_any_characters(folder):
    search("--grid", "lr=0.5", output="50 % of {a} #1?")
    assert [row["lr"] for row in leaderboard(folder, "50 % of {a} #1?")] == ["0.5"]
    assert (folder / "50 % of {a} #1?/study.db").stat().st_size > 0


def test_random_points_are_those_of_the_seed_and_more_can_be_asked_for(folder):
    space = ("--random", "lr=1e-4..1e-2:log", "depth=10..50")
    search(*space, "--trials=3")
    three = {(row["lr"], row["depth"]) for row in leaderboard(folder)}
    assert len(three) == 3
    assert all(1e-4 <= float(lr) <= 1e-2 and 10 <= int(depth) <= 50 for lr, depth in three)
    search(*space, "--trials=5")
    five = {(row["lr"], row["depth"]) for row in leaderboard(folder)}
    assert len(five) == 5
    assert three < five
    search(*space, "--trials=3", output="again")
    assert {(row["lr"], row["depth"]) for row in leaderboard(folder, "again")} == three


def test_processes_of_a_random_search_draw_different_points_and_no_more_than_asked_for(folder):
    both = [
        ForkedSearch(folder, "--random", "lr=0.11..0.19", "--trials=6", "--", "--epochs=1")
        for _ in range(2)
    ]
    outputs = [process.end(0) for process in both]
    assert all("6 of 6 trials" in output for output in outputs)
    assert [len(lines) for lines in starts(folder).values()] == [1] * 6
    assert min(output.count(" of 6: lr=") for output in outputs) >= 1


def test_a_guided_search_comes_closer_to_the_best(folder):
    search("--guided", "lr=0.2..0.8", "--trials=20")
    tried = [trial.params["lr"] for trial in stored(folder).trials]
    assert len(tried) == 20
    assert statistics.mean(tried[10:]) > 0.6 > statistics.mean(tried[:10])


def test_a_search_runs_the_real_recipe(recipe, corpus):
    options = [option for option in TINY if "epochs" not in option and "batch" not in option]
    done = recipe.python(
        *(
            str(ROOT / "recipes/hyperparameter_search.py"),
            str(URBANSOUND_RECIPE),
            str(ROOT / "hparams/resnet_dilated.yaml"),
        ),
        *("--grid", "batch_size=8,10", "--output=out", "--"),
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
    trials = stored(recipe.folder).trials
    assert [list(trial.intermediate_values) for trial in trials] == [[1], [1]]
    assert "trial 2 of 2: batch_size=10" in done.stdout
