"""An ablation as a user starts it, with a stand-in for a recipe that leaves what one leaves."""

import csv
import shutil

import pytest
from ablation_stand_in import STAND_IN, ablate, prepare_ablation, starts, table

from aed_plugins.core import InputError
from aed_plugins.experiments.ablation import worker
from aed_plugins.experiments.ablation.runs_csv import read_rows
from aed_plugins.experiments.ablation.worker import try_lock


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return prepare_ablation(tmp_path, monkeypatch)


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
