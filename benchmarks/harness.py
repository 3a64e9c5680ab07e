"""Measure contestants in turns, so that all of them meet the same machine.

A benchmark is a docstring (question, protocol, bound), a generator of `Comparison`, and
`sys.exit(main(__file__, __doc__, comparisons))`. In every round each contestant has one turn; each
round begins with the next contestant, and every other cycle of rounds runs backwards. The first
round is discarded. Measured are wall time, CPU time (of all threads, and of processes started and
waited for), and the peak memory of contestants that are processes. What is relative to a reference
is computed round by round and then summarized, so that a drift of the machine cancels.

pyperf is not used: it measures one command to its end before the next, so that a machine that slows
down in between favors the first; it knows neither ratios per round nor bounds.
"""

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness_report import Bound, comparison_lines, machine_facts, markdown, summarize
from harness_timing import PROCESS, Sample, measure, report_sample
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from aed_plugins.core import InputError, Parser, atomic_write, one_line, write_json

ROUNDS = 7  # at least, in full mode


@dataclass(frozen=True)
class Contestant:
    """Something that is measured.

    Parameters
    ----------
    name : str
        Of its row in the table.
    work : callable, optional
        What a turn calls. If it returns a `Sample`, that counts; otherwise the call is timed.
        Not needed where the comparison has `drive`.
    amount : float
        Units of work of a call; times are divided by it.
    """

    name: str
    work: Callable[[], object] | None = None
    amount: float = 1.0


@dataclass
class Turn:
    """A turn of a contestant; whoever takes it records the sample."""

    contestant: Contestant
    sample: Sample | None = None

    def record(self, sample: Sample) -> None:
        """Record a sample per unit of work."""
        amount = self.contestant.amount
        self.sample = Sample(sample.wall / amount, sample.cpu / amount, sample.peak)


@dataclass
class Comparison:
    """Contestants that take turns.

    Parameters
    ----------
    title : str
        What is done.
    contestants : list of Contestant
        At least one.
    reference : str
        The name of the contestant to which the others are compared.
    unit : str
        The unit of work, such as `clip`.
    bounds : sequence of Bound
        What is promised.
    notes : sequence of str
        What else there is to say, such as that the results are equal.
    turn_seconds : float
        Repeat calls in a turn for so long, after one that is not counted: where a call takes
        milliseconds, threads of the contestant before are still awake. 0: a turn is one call.
    drive : callable, optional
        Takes the turns itself, where a contestant is a loop that calls back.
    """

    title: str
    contestants: list[Contestant]
    reference: str
    unit: str = "call"
    bounds: Sequence[Bound] = ()
    notes: Sequence[str] = ()
    turn_seconds: float = 0.0
    drive: Callable[[Iterator[Turn]], None] | None = None
    order: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.samples: dict[str, list[Sample]] = {each.name: [] for each in self.contestants}
        named = {self.reference, *(bound.contestant for bound in self.bounds)}
        if not named <= self.samples.keys():
            raise ValueError(f"expected contestants among {list(self.samples)}, got {named}")

    def run(self, rounds: int, quick: bool) -> None:
        """Take all turns.

        Raises
        ------
        InputError
            If a contestant fails. `samples` has what was measured before.
        """
        turns = self.turns(rounds, warm_up=not quick)
        try:
            if self.drive is not None:
                self.drive(turns)
                return
            for turn in turns:
                turn.record(measure(turn.contestant.work, 0.0 if quick else self.turn_seconds))
        except Exception as error:
            failed = (
                f"{self.order[-1]} failed in turn {len(self.order)}" if self.order else "failed"
            )
            kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
            raise InputError(f"{self.title}: {failed}: {kind}{one_line(error)}") from error

    def turns(self, rounds: int, warm_up: bool) -> Iterator[Turn]:
        """Yield every turn, and keep the samples of all but the warm-up round."""
        for number in tqdm(range(rounds + warm_up), self.title, unit=" rounds", disable=None):
            for contestant in order_of(self.contestants, number):
                self.order.append(contestant.name)
                gc.collect()  # what the one before left
                turn = Turn(contestant)
                yield turn
                if turn.sample is None:
                    raise ValueError(f"the turn of {contestant.name} was not recorded")
                if number >= warm_up:
                    self.samples[contestant.name].append(turn.sample)

    def report(self) -> dict[str, Any]:
        """Return samples and statistics, as the JSON file has them."""
        samples = {name: [asdict(each) for each in own] for name, own in self.samples.items()}
        return {
            "title": self.title,
            "unit": self.unit,
            "notes": list(self.notes),
            **summarize(samples, self.reference, self.bounds),
            "order": self.order,
        }


def order_of(contestants: list[Contestant], number: int) -> list[Contestant]:
    """Return the order of a round: the next begins, and every other cycle runs backwards."""
    cycle, first = divmod(number, len(contestants))
    order = contestants[first:] + contestants[:first]
    return order[::-1] if cycle % 2 else order


@dataclass(frozen=True)
class Options:
    """The command line of every benchmark."""

    quick: bool
    rounds: int
    threads: int
    json: Path | None
    markdown: Path | None

    def pick(self, full: Any, quick: Any) -> Any:
        """Return the size for the mode."""
        return quick if self.quick else full


def parse(doc: str, arguments: Sequence[str]) -> Options:
    """Read the command line."""
    parser = Parser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help="prove that it runs: small, one round")
    parser.add_argument("--rounds", type=int, help=f"to count, {ROUNDS} or more; 1 with --quick")
    parser.add_argument("--threads", type=int, default=2, help="of each contestant; by default 2")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write what is printed")
    given = vars(parser.parse_args(arguments))
    fewest = 1 if given["quick"] else ROUNDS
    given["rounds"] = fewest if given["rounds"] is None else given["rounds"]
    options = Options(**given)
    if options.rounds < fewest:
        raise InputError(f"--rounds: expected at least {fewest}, got {options.rounds}")
    if options.threads < 1:
        raise InputError(f"--threads: expected at least 1, got {options.threads}")
    return options


def main(
    file: str,
    doc: str,
    comparisons: Callable[[Options], Iterator[Comparison]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run the comparisons of a benchmark; print and write each as soon as it is done.

    Parameters
    ----------
    file, doc : str
        The benchmark's `__file__` and `__doc__`.
    comparisons : callable
        Yields them; what one needs is made before its `yield` and cleared away after it.
    arguments : sequence of str, optional
        By default those of the command line.

    Returns
    -------
    int
        The exit status: 1 if a contestant fails, after what was measured is written.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == [PROCESS]:
        report_sample(comparisons.__globals__[arguments[1]], arguments[2])
        return 0
    try:
        _run(Path(file).stem, parse(doc, arguments), doc, comparisons)
    except (InputError, OSError) as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    return 0


def _run(
    name: str, options: Options, doc: str, comparisons: Callable[[Options], Iterator[Comparison]]
) -> None:
    _set_threads(options.threads)
    results: dict[str, Any] = {"benchmark": name, "question": doc.splitlines()[0]}
    results |= {"mode": "QUICK" if options.quick else "full", "rounds": options.rounds}
    results |= {"machine": machine_facts(options.threads), "error": None, "comparisons": []}
    print("\n".join(markdown(results)), flush=True)
    try:
        with contextlib.closing(comparisons(options)) as every:
            for comparison in every:
                try:
                    comparison.run(options.rounds, options.quick)
                finally:
                    report = comparison.report()
                    results["comparisons"].append(report)
                    print("", *comparison_lines(report, results["mode"]), sep="\n", flush=True)
                    _write(options, results)
    except BaseException as error:
        results["error"] = one_line(error)
        _write(options, results)
        raise


def _write(options: Options, results: dict[str, Any]) -> None:
    if options.json is not None:
        write_json(options.json, results)
    if options.markdown is not None:
        with atomic_write(options.markdown) as temporary:
            temporary.write_text("\n".join([*markdown(results), ""]), encoding="utf-8")


def _set_threads(count: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(count)  # of processes to come
    threadpool_limits(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
