"""An ablation as a user starts it; most with a stand-in for a recipe that does what one leaves."""

import csv
import importlib.util
import json
import multiprocessing
import os
import shutil
import signal
import sys
import time

import pytest
from recipe_program import RECIPE, ROOT, TINY

from aed_plugins.core import InputError
from aed_plugins.experiments import read_variants, run_program
from aed_plugins.experiments.ablation import worker
from aed_plugins.experiments.ablation.runs_csv import read_rows
from aed_plugins.experiments.hyperparameter_search.runs import try_lock

ABLATE = ROOT / "recipes/ablate.py"
HPARAMS = """
seed: 1
__set_seed: !apply:print [!ref <seed>]
dataset: !PLACEHOLDER
lr: 0.1
mixup: 0.2
num_workers: 0
pretrained: null
head: !new:torch.nn.Linear
    in_features: 3
    out_features: 2
output_folder: !ref results/<dataset>/<seed>
"""
# Of ten clips 10 * lr + seed are right, the first ones, more certainly so than others are wrong.
# 0.9 fails; 0.3 waits while there is `hold`.
STAND_IN = """
import json, os, sys, time
from pathlib import Path


class Options:
    data_folder: object = None
    test_folds: object = None
    valid_folds: object = None


given = dict(option[2:].split("=", 1) for option in sys.argv[2:] if "=" in option)
output = Path(given["output_folder"])
fold, seed = int(given["test_folds"].strip("[]")), int(given["seed"])
lr = float(given.get("lr", 0.1))
with Path("starts.txt").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
with (output / "running").open("x") as file:  # fails where another process runs here
    file.write(str(os.getpid()))
try:
    while Path("hold").exists() and lr == 0.3:
        time.sleep(0.01)
    if lr == 0.9 and not Path("mended").exists():
        sys.exit("a warning\\nerror: a learning rate of 0.9 is too high")
    folder = output / f"fold{fold}"
    folder.mkdir(exist_ok=True)
    right = min(10, round(10 * lr) + seed)
    lines = ["clip,fold,class,predicted,b,a"]
    said = ("a,0.3,0.7", "b,0.6,0.4")
    lines += [f"{n}-{fold}.wav,{fold},a,{said[n >= right]}" for n in reversed(range(10))]
    (folder / "predictions.csv").write_text("\\n".join(lines) + "\\n")
    result = dict(
        test_fold=fold, valid_folds=[], train_folds=[n for n in range(1, 11) if n != fold],
        data_state="partial", clips=10, metrics={given.get("head", "accuracy"): right / 10},
        epochs=1, tested_epoch=1, seconds=10 * lr, processes=1, device="cpu", precision="fp32",
        history=[],
    )
    (folder / "threads.txt").write_text(os.environ["OMP_NUM_THREADS"])
    (folder / "result.json").write_text(json.dumps(result))
except KeyboardInterrupt:
    (output / "polite.txt").touch()
    sys.exit(130)
finally:
    (output / "running").unlink()
"""


def load_program():
    spec = importlib.util.spec_from_file_location("ablate_program", ABLATE)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


program = load_program()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (tmp_path / "recipe.py").write_text(STAND_IN)
    (tmp_path / "model.yaml").write_text(HPARAMS)
    return tmp_path


def command(*variants, folds=(1, 2), seeds=1, options=(), more=()):
    return [
        *("model.yaml", "--recipe=recipe.py", "--output=out", "--rows=rows.csv"),
        *("--variants", *variants, "--folds", *map(str, folds), f"--seeds={seeds}", *more),
        *("--", *options),
    ]


def ablate(*variants, **others):
    program.main(command(*variants, **others))


def starts(folder):
    path = folder / "starts.txt"
    return path.read_text().splitlines() if path.exists() else []


def table(folder):
    """Give the cells of the table by variant and column."""
    lines = [line for line in (folder / "out/ablation.md").read_text().splitlines() if "|" in line]
    header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


class Forked:
    """An ablation in a process of its own that need not import everything anew."""

    def __init__(self, folder, number, arguments):
        self.said = folder / f"said{number}.txt"
        self.said.touch()
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=self._run, args=(arguments,))
        self.process.start()

    def _run(self, arguments):
        with self.said.open("w") as sys.stdout:
            sys.argv = ["ablate.py", *arguments]
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


# The variants.


def configurations(*variants, options=()):
    return [it.configuration for it in read_variants("recipe.py", "model.yaml", variants, options)]


def test_a_configuration_is_what_can_change_a_figure(folder):
    (folder / "other.yaml").write_text(HPARAMS.replace("lr: 0.1", "lr: 1.0e-1  # the same"))
    (reference,) = configurations()
    same = ["--num_workers=2", "--device=cpu", "--noprogressbar", "--data_folder=/elsewhere"]
    assert configurations(options=same) == [reference]
    assert len(reference) == 12
    names = "abcdefghij"
    different = [
        *("--lr=0.2", "--head.bias=False", "--valid_folds=[]", "--precision=bf16"),
        *("--pretrained=a.pth", "--pretrained=b.pth", "--pretrained=https://x.org/a.pth"),
        *("--pretrained=https://y.org/a.pth", "--mixup=a/b", "--mixup=c/b"),
    ]
    found = configurations(*(f"{n}: {it}" for n, it in zip(names, different, strict=True)))
    assert len(set(found)) == 11
    # Where weights lie is nobody's concern.
    assert configurations("x: --pretrained=/some/where/a.pth")[1] == found[5]
    with pytest.raises(InputError, match="variant x is the same as model: its options change noth"):
        configurations("x: other.yaml --lr=0.1")


def test_a_variant_wins_over_the_options_of_all(folder):
    options = ["--lr=0.5", "--head={in_features: 7, bias: False}", "--mixup=0", "--noprogressbar"]
    _, variant = read_variants("recipe.py", "model.yaml", ["v: --lr=1 --head.bias=True"], options)
    assert variant.commands.options == (
        *("--mixup=0", "--noprogressbar", '--head={"in_features": 7, "bias": true}', "--lr=1"),
    )


@pytest.mark.parametrize(
    ("variants", "others", "message"),
    [
        (["plain"], {}, "'plain': expected a variant such as"),
        ([": --lr=1"], {}, "': --lr=1': expected a variant such as"),
        (["a: --lr=1 'x"], {}, "variant a: No closing quotation in --lr=1 'x"),
        (["a: lr=1"], {}, r"variant a: expected at most one hyperparameter file \(.yaml\)"),
        (["a: model.yaml model.yaml"], {}, "variant a: expected at most one hyperparameter file"),
        (["a: no.yaml"], {}, "variant a: no.yaml: no such hyperparameter file"),
        (
            ["a: --lrr=1"],
            {},
            "variant a: --lrr is neither .* nor in model.yaml; did you mean --lr?",
        ),
        (["a: --lr=[1"], {}, r"variant a: --lr=\[1: cannot read the value, which is YAML"),
        (["a: --lr=1", "a: --lr=2"], {}, "two variants are called a: give each a name"),
        (["model: --lr=1"], {}, "two variants are called model"),
        (["a:"], {}, "variant a is the same as model"),
        (["a: --lr=1", "b: --lr=1.0"], {"options": ["--lr=1.0"]}, "is the same as"),
        (["a: --head.out_features=2"], {}, "variant a is the same as model"),
        (["a: --members=1"], {}, "variant a: --members=1: expected a number of trainings, 2 or"),
        (["a: --members=x"], {}, "variant a: --members=x: expected a number of trainings, 2 or"),
        (["a: --members=2", "b: --members=2"], {}, "variant b is the same as a"),
        (["a: --members=2"], {"seeds": "0,1"}, "--seeds: with --members=2 they begin at 1, got 0"),
        (["a: --seed=2"], {}, "variant a: --seed=2: the ablation chooses that; give --seeds"),
        (["a: --lr=1"], {"options": ["--test_folds=[1]"]}, "chooses that; give --folds"),
        (["a: --lr=1"], {"options": ["--output_folder=x"]}, "chooses that; give --output"),
        (
            ["a: --lr=1"],
            {"options": ["--debug"]},
            "--debug: an ablation takes whole runs; leave",
        ),
        (["a: --lr=1 --test_only"], {}, "variant a: --test_only: an ablation takes whole runs"),
        (["a: --lr=1"], {"more": ["--rows=."]}, ".: expected a CSV file of finished runs, got a"),
        (["a: --lr=1"], {"options": ["--zzz=x"]}, "--zzz is neither an option of this recipe"),
        (["a: --lr=1"], {"seeds": 0}, "--seeds: expected a positive number, got 0"),
        (["a: --lr=1"], {"seeds": "x"}, "--seeds: expected how many, or a list such as 7,8, got x"),
        (["a: --lr=1"], {"seeds": "3,3"}, "--seeds: one is given twice"),
        (["a: --lr=1"], {"folds": "x"}, "argument --folds: invalid int value: 'x'; see --help"),
        (["a: --lr=1"], {"folds": (1, 1)}, "--folds: one is given twice"),
        (["a: --lr=1"], {"more": ["--jobs=0"]}, "--jobs: expected a positive number, got 0"),
        (["a: --lr=1"], {"more": ["--recipe=no.py"]}, "no.py: expected a recipe, such as"),
        (
            ["a: --lr=1"],
            {"more": [f"--recipe={ROOT}/recipes/audioset/train.py"]},
            "no --test_folds",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_runs(folder, variants, others, message):
    with pytest.raises(InputError, match=message) as error:
        ablate(*variants, **others)
    assert "\n" not in str(error.value)
    assert not (folder / "out").exists()


# The runs.


def test_every_variant_is_run_on_the_same_folds_and_seeds(folder, capsys):
    ablate("higher: --lr=0.3", "much: --lr=0.5", seeds=2, options=["--valid_folds=[]"])
    asked = [dict(part.split("=") for part in line.split()[1:]) for line in starts(folder)]
    expected = [
        (seed, fold, lr) for seed in "12" for fold in ("[1]", "[2]") for lr in (None, "0.3", "0.5")
    ]
    assert [(it["--seed"], it["--test_folds"], it.get("--lr")) for it in asked] == expected
    assert {it["--valid_folds"] for it in asked} == {"[]"}
    cells = table(folder)
    assert list(cells) == ["model", "higher", "much"]
    # Of ten clips, 2 and 3 are right at 0.1; 4 and 5 at 0.3: mean 45 and deviation sqrt(100 / 3).
    assert {cells["higher"][name] for name in ("accuracy (%)", "deviation")} == {"45.0", "5.8"}
    assert (cells["model"]["accuracy (%)"], cells["model"]["difference"]) == ("25.0", "-")
    assert (cells["higher"]["difference"], cells["higher"]["95 % interval"]) == ("+20.0", "-")
    # Two more clips of each of the two folds: 4 : 0, mid-p 1/16.
    discordant = ("right only here", "right only in reference", "p (McNemar)")
    assert [cells["higher"][name] for name in discordant] == ["4", "0", "0.062"]
    assert [it["runs"] for it in cells.values()] == ["4"] * 3
    assert [it["time"] for it in cells.values()] == ["1.00", "3.00", "5.00"]
    assert (folder / "out/ablation.png").read_bytes().startswith(b"\x89PNG")
    # Clips 0 and 1 of 0 to 9 are right, in whatever order the recipe wrote them.
    first = next(iter(read_rows(folder / "rows.csv").values()))
    assert (first.variant, first.right, first.accuracy) == ("model", "c000", 0.2)
    said = capsys.readouterr().out
    assert "run 5 of 12: higher, fold 2, seed 1\n" in said
    assert "run 5 of 12: higher, fold 2, seed 1: 40.0 % in 3 s\n" in said
    page = (folder / "out/ablation.md").read_text()
    assert page in said
    assert "# Ablation of model: 12 of 12 runs\n\n**PARTIAL DATA: " in page


def test_a_variant_may_be_the_mean_of_several_trainings(folder, capsys):
    ablate("fast: --lr=0.2", "two: --members=2", "fast two: --lr=0.2 --members=2", seeds=2)
    # Seeds 1 to 4 of both, each once: of 10 clips 2, 3, 4, 5 are right, and 3, 4, 5, 6 of fast.
    assert len(starts(folder)) == len(set(starts(folder))) == 2 * 2 * 4
    rows = {key: row for key, row in read_rows(folder / "rows.csv").items() if row.variant == "two"}
    # What one of the two was right in outweighs the other.
    assert {(row.fold, row.seed): row.accuracy for row in rows.values()} == {
        (fold, seed): {1: 0.3, 2: 0.5}[seed] for fold in (1, 2) for seed in (1, 2)
    }
    assert {row.seconds for row in rows.values()} == {2.0}
    for name, difference in {"fast": "+10.0", "two": "+15.0", "fast two": "+25.0"}.items():
        assert table(folder)[name]["difference"] == difference
        assert table(folder)[name]["runs"] == "4"
    assert table(folder)["two"]["time"] == "2.00"
    assert table(folder)["model"]["accuracy (%)"] == "25.0"
    capsys.readouterr()
    ablate("fast: --lr=0.2", "two: --members=2", "fast two: --lr=0.2 --members=2", seeds=2)
    assert len(starts(folder)) == 16
    assert "16 of 16 runs are in rows.csv" in capsys.readouterr().out


def test_a_mean_needs_what_its_trainings_predicted(folder, capsys):
    ablate("fast: --lr=0.2", seeds=2)
    shutil.rmtree(folder / "out")
    with pytest.raises(InputError, match=r"two, fold 1, seed 1: .*predictions.csv is gone: remove"):
        ablate("two: --members=2")
    lines = (folder / "rows.csv").read_text().splitlines(keepends=True)
    (folder / "rows.csv").write_text("".join(line for line in lines if ",2,2," not in line))
    with pytest.raises(InputError, match="2 of 6 runs failed"):
        ablate("two: --members=2")


def test_a_mean_of_trainings_on_other_clips_is_refused(folder):
    ablate("fast: --lr=0.2", seeds=2, folds=[1])
    path = folder / "rows.csv"
    path.write_text(path.read_text().replace(",1,2,partial,10,2 3", ",1,2,partial,10,1 3"))
    with pytest.raises(InputError, match="two, fold 1, seed 1: its trainings are of different"):
        ablate("two: --members=2", folds=[1])


def test_a_mean_of_predictions_that_are_not_the_rows_is_refused(folder):
    ablate("fast: --lr=0.2", seeds=2, folds=[1])
    (path,) = folder.glob("out/model-*/seed2-fold1/fold1/predictions.csv")
    path.write_text(path.read_text().replace("7-1.wav", "other.wav"))
    with pytest.raises(InputError, match=r"seed2-fold1/fold1/predictions.csv is not of the clips"):
        ablate("two: --members=2", folds=[1])


def test_a_mean_waits_for_trainings_that_failed(folder):
    with pytest.raises(InputError, match="4 of 8 runs failed; the first: two, fold 1, seed 1"):
        ablate("two: --members=2 --lr=0.9")
    (folder / "mended").touch()
    ablate("two: --members=2 --lr=0.9")
    assert table(folder)["two"]["runs"] == "2"


def test_what_is_in_the_rows_is_not_run_again_on_a_fresh_clone_either(folder, capsys):
    ablate("higher: --lr=0.3")
    before = table(folder)
    shutil.rmtree(folder / "out")
    ablate("better: --lr=3e-1")  # by what it says, not by its name
    assert len(starts(folder)) == 4
    assert "4 of 4 runs are in rows.csv" in capsys.readouterr().out
    after = table(folder)
    assert after["better"] == before["higher"] | {"variant": "better"}
    ablate("higher: --lr=0.3", "much: --lr=0.5", folds=(1, 2, 3))
    assert len(starts(folder)) == 4 + 2 + 3
    ablate("much: --lr=0.5", folds=(3,))  # the others stay, and are left out
    assert len(starts(folder)) == 9
    assert {name: it["runs"] for name, it in table(folder).items()} == {"model": "1", "much": "1"}
    with (folder / "rows.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 9


def test_a_run_that_ended_elsewhere_while_its_lock_was_taken_is_not_run(folder, monkeypatch):
    ablate("higher: --lr=0.3")
    (folder / "rows.csv").rename("later.csv")

    def late(run_folder):
        shutil.copy("later.csv", "rows.csv")
        return try_lock(run_folder)

    monkeypatch.setattr(worker, "try_lock", late)
    ablate("higher: --lr=0.3")
    assert len(starts(folder)) == 4


def test_another_configuration_under_the_same_name_is_run(folder):
    ablate("higher: --lr=0.3", folds=(1,))
    ablate("higher: --lr=0.4", folds=(1,))
    assert len(starts(folder)) == 3
    assert table(folder)["higher"]["accuracy (%)"] == "50.0"


def test_a_run_that_fails_is_told_and_tried_again_when_asked(folder, capsys):
    why = "bad, fold 1, seed 1: a learning rate of 0.9 is too high (exit status 1)"
    with pytest.raises(InputError, match="2 of 6 runs failed; the first: bad, fold 1") as error:
        ablate("bad: --lr=0.9", "higher: --lr=0.3")
    assert str(error.value).endswith(why)
    said = capsys.readouterr().out
    assert "run 2 of 6: bad, fold 1, seed 1: failed: a learning rate of 0.9 is too high" in said
    assert "| bad " in said
    assert [it["runs"] for it in table(folder).values()] == ["2", "0", "2"]
    (folder / "mended").touch()
    ablate("bad: --lr=0.9", "higher: --lr=0.3")
    assert len(starts(folder)) == 8
    assert [it["runs"] for it in table(folder).values()] == ["2", "2", "2"]
    assert not list(folder.rglob("failed.txt"))


def test_when_all_runs_fail_there_is_no_table(folder):
    with pytest.raises(InputError, match="4 of 4 runs failed; the first: model, fold 1, seed 1: "):
        ablate("other: --lr=0.9 --mixup=0", options=["--lr=0.9"])
    assert not (folder / "out/ablation.md").exists()


def test_a_run_without_results_failed(folder):
    (folder / "recipe.py").write_text(STAND_IN.replace('"result.json"', '"else.json"'))
    with pytest.raises(InputError, match=r"ended well but left no out/.*/fold1/result\.json"):
        ablate("higher: --lr=0.3")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("json.dumps(result)", "json.dumps(result)[:-9]"), "result.json: expected a fold's"),
        (("json.dumps(result)", "json.dumps([result])"), "result.json: expected a fold's"),
        (("reversed(range(10))", "range(9)"), "result.json says .* of 10 clips, predictions.csv"),
        (("n >= right", "n > right"), "result.json says 0.200000 of 10 clips, .* 0.300000 of 10"),
        (('"\\n".join(lines)', '""'), "result.json says .* of 10 clips, .* 0.000000 of 0"),
        (("{n}-{fold}.wav,{fold}", "{n}-{fold}.wav"), "predictions.csv: expected a row per clip"),
        (('folder / "predictions.csv"', 'folder / "p.csv"'), "predictions.csv: expected a row per"),
        (('"\\n".join(lines)', '"x" * 200_000'), "predictions.csv: expected a row per clip: field"),
    ],
)
def test_results_that_contradict_one_another_are_those_of_a_failed_run(folder, change, message):
    assert change[0] in STAND_IN
    (folder / "recipe.py").write_text(STAND_IN.replace(*change))
    with pytest.raises(InputError, match=message) as error:
        ablate("higher: --lr=0.3")
    assert "\n" not in str(error.value)
    assert "4 of 4 runs failed" in str(error.value)  # each was tried


def test_a_class_may_be_called_as_a_column_is(folder):
    odd = STAND_IN.replace("predicted,b,a", "predicted,fold,class")
    odd = odd.replace('("a,0.3,0.7", "b,', '("class,0.3,0.7", "fold,')
    odd = odd.replace("{fold},a,{said", "{fold},class,{said")
    (folder / "recipe.py").write_text(odd)
    ablate("higher: --lr=0.3", "two: --members=2", folds=[1])
    rows = read_rows(folder / "rows.csv").values()
    assert sorted(row.accuracy for row in rows) == [0.2, 0.3, 0.3, 0.4]


def test_a_name_with_dollar_signs_is_no_formula(folder):
    ablate("from $5 { to $10: --lr=0.3")
    assert "from $5 { to $10" in (folder / "out/ablation.md").read_text()
    assert (folder / "out/ablation.png").stat().st_size > 0


def test_runs_on_other_data_are_not_averaged(folder):
    ablate("higher: --lr=0.3")
    (folder / "recipe.py").write_text(STAND_IN.replace('"partial"', '"complete"'))
    before = (folder / "rows.csv").read_text()
    message = "is there on partial data, trained on 9 folds, but on fold 3 with seed 1 on complete"
    with pytest.raises(InputError, match=message):
        ablate("higher: --lr=0.3", folds=(1, 2, 3))
    assert (folder / "rows.csv").read_text() == before


def test_several_labels_per_clip_are_refused(folder):
    with pytest.raises(InputError, match=r"result\.json: an ablation compares accuracies, but"):
        ablate("a: --lr=0.3", options=["--head=mAP"])
    assert len(starts(folder)) == 1


def test_folds_without_numbers_are_refused(folder):
    named = STAND_IN.replace("train_folds=[n ", "train_folds=[str(n) ")
    (folder / "recipe.py").write_text(named)
    with pytest.raises(
        InputError, match=r"result\.json: an ablation takes folds with numbers, got"
    ):
        ablate("a: --lr=0.3")


def test_jobs_run_at_once_and_share_the_cores(folder):
    (folder / "hold").touch()
    there = Forked(folder, 1, command("a: --lr=0.3", "b: --lr=0.3 --mixup=0", more=["--jobs=3"]))
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


@pytest.mark.parametrize("recipe_dies_too", [False, True])
def test_an_ablation_that_was_killed_goes_on(folder, recipe_dies_too):
    (folder / "hold").touch()
    asked = command("higher: --lr=0.3", "much: --lr=0.5", folds=(1,))
    killed = Forked(folder, 1, asked)
    killed.wait_for(lambda: list(folder.rglob("running")) and len(starts(folder)) == 2)
    killed.process.kill()
    killed.end(-signal.SIGKILL)
    (held,) = folder.rglob("running")
    if recipe_dies_too:
        os.kill(int(held.read_text()), signal.SIGKILL)
        held.unlink()
    again = Forked(folder, 2, asked)
    if not recipe_dies_too:
        again.wait_for(lambda: "waiting for other processes, which run 1" in again.said.read_text())
        assert len(starts(folder)) == 3, "two recipes in one folder"
    (folder / "hold").unlink()
    again.end(0)
    assert [it["runs"] for it in table(folder).values()] == ["1"] * 3
    assert len(starts(folder)) == 4  # one of three was interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_ablation_stops_its_runs_politely(folder, number):
    (folder / "hold").touch()
    asked = command("a: --lr=0.3", "b: --lr=0.3 --mixup=0", folds=(1,), more=["--jobs=2"])
    there = Forked(folder, 1, asked)
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
    both = [Forked(folder, number, asked) for number in (1, 2)]
    both[0].wait_for(lambda: len(list(folder.rglob("running"))) == 2)
    (folder / "hold").unlink()
    said = [each.end(1) for each in both]
    assert len(starts(folder)) == len(set(starts(folder))) == 12
    assert all("# Ablation of model: 9 of 12 runs" in each for each in said)
    assert all(each.count(", seed 1: ") for each in said), "one of them did all the work"


def test_an_ablation_runs_the_real_recipe(recipe, corpus):
    plain = ROOT / "hparams/resnet_plain.yaml"
    done = recipe.python(
        *(str(ABLATE), str(ROOT / "hparams/resnet_dilated.yaml"), f"--recipe={RECIPE}"),
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
