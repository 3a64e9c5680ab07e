"""Run a program in a process that ends when the process that started it ends.

    python -m aed_plugins.experiments.recipe_process LOCK PROGRAM [ARGUMENT ...]

The program runs as `python PROGRAM ARGUMENT ...` would. It starts when the file `LOCK` is free, so
that two processes never write to one folder. When standard input is closed, by the process that
started it or because that process was killed, the program is interrupted as by Ctrl-C; if it then
does not end within a minute, it is ended. This needs neither signals nor process groups between
the two processes, and so works on Windows as well.
"""

import _thread
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

from filelock import FileLock

STOP_SECONDS = 60.0  # to end by itself after the interruption
INTERRUPTED = 130


def main(arguments: list[str]) -> None:
    """Run the program.

    Parameters
    ----------
    arguments : list of str
        The file to lock, the program and its arguments.
    """
    lock, program, *_ = arguments
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    watched = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_interrupt_at_end, args=(watched,), daemon=True).start()
    sys.argv = arguments[1:]
    sys.path[0] = str(Path(program).resolve().parent)
    try:
        with FileLock(lock):
            runpy.run_path(program, run_name="__main__")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _interrupt_at_end(watched: int) -> None:
    """Wait for the end of a pipe, then end this process: first as Ctrl-C does, then by force."""
    while os.read(watched, 1):
        pass
    if hasattr(signal, "pthread_kill"):  # interrupts a system call that waits, too
        signal.pthread_kill(int(threading.main_thread().ident or 0), signal.SIGINT)
    else:
        _thread.interrupt_main()
    time.sleep(STOP_SECONDS)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main(sys.argv[1:])
