"""Programs, started as a user starts them, from a Python that has imported what they need.

Each runs in a process of its own, as `python program ...` would; only the imports, which take
seconds, are made once and not for every one of them.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

TESTS = Path(__file__).resolve().parents[1]
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS / "without_torchvision")}
SECONDS = 600  # after which a program hangs
IMPORTED = [
    "aed_plugins.experiments.cross_validation",
    "torch._dynamo",
    "torch.utils.tensorboard",
    __name__,
]


def run_python(arguments, folder, **environment):
    """Run a Python of its own to its end, and give its status and what it printed."""
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
    """A program that runs."""

    def __init__(self, arguments, folder):
        arguments = [str(argument) for argument in arguments]
        self.arguments = arguments
        self._outputs = tempfile.TemporaryDirectory()
        self._paths = [Path(self._outputs.name, name) for name in ("stdout", "stderr")]
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        environment = os.environ | ENVIRONMENT
        with mock.patch.dict(os.environ, environment):
            self.process = context.Process(
                target=_run, args=(arguments, folder, environment, self._paths)
            )
            self.process.start()

    def end(self):
        """Wait for its end, and give its status and what it printed."""
        self.process.join(SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            raise subprocess.TimeoutExpired(self.arguments, SECONDS)
        printed = [path.read_text() if path.exists() else "" for path in self._paths]
        self._outputs.cleanup()
        return subprocess.CompletedProcess(self.arguments, self.process.exitcode, *printed)

    def wait_for(self, condition):
        """Wait until something is so, while it runs."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert self.process.is_alive(), "the program ended before"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kill(self):
        """Kill it, as `kill -9` does."""
        self.process.kill()
        assert self.end().returncode == -signal.SIGKILL, "the program ended before"
