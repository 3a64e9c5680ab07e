"""Wall time, CPU time and peak memory of a call, or of a process of its own."""

import contextlib
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from aed_plugins.core import InputError

PROCESS = "--process"  # begins the command line of `in_process`
MARK = "sample: "  # begins the line in which a process reports what it measured
MAXRSS = 2**20 if sys.platform == "darwin" else 2**10  # how many of `ru_maxrss` are a MB


@dataclass
class Sample:
    """Seconds of wall time and of CPU time; of a process its peak memory in MB, where known."""

    wall: float = 0.0
    cpu: float = 0.0
    peak: float | None = None


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@contextlib.contextmanager
def stopwatch() -> Iterator[Sample]:
    """Time a block: the sample is filled in when it ends."""
    sample = Sample()
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield sample
    sample.wall, sample.cpu = time.perf_counter() - wall, cpu_seconds() - cpu


def measure(work: Callable[[], object], seconds: float = 0.0) -> Sample:
    """Measure a call; or the mean of the calls in some seconds, after one that is not counted.

    If a call returns a `Sample`, the last is returned instead of the measurement.
    """
    if seconds:
        work()
    calls = 0
    with stopwatch() as sample:
        end = time.perf_counter() + seconds
        while not calls or time.perf_counter() < end:
            result = work()
            calls += 1
    if isinstance(result, Sample):
        return result
    return Sample(sample.wall / calls, sample.cpu / calls)


def peak_memory() -> float:
    """Return the peak memory of this process in MB.

    On Linux, `ru_maxrss` has the peak of the parent at the start in it; `VmHWM` has not.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MAXRSS
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**10


def in_process(function: Callable[..., object], *arguments: object) -> Callable[[], Sample]:
    """Return work that measures a call of a benchmark's function in a process of its own.

    Neither the start of Python nor the imports count as time, but in the peak memory. If the
    function returns a `Sample`, that counts.

    Parameters
    ----------
    function : callable
        One at the top of the benchmark's file.
    *arguments : object
        What JSON can hold.
    """
    command = [sys.executable, function.__code__.co_filename, PROCESS]
    return functools.partial(run_process, [*command, function.__name__, json.dumps(arguments)])


def report_sample(function: Callable[..., object], arguments: str) -> None:
    """Measure a call in this process, and print what `run_process` reads."""
    sample = measure(functools.partial(function, *json.loads(arguments)))
    if sample.peak is None:
        sample.peak = peak_memory()
    sys.stdout.write(f"\n{MARK}{json.dumps(asdict(sample))}\n")


def run_process(
    command: Sequence[str], cwd: Path | None = None, until: Callable[[], bool] | None = None
) -> Sample:
    """Run a command to its end, or until a condition is true; measure all of it.

    On Linux its peak memory is None where it is not above that of this process (`peak_memory`).

    Raises
    ------
    InputError
        If it fails, or ends before the condition is true.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        with stopwatch() as sample:
            process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=errors)
            try:
                reached = until is not None and _wait_for(until, process)
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                raise
            process.returncode = os.waitstatus_to_exitcode(status)
        if not reached and (until is not None or process.returncode != 0):
            errors.seek(0)
            *_, last = ["it printed no error", *errors.read().splitlines()]
            raise InputError(f"its process ended with status {process.returncode}: {last}")
        output.seek(0)
        reported = [line for line in output if line.startswith(MARK)]
    if reported:
        return Sample(**json.loads(reported[-1].removeprefix(MARK)))
    peak = usage.ru_maxrss / MAXRSS
    known = peak > peak_memory() + 1  # the counters are off by some pages
    return Sample(sample.wall, usage.ru_utime + usage.ru_stime, peak if known else None)


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Kill a process as soon as a condition is true; return False if it ended before."""
    while not condition():
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return False
        time.sleep(0.02)
    process.kill()
    return True
