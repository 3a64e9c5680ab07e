"""Run programs as a user does: to their end, in several processes, or until they are killed.

A `Program` runs in a process of its own, as `python program ...` would, forked from a server that
has made the imports, which take seconds, once for all.
"""

import atexit
import multiprocessing
import multiprocessing.connection
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

TESTS = Path(__file__).resolve().parents[1]
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS / "without_torchvision")}
SECONDS = 600  # after which a program hangs
GRACE = 5  # seconds for the other processes to end when one has failed
IMPORTED = [
    "aed_plugins.experiments.cross_validation",
    "torch._dynamo",
    "torch.utils.tensorboard",
    __name__,
]


def run_python(arguments, folder, **environment):
    """Run a new Python to its end, and return its status and what it printed."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | ENVIRONMENT | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _run(arguments, folder, environment, outputs):
    """Become `python *arguments`."""
    multiprocessing.set_start_method(None, force=True)  # back to that of a new Python
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(outputs, start=1):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    sys.argv = list(arguments)
    sys.path.insert(0, str(Path(folder, arguments[0]).parent))
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # a process of multiprocessing ends without them


class Program:
    """A program that runs: `python *arguments` in a folder, with additions to the environment."""

    def __init__(self, arguments, folder, **environment):
        self.arguments = [str(argument) for argument in arguments]
        self._outputs = tempfile.TemporaryDirectory()
        self._paths = [Path(self._outputs.name, name) for name in ("stdout", "stderr")]
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        environment = os.environ | ENVIRONMENT | environment
        with mock.patch.dict(os.environ, environment):
            self.process = context.Process(
                target=_run, args=(self.arguments, folder, environment, self._paths)
            )
            self.process.start()

    def end(self):
        """Wait for its end, and return its status and what it printed."""
        self.process.join(SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            raise subprocess.TimeoutExpired(self.arguments, SECONDS)
        printed = [path.read_text() if path.exists() else "" for path in self._paths]
        self._outputs.cleanup()
        return subprocess.CompletedProcess(self.arguments, self.process.exitcode, *printed)

    def wait_for(self, condition):
        """Wait until a condition is true, while it runs."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert self.process.is_alive(), "the program ended before"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kill(self):
        """Kill it, as `kill -9` does."""
        self.process.kill()
        assert self.end().returncode == -signal.SIGKILL, "the program ended before"


def run_together(arguments, folder, processes=2):
    """Run a program in several processes to their ends, as `torchrun` does on one machine.

    Return the worst status, and what all of them printed.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    address |= {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    programs = [
        Program(arguments, folder, RANK=str(rank), LOCAL_RANK=str(rank), **address)
        for rank in range(processes)
    ]
    sentinels = [program.process.sentinel for program in programs]
    while sentinels:
        ended = multiprocessing.connection.wait(sentinels, SECONDS)
        sentinels = [sentinel for sentinel in sentinels if sentinel not in ended]
        if any(program.process.exitcode for program in programs):
            for program in programs:  # the others would wait for the one that failed
                program.process.join(GRACE)
                program.process.terminate()
    done = [program.end() for program in programs]
    status = max((each.returncode for each in done), key=abs)
    printed = ["".join(each) for each in zip(*((d.stdout, d.stderr) for d in done), strict=True)]
    return subprocess.CompletedProcess(arguments, status, *printed)
