"""The structure: a package is named by its face alone, and a class name means one thing."""

import ast
import collections
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_model import write_run

import aed_plugins
from aed_plugins.inference import PretrainedTagger
from aed_plugins.pretrained import publish_model

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "aed_plugins"
FACES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.pyi"))
LIGHT = ("core", "audio", "labels", "annotations", "metrics", "detection")
RECIPES = sorted((ROOT / "recipes").rglob("*.py"))
PROGRAMS = [*RECIPES, *sorted((ROOT / "benchmarks").rglob("*.py"))]
MODULES = sorted(PACKAGE.rglob("*.py"))
YAML_TAG = re.compile(r"!(?:new|name|apply|module):(aed_plugins[\w.]*)")


def shown(path):
    return str(path.relative_to(ROOT))


def imported_modules(path):
    """Yield line, module and imported names of every import, in functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)}:{node.lineno}: expected an absolute import"
            yield node.lineno, node.module, tuple(alias.name for alias in node.names)


def foreign_modules(path, own=None):
    """Name the imports that reach behind the face of a package other than `own`."""
    return [
        f"{shown(path)}:{line}: {module}"
        for line, module, _ in imported_modules(path)
        if re.match(r"aed_plugins\.\w+\.", module) and module.split(".")[1] != own
    ]


def own_face(path, own):
    """Name the imports of a package's own face, which are circular."""
    return [
        f"{shown(path)}:{line}: {module}.{name}"
        for line, module, names in imported_modules(path)
        for name in names
        if module == f"aed_plugins.{own}" and not is_module(PACKAGE / own / name)
    ]


def is_module(path):
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def not_on_a_face(text):
    """Return the names of YAML tags that no face has."""

    def resolves(name):
        parts = name.split(".")
        return len(parts) == 3 and parts[1] in FACES and parts[2] in face(parts[1]).__all__

    return [name for name in YAML_TAG.findall(text) if not resolves(name)]


def face(package):
    return importlib.import_module(f"aed_plugins.{package}")


def public_classes(paths):
    """Return the places of every public class at the top level of a module, by its name."""
    places = collections.defaultdict(list)
    for path in paths:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{shown(path)}:{node.lineno}")
    return places


def loaded_by(program, heavy):
    """Return which of the heavy modules a program loads."""
    program = f"import sys\n{program}\nprint(sorted({set(heavy)} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return ast.literal_eval(done.stdout)


@pytest.mark.parametrize("package", FACES)
def test_every_name_of_a_face_resolves_and_is_given_once(package):
    names = face(package).__all__
    assert [name for name, count in collections.Counter(names).items() if count > 1] == []
    assert [name for name in names if getattr(face(package), name, None) is None] == []


def test_every_package_has_a_face_and_nothing_else_is_at_the_top():
    folders = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert sorted(folders) == FACES
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


def test_a_package_imports_from_the_faces_of_the_others():
    found = [
        line
        for path in MODULES
        for line in foreign_modules(path, path.relative_to(PACKAGE).parts[0])
    ]
    assert found == []


def test_a_module_imports_from_the_modules_of_its_own_package():
    found = [
        line for path in MODULES for line in own_face(path, path.relative_to(PACKAGE).parts[0])
    ]
    assert found == []


def test_recipes_and_benchmarks_import_from_faces():
    assert [line for path in PROGRAMS for line in foreign_modules(path)] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("hparams/*.yaml")), ids=lambda path: path.name)
def test_a_hyperparameter_file_names_faces(path):
    assert not_on_a_face(path.read_text("utf-8")) == []


def test_a_published_model_names_faces(tmp_path):
    folder = Path(publish_model(write_run(tmp_path / "run"), tmp_path / "model", license="mit"))
    text = (folder / "hyperparams.yaml").read_text("utf-8")
    assert YAML_TAG.search(text)
    assert not_on_a_face(text) == []


def test_a_class_name_means_one_thing():
    """Among recipes a name may come again: each has its `Options` and its table's `Row`."""
    own, recipes = public_classes(MODULES), public_classes(RECIPES)
    twice = {name: places for name, places in own.items() if len(places) > 1}
    again = {name: own[name] + recipes[name] for name in own.keys() & recipes.keys()}
    assert twice | again == {}


def test_the_package_and_its_faces_load_nothing_heavy():
    faces = ", ".join(f"aed_plugins.{package}" for package in FACES)
    heavy = ("torch", "numpy", "scipy", "soundfile", "speechbrain", "matplotlib", "ruamel.yaml")
    assert loaded_by("import aed_plugins; aed_plugins.__version__", heavy) == []
    assert loaded_by(f"import {faces}", heavy) == []


def test_the_names_of_the_light_faces_load_neither_torch_nor_speechbrain():
    program = "\n".join(f"from aed_plugins.{package} import *" for package in LIGHT)
    assert loaded_by(program, ("torch", "speechbrain")) == []


def test_the_datasets_load_neither_torch_nor_speechbrain():
    assert loaded_by("from aed_plugins.data import DATASETS", ("torch", "speechbrain")) == []


def test_the_package_gives_its_tagger():
    assert aed_plugins.PretrainedTagger is PretrainedTagger
