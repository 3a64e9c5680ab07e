"""What several tests use: a tiny demonstration corpus and a way to run the recipe."""

import importlib.util
import logging
import runpy
import signal
import sys
from pathlib import Path

import pytest
import speechbrain  # noqa: F401  what it leaves in sys.modules is dealt with below
from speechbrain.utils.importutils import LazyModule
from started import Program, run_python

from aed_plugins.audioset_demo import build_audioset_demonstration
from aed_plugins.demo import build_demonstration

# hypothesis asks every imported module for its file; SpeechBrain's stand-ins for old names of its
# optional modules answer that by importing them, and fail where they are not installed.
for name in [name for name, module in sys.modules.items() if isinstance(module, LazyModule)]:
    del sys.modules[name]

# A shell's background jobs ignore it, and so would the programs that are interrupted here.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "recipes/urbansound/train.py"
AUDIOSET_RECIPE = ROOT / "recipes/audioset/train.py"
# A network and a training small enough for a test; the rest is what hparams/ says.
TINY = ("--encoder={width: 0.0625}", "--number_of_epochs=2", "--batch_size=8", "--noprogressbar")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Three folds of ten synthesised clips, 8 kHz."""
    folder = tmp_path_factory.mktemp("data") / "corpus"
    return build_demonstration(folder, folds=3, recordings=1, slices=1, sample_rate=8000)


@pytest.fixture(scope="session")
def audioset_corpus(tmp_path_factory):
    """Sixty synthesised clips of 10 s in AudioSet's layout, 8 kHz."""
    folder = tmp_path_factory.mktemp("data") / "audioset"
    return build_audioset_demonstration(folder, train=40, evaluation=20, sample_rate=8000)


collect_ignore = ["without_torchvision"]  # for other programs, not for this one


def pytest_collection_modifyitems(items):
    """Begin with what takes minutes, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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


@pytest.fixture
def mistake(monkeypatch, capsys):
    """Run a recipe in this process, up to the mistake that ends it, and give the line it says."""

    def line_of(recipe, *overrides, hparams="resnet_dilated"):
        monkeypatch.chdir(recipe.folder)
        monkeypatch.syspath_prepend(str(recipe.program.parent))
        monkeypatch.setenv("SB_GLOBAL_SEED", "1986")  # the recipe sets it: put it back afterwards
        monkeypatch.setattr(sys, "argv", recipe.arguments(*overrides, hparams=hparams))
        monkeypatch.setattr(logging, "raiseExceptions", True)
        handlers = list(logging.getLogger().handlers)
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(recipe.program), run_name="__main__")
        logging.getLogger().handlers = handlers
        assert stopped.value.code == 1
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(said) == 1
        return said[0]

    return line_of


@pytest.fixture
def recipe(tmp_path, corpus):
    return Recipe(tmp_path, RECIPE, (f"--data_folder={corpus}", "--test_folds=[3]"))


@pytest.fixture
def audioset(tmp_path, audioset_corpus):
    return Recipe(tmp_path, AUDIOSET_RECIPE, (f"--data_folder={audioset_corpus}",))


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
