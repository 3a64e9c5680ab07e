"""CPU time and memory of processes; the lower limits hold on any machine, however busy."""

import json
import sys

import pytest
from harness_timing import Sample, measure, run_process
from programs import run_python
from recipe_program import ROOT

from aed_plugins.core import InputError

BUSY = "import time\nwhile time.process_time() < 0.2: pass"
BENCHMARK = f"""
import sys
sys.path.insert(0, {str(ROOT / "benchmarks")!r})
from harness import Comparison, Contestant, main
from harness_timing import Sample, in_process, run_process

def allocate(megabytes):
    block = bytearray(megabytes * 2**20)

def report(wall):
    return Sample(wall, 2.0)

def comparisons(options):
    large = bytearray(200 * 2**20)
    names = ("small", 0), ("large", 100)
    works = [Contestant(name, in_process(allocate, size)) for name, size in names]
    yield Comparison("memory", works, "small")
    yield Comparison("own", [Contestant("reported", in_process(report, 3.0))], "reported")
    works = [
        Contestant(code, lambda code=code: run_process([sys.executable, "-c", code]))
        for code in ("pass", "bytearray(300 * 2**20)")
    ]
    yield Comparison("command", works, "pass")

if __name__ == "__main__":
    sys.exit(main(__file__, "Example.", comparisons))
"""


def python(code):
    return [sys.executable, "-c", code]


def test_the_cpu_time_of_a_process_counts():
    sample = run_process(python(BUSY))
    assert sample.cpu >= 0.2
    assert sample.wall >= 0.2


def test_a_process_that_waits_takes_wall_time_alone():
    sample = run_process(python("import time; time.sleep(1)"))
    assert sample.wall >= 1 > sample.cpu


def test_the_cpu_time_of_a_call_has_that_of_the_processes_it_waits_for():
    assert measure(lambda: run_process(python(BUSY)) and None).cpu >= 0.2


def test_a_sample_that_a_call_returns_counts():
    assert measure(lambda: Sample(3.0, 2.0)) == Sample(3.0, 2.0)


def test_short_calls_are_repeated_after_one_that_is_not_counted():
    calls = []
    sample = measure(lambda: calls.append(1), seconds=0.01)
    assert sample.wall * (len(calls) - 1) >= 0.0099


def test_a_process_is_killed_when_a_condition_is_true(tmp_path):
    done = tmp_path / "done"
    code = f"import pathlib, time; pathlib.Path({str(done)!r}).touch(); time.sleep(600)"
    assert run_process(python(code), until=done.exists).wall < 600


@pytest.mark.parametrize("until", [None, lambda: False])
def test_the_last_line_of_a_process_that_fails_is_told(until):
    code = "import sys; print('no model', file=sys.stderr); sys.exit(3)"
    with pytest.raises(InputError, match=r"^its process ended with status 3: no model$"):
        run_process(python(code), until=until)


def test_a_process_that_ends_before_the_condition_is_told():
    with pytest.raises(InputError, match="its process ended with status 0: it printed no error"):
        run_process(python("pass"), until=lambda: False)


def test_functions_of_a_benchmark_run_in_processes_of_their_own(tmp_path):
    (tmp_path / "example.py").write_text(BENCHMARK, encoding="utf-8")
    done = run_python(["example.py", "--quick", "--json=out.json"], tmp_path)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out.json").read_text("utf-8"))["comparisons"]
    memory, own, command = (comparison["contestants"] for comparison in written)
    assert memory["small"]["peak"]["median"] < 200  # without the parent's
    assert 90 < memory["large"]["peak difference"]["median"] < 110
    (sample,) = own["reported"]["samples"]
    assert (sample["wall"], sample["cpu"]) == (3.0, 2.0)
    assert command["pass"]["peak"] is None  # Linux adds the parent's
    assert 300 <= command["bytearray(300 * 2**20)"]["peak"]["median"] < 400
