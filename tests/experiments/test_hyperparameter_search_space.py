"""What a search is asked for: mistakes are found before anything runs."""

import pytest
from stand_in import HPARAMS, other_metric, prepare_search, search, starts

from aed_plugins.core import InputError
from aed_plugins.experiments import grid_points, read_space
from aed_plugins.experiments.hyperparameter_search.space import name_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return prepare_search(tmp_path, monkeypatch)


def test_a_range_is_of_whole_numbers_only_if_both_ends_are():
    space = read_space(["a=1..8", "b=1..8.0", "c=1..8:log", "d=0.1..0.5:0.1", "e=-3..-1"])
    kinds = [type(distribution).__name__ for distribution in space.values()]
    assert kinds == [f"{kind}Distribution" for kind in ("Int", "Float", "Int", "Float", "Int")]
    assert (space["c"].log, space["d"].step, space["e"].low) == (True, 0.1, -3)


def test_a_grid_has_every_combination_and_its_last_key_changes_fastest():
    points = grid_points(read_space(["lr=0.1,1e-3", "pooling=mean,[1]"]))
    assert points == [
        {"lr": lr, "pooling": pooling} for lr in ("0.1", "0.001") for pooling in ('"mean"', "[1]")
    ]


def test_equal_combinations_have_one_name():
    assert name_of({"lr": "0.1", "depth": "18"}) == name_of({"depth": "18", "lr": "0.1"})
    assert name_of({"lr": "0.1"}) != name_of({"lr": "0.2"})


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
        (["--grid", "head.in=1"], "nor in model.yaml; head has in_features"),
        (["--grid", "head.in_feature=1"], r"did you mean head\.in_features"),
        (["--grid", "lr.x=1"], "lr.x is neither .* lr has no keys"),
        (["--grid", "output_folder=a,b"], "output_folder: this program chooses that; give --out"),
        (["--grid", "lr=1", "--over=lr=2"], "lr is both searched and gone over"),
        (["--grid", "lr=1", "--over=zzz=2"], "zzz is neither an option of the recipe"),
        (["--grid", "lr=1", "--over=folds=[1],1"], "folds: its values give the same folder"),
        (["--grid", "lr=1", "--", "--lr=2"], "lr is both searched and given"),
        (["--grid", "lr=1", "--", "--output_folder=x"], "this program chooses that; give --output"),
        (["--grid", "lr=1", "--", "depth=2"], "depth=2: expected a recipe's option such as"),
        (["--grid", "lr=1", "--", "--dept=2"], "did you mean --depth"),
    ],
)
def test_a_mistake_is_found_before_anything_runs(folder, arguments, message):
    with pytest.raises(InputError, match=message) as error:
        search(*arguments)
    assert "\n" not in str(error.value)
    assert not (folder / "out").exists()


def test_a_recipe_or_file_that_is_none_is_refused(folder):
    with pytest.raises(InputError, match=r"model\.yaml: expected a recipe, such as"):
        search("--grid", "lr=1", recipe="model.yaml", hparams="recipe.py")
    with pytest.raises(InputError, match=r"no\.yaml: no such hyperparameter file"):
        search("--grid", "lr=1", hparams="no.yaml")


@pytest.fixture
def searched(folder):
    search("--grid", "lr=0.3")
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grid", "lr=0.3,0.4"], "values of lr was .*'0.3',.* now it is .*'0.3', '0.4'"),
        (["--grid", "depth=18"], "values of depth was nothing, now it is Cat"),
        (["--random", "lr=0.3"], "method was grid, now it is random"),
        (["--grid", "lr=0.3", "--metric=mAP"], "metric was None, now it is mAP"),
        (["--grid", "lr=0.3", "--over=seed=1,2"], r"over was nothing, now it is seed \['1', '2'\]"),
        (["--grid", "lr=0.3", "--", "--depth=9"], "hyperparameter depth was 18, now it is 9"),
        (["--grid", "lr=0.3", "--", "--folds=[2]"], r"option folds was nothing, now it is \[2\]"),
        (["--grid", "lr=0.3", "--", "--precision=bf16"], "run precision was nothing, now it is"),
    ],
)
def test_a_folder_with_another_search_is_refused(searched, arguments, message):
    before = (searched / "out/leaderboard.md").read_text()
    mistake = "out holds a search of something else: " + message
    with pytest.raises(InputError, match=mistake) as error:
        search(*arguments)
    assert "give another --output, or delete that one" in str(error.value)
    assert "\n" not in str(error.value)
    assert (searched / "out/leaderboard.md").read_text() == before


def test_another_recipe_or_file_is_another_search(searched):
    with pytest.raises(InputError, match=r"recipe was recipe.py, now it is other.py"):
        search("--grid", "lr=0.3", recipe=other_metric(searched, "mAP"))
    (searched / "model.yaml").write_text(HPARAMS.replace("in_features: 3", "in_features: 4"))
    with pytest.raises(InputError, match=r"hyperparameter head\.in_features was 3, now it is 4"):
        search("--grid", "lr=0.3")


def test_processes_may_differ_in_device_and_workers(searched):
    search("--grid", "lr=0.3", "--", "--device=cpu", "--noprogressbar", "--num_workers=2")
    assert sum(map(len, starts(searched).values())) == 1


def test_a_file_that_is_no_study_is_refused_in_a_line(folder):
    (folder / "out").mkdir()
    (folder / "out/study.db").write_text("not a database" * 100)
    with pytest.raises(InputError, match=r"study\.db: cannot be used as a study .*not a") as error:
        search("--grid", "lr=1")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("url", ["nonsense", "nosuch://a/b", "postgresql://localhost:1/none"])
def test_a_storage_that_cannot_be_used_is_refused_in_a_line(folder, url):
    with pytest.raises(InputError, match="cannot be used as a study") as error:
        search("--grid", "lr=1", f"--storage={url}")
    assert "\n" not in str(error.value)
