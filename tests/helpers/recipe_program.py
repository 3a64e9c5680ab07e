"""Recipes and benchmarks, run as a user runs them."""

import importlib.util
import sys
from pathlib import Path

import speechbrain  # noqa: F401  what it leaves in sys.modules is dealt with below
from started import Program, run_python

ROOT = Path(__file__).resolve().parents[2]


RECIPE = ROOT / "recipes/urbansound/train.py"


AUDIOSET_RECIPE = ROOT / "recipes/audioset/train.py"


# A network and a training small enough for a test; the rest is what hparams/ says.
TINY = ("--encoder={width: 0.0625}", "--number_of_epochs=2", "--batch_size=8", "--noprogressbar")


class Recipe:
    """A recipe on its tiny corpus, in a folder of its own."""

    def __init__(self, folder, program, options):
        self.folder = folder
        self.program = program
        self.options = (*TINY, "--output_folder=out", *options)
        self.environment = {}  # what is read when modules are imported

    def arguments(self, *overrides, hparams="resnet_dilated"):
        """Give the command line after `python`; overrides replace the usual options."""
        given = {override.split("=")[0] for override in overrides}
        options = [option for option in self.options if option.split("=")[0] not in given]
        return [str(self.program), str(ROOT / f"hparams/{hparams}.yaml"), *options, *overrides]

    def python(self, *arguments, check=None):
        """Run Python to its end; check its status if one is given."""
        if arguments[0].startswith("-") or self.environment:
            done = run_python(arguments, self.folder, **self.environment)
        else:
            done = Program(arguments, self.folder).end()
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    def __call__(self, *overrides, hparams="resnet_dilated", launcher=(), check=None):
        """Run the recipe to its end."""
        return self.python(*launcher, *self.arguments(*overrides, hparams=hparams), check=check)


def run_benchmark(name, options, folder):
    """Run a benchmark in a folder; give what it printed."""
    done = run_python([ROOT / f"benchmarks/{name}.py", *options], folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def load_benchmark(name, monkeypatch):
    """Import a benchmark as a module for one test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location(name, ROOT / f"benchmarks/{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module
