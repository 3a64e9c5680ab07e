"""An ablation in several processes, interrupted and killed; and one of a real recipe."""

import json
import os
import signal

import pytest
from ablation_stand_in import ForkedAblation, command, prepare_ablation, program, starts, table
from recipe_program import ROOT, TINY, URBANSOUND_RECIPE

from aed_plugins.experiments.ablation import worker
from aed_plugins.experiments.ablation.runs_csv import read_rows

ABLATE = ROOT / "recipes/ablate.py"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return prepare_ablation(tmp_path, monkeypatch)


def test_jobs_run_at_once_and_share_the_cores(folder):
    (folder / "hold").touch()
    there = ForkedAblation(
        folder, command("a: --lr=0.3", "b: --lr=0.3 --mixup=0", more=["--jobs=3"])
    )
    there.wait_for(lambda: len(list(folder.rglob("running"))) == 3)
    (folder / "hold").unlink()
    said = there.end(0)
    assert len(starts(folder)) == 6
    assert all(f"run {n} of 6" in said for n in range(1, 7))
    threads = {int(path.read_text()) for path in folder.rglob("threads.txt")}
    assert threads == {max(1, len(os.sched_getaffinity(0)) // 3)}
    assert {it.threads for it in read_rows(folder / "rows.csv").values()} == threads


def test_a_user_s_number_of_threads_counts():
    assert worker._threads(2, {"OMP_NUM_THREADS": "5"}) == 5
    assert worker._threads(10_000, {}) == 1


def marks(folder):
    """The marks of the stand-ins that run; each holds its process number."""
    return [path for path in folder.rglob("running") if path.read_text()]


@pytest.mark.parametrize("recipe_dies_too", [False, True])
def test_an_ablation_that_was_killed_goes_on(folder, recipe_dies_too):
    (folder / "hold").touch()
    asked = command("higher: --lr=0.3", "much: --lr=0.5", folds=(1,))
    killed = ForkedAblation(folder, asked)
    killed.wait_for(lambda: marks(folder) and len(starts(folder)) == 2)
    (held,) = folder.rglob("running")
    if recipe_dies_too:
        os.kill(int(held.read_text()), signal.SIGKILL)
        os.kill(killed.process.pid, signal.SIGKILL)
        held.unlink()
    else:
        killed.process.kill()
    killed.end(-signal.SIGKILL)
    (folder / "hold").unlink()
    ForkedAblation(folder, asked).end(0)
    assert (held.parent / "polite.txt").exists() != recipe_dies_too
    assert [it["runs"] for it in table(folder).values()] == ["1"] * 3
    assert len(starts(folder)) == 4  # one of three was interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_ablation_stops_its_runs_politely(folder, number):
    (folder / "hold").touch()
    asked = command("a: --lr=0.3", "b: --lr=0.3 --mixup=0", folds=(1,), more=["--jobs=2"])
    there = ForkedAblation(folder, asked)
    there.wait_for(lambda: len(list(folder.rglob("running"))) == 2 and len(starts(folder)) == 3)
    os.kill(there.process.pid, number)
    there.end(130)
    assert len(list(folder.rglob("polite.txt"))) == 2
    assert not list(folder.rglob("failed.txt"))
    assert [it["runs"] for it in table(folder).values()] == ["1", "0", "0"]
    (folder / "hold").unlink()
    program.main(asked)
    assert [it["runs"] for it in table(folder).values()] == ["1", "1", "1"]
    assert len(starts(folder)) == 5


def test_two_processes_share_the_runs_and_those_that_fail(folder):
    (folder / "hold").touch()
    asked = command("a: --lr=0.3", "b: --lr=0.9", "c: --lr=0.5", folds=(1, 2, 3))
    both = [ForkedAblation(folder, asked) for number in (1, 2)]
    both[0].wait_for(lambda: len(list(folder.rglob("running"))) == 2)
    (folder / "hold").unlink()
    said = [each.end(1) for each in both]
    assert len(starts(folder)) == len(set(starts(folder))) == 12
    assert all("# Ablation of model: 9 of 12 runs" in each for each in said)
    assert all(each.count(", seed 1: ") for each in said), "one of them did all the work"


def test_an_ablation_runs_the_real_recipe(recipe, corpus):
    plain = ROOT / "hparams/resnet_plain.yaml"
    done = recipe.python(
        *(str(ABLATE), str(ROOT / "hparams/resnet_dilated.yaml"), f"--recipe={URBANSOUND_RECIPE}"),
        *("--variants", f"narrow, plain: {plain} --encoder.width=0.03125 --dropout=0"),
        *("--folds", "3", "--output=out", "--jobs=2", "--"),
        *(option for option in TINY if "epochs" not in option),
        *("--number_of_epochs=1", f"--data_folder={corpus}", "--valid_folds=[]"),
        check=0,
    )
    rows = list(read_rows(recipe.folder / "out/ablation.csv").values())
    assert sorted(it.variant for it in rows) == ["narrow, plain", "resnet_dilated"]
    for each in rows:
        name = each.variant.replace(", ", "_")
        run_folder = recipe.folder / f"out/{name}-{each.configuration}/seed1-fold3"
        results = json.loads((run_folder / "results.json").read_text())
        assert results["accuracy"]["mean"] == pytest.approx(each.accuracy)
        assert (each.clips, each.train_folds, each.data) == (10, (1, 2), "demonstration")
        described = (run_folder / "fold3/hyperparams.yaml").read_text()
        other = each.variant != "resnet_dilated"
        assert ("width: 0.03125" if other else "width: 0.0625") in described
        assert ("[1, 1, 1, 1]" in described, "dropout: 0\n" in described) == (other, other)
    assert rows[0].clips_digest == rows[1].clips_digest
    assert "**DEMONSTRATION: synthesized sounds" in done.stdout
    assert "With one test fold, all of this is said of that fold alone." in done.stdout
