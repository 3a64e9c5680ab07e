"""Benchmarks, run as programs or imported as modules."""

import importlib.util
import sys

from programs import Program
from recipe_program import ROOT

# Those that use the harness: the others measure no time.
BENCHMARKS = sorted(
    path.stem
    for path in (ROOT / "benchmarks").glob("*.py")
    if "main(__file__, __doc__, comparisons)" in path.read_text("utf-8").splitlines()[-1]
)


def run_benchmark(name, options, folder):
    """Run a benchmark in a folder, and return what it printed."""
    done = Program([ROOT / f"benchmarks/{name}.py", *options], folder).end()
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
