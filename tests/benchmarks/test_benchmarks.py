"""That the benchmarks run; what they measure is nothing for a test."""

import json

import pytest
from benchmark_program import BENCHMARKS, run_benchmark
from recipe_program import ROOT

# What the contestants must agree on.
NOTES = {"embedding_index": "Of the 10 most similar segments both find 1.000."}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_in_quick_mode(name, tmp_path):
    printed = run_benchmark(name, ["--quick", "--threads=1", "--json=out.json"], tmp_path)
    written = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert "QUICK mode" in printed
    assert NOTES.get(name, "") in printed
    assert written["mode"] == "QUICK"
    assert written["comparisons"]
    for comparison in written["comparisons"]:
        for contestant in comparison["contestants"].values():
            (sample,) = contestant["samples"]
            assert sample["wall"] > 0
            assert sample["cpu"] > 0


def test_the_readme_lists_every_benchmark():
    readme = (ROOT / "benchmarks/README.md").read_text("utf-8")
    assert [name for name in BENCHMARKS if f"`{name}.py`" not in readme] == []
