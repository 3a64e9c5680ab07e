"""Fixtures that several tests use: tiny corpora, recipes on them, and a browser."""

import json
import logging
import runpy
import signal
import sys

import pytest
import speechbrain  # noqa: F401  what it leaves in sys.modules is dealt with below
from recipe_program import AUDIOSET_RECIPE, URBANSOUND_RECIPE, Recipe
from speechbrain.utils.importutils import LazyModule

from aed_plugins.data import build_audioset_demonstration, build_urbansound_demonstration

# hypothesis asks every imported module for its file; SpeechBrain's stand-ins for old names of its
# optional modules answer that by importing them, and fail where they are not installed.
for name in [name for name, module in sys.modules.items() if isinstance(module, LazyModule)]:
    del sys.modules[name]

collect_ignore = ["without_torchvision"]  # for other programs, not for this one

# A shell's background jobs ignore SIGINT, and so would the programs that are interrupted here.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Begin with what takes minutes, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Three folds of ten synthesized clips, 8 kHz."""
    folder = tmp_path_factory.mktemp("data") / "corpus"
    return build_urbansound_demonstration(folder, folds=3, recordings=1, slices=1, sample_rate=8000)


@pytest.fixture(scope="session")
def audioset_corpus(tmp_path_factory):
    """Sixty synthesized clips of 10 s in AudioSet's layout, 8 kHz."""
    folder = tmp_path_factory.mktemp("data") / "audioset"
    return build_audioset_demonstration(folder, train=40, evaluation=20, sample_rate=8000)


@pytest.fixture(scope="session")
def urbansound_run(tmp_path_factory, corpus):
    """A model of ten labels, one per clip, that fold 3 was tested with."""
    folder = tmp_path_factory.mktemp("urbansound")
    options = (f"--data_folder={corpus}", "--test_folds=[3]")
    Recipe(folder, URBANSOUND_RECIPE, options)("--number_of_epochs=1", check=0)
    return folder / "out"


@pytest.fixture(scope="session")
def audioset_run(tmp_path_factory, audioset_corpus):
    """A model of three labels, several per clip."""
    folder = tmp_path_factory.mktemp("audioset")
    options = (
        f"--data_folder={audioset_corpus}",
        f"--classes={json.dumps(['Speech', 'Music', 'Children playing'])}",
    )
    Recipe(folder, AUDIOSET_RECIPE, options)("--number_of_epochs=1", check=0)
    return folder / "out"


@pytest.fixture
def recipe(tmp_path, corpus):
    """The UrbanSound8K recipe on the tiny corpus, testing fold 3."""
    return Recipe(tmp_path, URBANSOUND_RECIPE, (f"--data_folder={corpus}", "--test_folds=[3]"))


@pytest.fixture
def audioset(tmp_path, audioset_corpus):
    """The AudioSet recipe on the tiny corpus."""
    return Recipe(tmp_path, AUDIOSET_RECIPE, (f"--data_folder={audioset_corpus}",))


@pytest.fixture
def mistake(monkeypatch, capsys):
    """Run a recipe in this process up to the mistake that ends it; return the line it prints."""

    def error_line(recipe, *overrides, hparams="resnet_dilated"):
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
        printed = capsys.readouterr().err.splitlines()
        (line,) = [line for line in printed if line.startswith("error: ")]
        return line

    return error_line


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One Chromium for all tests of a module."""
    from browser_page import open_browser  # noqa: PLC0415  selenium, where it is needed

    yield from open_browser(tmp_path_factory.mktemp("profile"))
