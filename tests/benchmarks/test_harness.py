"""The harness: whose turn it is, what counts, and what is left when a contestant fails."""

import collections
import gc
import json

import pytest
from harness import Comparison, Contestant, Options, main, order_of
from harness_timing import Sample

DOC = "Compare two things.\n\nMore about them."


@pytest.fixture(autouse=True)
def collected(monkeypatch):
    """Keep the threads of the tests' process, and spare it collections of all its objects."""
    monkeypatch.setattr("harness._set_threads", int)
    gc.freeze()
    yield
    gc.unfreeze()


def numbered(name, log, amount=1.0):
    """Return a contestant whose samples count its turns from 0."""

    def work():
        log.append(name)
        return Sample(float(log.count(name) - 1), 0.5)

    return Contestant(name, work, amount)


def failing(name, turn):
    """Return a contestant that fails in one of its turns."""
    turns = iter(range(1, 100))

    def work():
        if next(turns) == turn:
            raise RuntimeError("no more\nmemory")
        return Sample(1.0, 1.0)

    return Contestant(name, work)


def run(comparisons, tmp_path, *arguments):
    """Run a benchmark, and return its status and its JSON file."""
    path = tmp_path / "out.json"
    status = main("some/example.py", DOC, comparisons, [f"--json={path}", *arguments])
    return status, json.loads(path.read_text("utf-8"))


def test_each_contestant_has_a_turn_in_every_round_and_each_place_equally_often():
    contestants = [Contestant(name) for name in "ABC"]
    rounds = ["".join(c.name for c in order_of(contestants, number)) for number in range(6)]
    assert rounds == ["ABC", "BCA", "CAB", "CBA", "ACB", "BAC"]
    for place in range(3):
        assert collections.Counter(order[place] for order in rounds) == dict.fromkeys("ABC", 2)


def test_two_contestants_follow_each_other_equally_often():
    contestants = [Contestant(name) for name in "AB"]
    rounds = ["".join(c.name for c in order_of(contestants, number)) for number in range(4)]
    assert rounds == ["AB", "BA", "BA", "AB"]


def test_seven_rounds_count_and_the_first_is_discarded(tmp_path):
    log = []

    def comparisons(options):
        yield Comparison("turns", [numbered("A", log), numbered("B", log)], "A")

    status, written = run(comparisons, tmp_path)
    (comparison,) = written["comparisons"]
    assert status == 0
    assert log == comparison["order"] == list("ABBABAABABBABAAB")
    for contestant in comparison["contestants"].values():
        assert [sample["wall"] for sample in contestant["samples"]] == [1, 2, 3, 4, 5, 6, 7]
        assert contestant["wall"]["median"] == 4


def test_the_json_file_names_machine_mode_and_question(tmp_path):
    def comparisons(options):
        yield Comparison("turns", [numbered("A", [])], "A", notes=["Equal."])

    _, written = run(comparisons, tmp_path, "--threads=3")
    assert (written["benchmark"], written["question"]) == ("example", "Compare two things.")
    assert (written["mode"], written["rounds"], written["error"]) == ("full", 7, None)
    assert written["machine"]["threads"] == 3
    assert written["machine"]["cpu"]
    assert {"python", "torch", "numpy", "aed_plugins"} <= written["machine"]["versions"].keys()
    assert written["comparisons"][0]["notes"] == ["Equal."]


def test_times_are_per_unit_of_work(tmp_path):
    def comparisons(options):
        yield Comparison("turns", [numbered("A", [], amount=4)], "A")

    _, written = run(comparisons, tmp_path)
    (contestant,) = written["comparisons"][0]["contestants"].values()
    assert contestant["wall"]["median"] == 1
    assert contestant["cpu"]["median"] == 0.125


def test_the_quick_mode_is_one_round_and_says_so(tmp_path, capsys):
    sizes, calls = [], []

    def comparisons(options):
        sizes.append(options.pick(1000, 10))
        work = Contestant("A", lambda: calls.append("A"))
        yield Comparison("turns", [work], "A", turn_seconds=60)

    _, written = run(comparisons, tmp_path, "--quick", f"--markdown={tmp_path}/out.md")
    assert (sizes, calls, written["mode"]) == ([10], ["A"], "QUICK")
    table = (tmp_path / "out.md").read_text("utf-8")
    assert "QUICK mode" in table
    assert "## turns, QUICK: ms per call" in table
    assert capsys.readouterr().out == table


def test_a_loop_that_calls_back_takes_its_turns_itself(tmp_path):
    def drive(turns):
        def callback():
            for number, turn in enumerate(turns):
                yield number
                turn.record(Sample(1.0, 2.0))

        loops.extend(callback())

    loops = []

    def comparisons(options):
        yield Comparison("turns", [Contestant("A"), Contestant("B")], "B", drive=drive)

    status, written = run(comparisons, tmp_path)
    assert status == 0
    assert loops == list(range(16))
    assert written["comparisons"][0]["contestants"]["A"]["cpu ratio"]["median"] == 1


def test_a_turn_that_is_not_recorded_is_an_error(tmp_path, capsys):
    def comparisons(options):
        yield Comparison("turns", [Contestant("A")], "A", drive=list)

    status, _ = run(comparisons, tmp_path)
    assert status == 1
    assert "the turn of A was not recorded" in capsys.readouterr().err


def test_what_was_measured_before_a_contestant_failed_is_written(tmp_path, capsys):
    cleared = []

    def comparisons(options):
        yield Comparison("first", [numbered("A", [])], "A")
        try:
            yield Comparison("second", [numbered("A", []), failing("B", turn=4)], "A")
        finally:
            cleared.append("second")
        yield Comparison("third", [numbered("A", [])], "A")

    status, written = run(comparisons, tmp_path, f"--markdown={tmp_path}/out.md")
    error = "second: B failed in turn 8: RuntimeError: no more memory"
    assert status == 1
    assert capsys.readouterr().err == f"error: {error}\n"
    assert written["error"] == error
    first, second = written["comparisons"]
    assert len(first["contestants"]["A"]["samples"]) == 7
    assert {name: len(each["samples"]) for name, each in second["contestants"].items()} == {
        "A": 3,
        "B": 2,
    }
    assert second["contestants"]["B"]["wall ratio"]["max"] == 1
    assert f"FAILED: {error}" in (tmp_path / "out.md").read_text("utf-8")
    assert cleared == ["second"]


def test_what_was_measured_before_an_interrupt_is_written(tmp_path, capsys):
    def comparisons(options):
        yield Comparison("first", [numbered("A", [])], "A")
        raise KeyboardInterrupt

    status, written = run(comparisons, tmp_path)
    assert (status, written["error"]) == (130, "KeyboardInterrupt")
    assert len(written["comparisons"]) == 1
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--rounds=6", "--rounds: expected at least 7, got 6"),
        ("--rounds=0", "--rounds: expected at least 7, got 0"),
        ("--threads=0", "--threads: expected at least 1, got 0"),
        ("--turns=5", "unrecognized arguments: --turns=5; see --help"),
    ],
)
def test_a_wrong_option_is_one_line(option, message, capsys):
    assert main("example.py", DOC, iter, [option]) == 1
    assert capsys.readouterr().err == f"error: {message}\n"


def test_a_reference_that_is_no_contestant_is_refused():
    with pytest.raises(ValueError, match=r"expected contestants among \['A'\]"):
        Comparison("turns", [Contestant("A")], "B")


def test_sizes_follow_the_mode():
    full = Options(quick=False, rounds=7, threads=1, json=None, markdown=None)
    assert full.pick(1000, 10) == 1000
