"""Stand-ins for a recipe, for the tests of what runs recipes, and programs in forked processes.

A stand-in does what a recipe does as far as these programs can see, in a fraction of a second.
"""

import csv
import importlib.util
import multiprocessing
import sys
import time

from recipe_program import ROOT

from aed_plugins.experiments import be_interruptible, run_program

HPARAMS = """
seed: 1
dataset: !PLACEHOLDER
lr: 0.1
depth: 18
pooling: mean
num_workers: 0
head: !new:torch.nn.Linear
    in_features: 3
    out_features: 2
output_folder: !ref results/<dataset>
"""
# lr gives the accuracy. 0.9 fails; 0.3 waits while there is a file `hold`.
STAND_IN = """
import json, os, sys, time
from pathlib import Path


def main():
    if sys.argv[1:] == ["--list_options"]:
        print(json.dumps({"folds": None, "epochs": 0}))
        return
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
                scores = f"train loss: 1 - valid loss: 2, valid accuracy: {lr}"
                file.write(f"epoch: {epoch} - {scores}\\n")
            time.sleep(0.3 if lr < 0.2 else 0)
        while Path("hold").exists() and lr == 0.3:
            time.sleep(0.01)
        if lr == 0.9:
            sys.exit("a warning\\nerror: a learning rate of 0.9 | is too high")
        name = given.get("metric", "accuracy")
        results = {name: {"mean": lr + int(given.get("seed", 0)) / 100}, "labels": ["a"]}
        (output / "results.json").write_text(json.dumps(results))
    except KeyboardInterrupt:
        (output / "polite.txt").touch()
        sys.exit(130)
    finally:
        (output / "running").unlink()


if __name__ == "__main__":
    main()
"""
# The validation accuracy is best where that of the test clips is worst.
WITH_VALIDATION = STAND_IN.replace(
    '"labels": ["a"]}', '"valid_accuracy": {"mean": 1 - lr, "deviation": None}, "labels": ["a"]}'
)


def load_program(name):
    """Import a program of recipes/ as a module."""
    spec = importlib.util.spec_from_file_location(f"{name}_program", ROOT / f"recipes/{name}.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


program = load_program("hyperparameter_search")


def prepare_search(folder, monkeypatch):
    """Go to a folder with a recipe and a hyperparameter file."""
    monkeypatch.chdir(folder)
    (folder / "recipe.py").write_text(STAND_IN)
    (folder / "model.yaml").write_text(HPARAMS)
    return folder


def search(*arguments, recipe="recipe.py", hparams="model.yaml", output="out"):
    program.main([str(recipe), str(hparams), f"--output={output}", *arguments])


def other_metric(folder, name):
    """Write a recipe whose results have another metric than accuracy."""
    (folder / "other.py").write_text(
        STAND_IN.replace('"metric", "accuracy"', f'"metric", "{name}"')
    )
    return "other.py"


def leaderboard(folder, output="out"):
    with (folder / output / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def page(folder):
    """The cells of the table of leaderboard.md, joined by bars."""
    lines = (folder / "out/leaderboard.md").read_text().splitlines()
    return [
        "|".join(cell.strip() for cell in line.strip("|").split(" | "))
        for line in lines
        if line.startswith("|")
    ]


def starts(folder):
    """The command of every run that was started, by its folder."""
    found = sorted(folder.glob("out/trial-*/**/starts.txt"))
    return {path.parent: path.read_text().splitlines() for path in found}


def held(folder):
    """The marks of the stand-ins that wait for `hold` to go; each holds its process number."""
    folders = [path for path, lines in starts(folder).items() if "--lr=0.3" in " ".join(lines[-1:])]
    marks = [path / "running" for path in folders]
    return [path for path in marks if path.exists() and path.read_text()]


def wait_for(condition):
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Forked:
    """A program in a process of its own that need not import everything again."""

    def __init__(self, folder, main, arguments):
        number = len(list(folder.glob("printed*.txt")))
        self.printed = folder / f"printed{number}.txt"
        self.printed.touch()
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=self._run, args=(main, arguments))
        self.process.start()

    def _run(self, main, arguments):
        with self.printed.open("w") as sys.stdout:
            sys.stderr = sys.stdout
            sys.argv = ["program.py", *arguments]
            be_interruptible()
            run_program(main)

    def wait_for(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert self.process.is_alive(), self.printed.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self, status):
        self.process.join(60)
        assert self.process.exitcode == status, self.printed.read_text()
        return self.printed.read_text()


class ForkedSearch(Forked):
    """A search in a process of its own."""

    def __init__(self, folder, *arguments):
        command = ["recipe.py", "model.yaml", "--output=out", *arguments]
        super().__init__(folder, program.main, command)
