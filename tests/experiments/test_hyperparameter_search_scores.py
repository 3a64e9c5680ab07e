"""What a search ranks by, when it stops a trial, and what its leaderboard has."""

import json

import pytest
from stand_in import (
    STAND_IN,
    WITH_VALIDATION,
    leaderboard,
    other_metric,
    page,
    prepare_search,
    search,
    starts,
)

from aed_plugins.core import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return prepare_search(tmp_path, monkeypatch)


def test_validation_chooses_and_the_test_score_stands_beside(folder, capsys):
    (folder / "recipe.py").write_text(WITH_VALIDATION)
    search("--grid", "lr=0.3,0.5", "--over", "seed=1,3")
    rows = leaderboard(folder)
    assert [(row["lr"], row["metric"]) for row in rows] == [
        ("0.3", "valid_accuracy"),
        ("0.5", "valid_accuracy"),
    ]
    assert [float(row["mean"]) for row in rows] == pytest.approx([0.7, 0.5])
    assert [float(row["test"]) for row in rows] == pytest.approx([0.32, 0.52])
    text = (folder / "out/leaderboard.md").read_text()
    assert "Ranked by valid_accuracy, of the validation clips; the test score chose noth" in text
    assert page(folder)[2].startswith("1|0.3|complete|valid_accuracy|0.7|0|0.32|2|")
    printed = capsys.readouterr().out
    assert "metric valid_accuracy, mean 0.7, deviation 0, n 2, test 0.32, seconds" in printed


def test_without_validation_the_leaderboard_tells_that_test_clips_chose(folder):
    search("--grid", "lr=0.3,0.5")
    assert {(row["metric"], row["test"]) for row in leaderboard(folder)} == {("accuracy", "")}
    text = (folder / "out/leaderboard.md").read_text()
    assert "Ranked by accuracy, of the test clips: the best of many is optimistically" in text


def test_one_metric_ranks_all_trials_of_a_search(folder):
    # Without validation at 0.5, which comes first; 0.3 would have a valid_accuracy.
    without = WITH_VALIDATION.replace('"valid_accuracy"', '"no" if lr == 0.5 else "valid_accuracy"')
    (folder / "recipe.py").write_text(without)
    search("--grid", "lr=0.5,0.3")
    assert [(row["lr"], row["metric"], row["mean"]) for row in leaderboard(folder)] == [
        ("0.5", "accuracy", "0.5"),
        ("0.3", "accuracy", "0.3"),
    ]
    (folder / "recipe.py").write_text(without.replace('"metric", "accuracy"', '"metric", "other"'))
    mistake = "expected a mean of valid_accuracy, found other, no; choose with --metric"
    with pytest.raises(InputError, match=mistake):
        search("--grid", "lr=0.3,0.5", output="other")


def test_the_metric_is_accuracy_or_map_or_the_one_asked_for(folder):
    grid = ("--grid", "lr=0.3")
    expected = "valid_accuracy or valid_mAP or accuracy or mAP"
    mistake = f"expected a mean of {expected}, found lwlrap; choose with --metric"
    with pytest.raises(InputError, match=mistake):
        search(*grid, recipe=other_metric(folder, "lwlrap"))
    assert leaderboard(folder) == []
    search(*grid, "--metric=lwlrap", recipe=other_metric(folder, "lwlrap"), output="asked")
    assert [row["metric"] for row in leaderboard(folder, "asked")] == ["lwlrap"]
    search(*grid, recipe=other_metric(folder, "mAP"), output="map")
    assert [row["metric"] for row in leaderboard(folder, "map")] == ["mAP"]


def test_a_trial_without_a_usable_score_is_run_again(folder):
    grid = ("--grid", "lr=0.3")
    with pytest.raises(InputError, match="choose with --metric"):
        search(*grid, recipe=other_metric(folder, "lwlrap"))
    other_metric(folder, "accuracy")
    search(*grid, recipe="other.py")
    assert [row["state"] for row in leaderboard(folder)] == ["complete"]


def test_pruning_stops_a_bad_run_early_and_politely(folder, capsys):
    grid = ("--grid", "lr=0.5,0.6,0.7,0.1,0.8", "--prune", "2", "--", "--epochs=20")
    search(*grid)
    *complete, pruned = leaderboard(folder)
    assert [row["state"] for row in complete] == ["complete"] * 4
    assert (pruned["lr"], pruned["state"], pruned["rank"]) == ("0.1", "pruned", "")
    assert pruned["note"] == "after 3 epochs"
    assert (folder / pruned["folder"] / "polite.txt").exists()
    assert "pruned: note after 3 epochs" in capsys.readouterr().out
    epochs = len((folder / pruned["folder"] / "train_log.txt").read_text().splitlines())
    assert 3 <= epochs < 20
    search(*grid)
    assert len(starts(folder)) == 5
    assert all(len(lines) == 1 for lines in starts(folder).values()), "a pruned trial ran again"


def test_without_prune_a_bad_run_goes_to_its_end(folder):
    search("--grid", "lr=0.5,0.6,0.7,0.19", "--", "--epochs=3")
    assert {row["state"] for row in leaderboard(folder)} == {"complete"}


def test_equal_trials_of_a_guided_search_are_one_row(folder):
    # Optuna may choose the same values again; the recipe finds its results in the same folder.
    (folder / "recipe.py").write_text(STAND_IN)
    search("--guided", "lr=0.4,0.5", "--trials=5")
    rows = leaderboard(folder)
    assert [row["lr"] for row in rows] == ["0.5", "0.4"]
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert sum(map(len, starts(folder).values())) == 5
    assert "5 of 5 trials" in (folder / "out/leaderboard.md").read_text()


def test_the_leaderboard_is_written_after_each_trial(folder):
    recipe = STAND_IN.replace(
        "    lr = float", '    (output / "seen.txt").write_text(seen())\n    lr = float'
    )
    seen = 'def seen():\n    page = Path("out/leaderboard.csv")\n'
    seen += '    return page.read_text() if page.exists() else "nothing"\n\n\n'
    (folder / "recipe.py").write_text(recipe.replace("def main", seen + "def main"))
    search("--grid", "lr=0.2,0.4,0.5")
    found = {lines[0].split()[0]: path / "seen.txt" for path, lines in starts(folder).items()}
    lines = [found[f"--lr={lr}"].read_text().splitlines() for lr in ("0.2", "0.4", "0.5")]
    assert lines[0] == ["nothing"]
    assert [[line.split(",")[1] for line in each] for each in lines[1:]] == [
        ["lr", "0.2"],
        ["lr", "0.4", "0.2"],
    ]


def test_a_failed_search_keeps_what_its_recipe_printed(folder):
    (folder / "recipe.py").write_text(
        STAND_IN.replace("    lr = float", "    print(7, flush=True)\n    lr = float")
    )
    with pytest.raises(InputError):
        search("--grid", "lr=0.9")
    (row,) = leaderboard(folder)
    assert (folder / row["folder"] / "output.txt").read_text().startswith("7\n")
    assert not (folder / row["folder"] / "results.json").exists()
    assert json.dumps(row["note"]).count("too high") == 1
