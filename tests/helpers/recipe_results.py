"""What a recipe printed and wrote, and how it is killed."""

import json
import time

from programs import Program

TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone")


def results(folder):
    """Return the content of a run's `results.json`."""
    return json.loads((folder / "out/results.json").read_text())


def without_times(result):
    """Return a fold's result without what differs from run to run."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in result["history"]]
    return {key: value for key, value in result.items() if key != "seconds"} | {"history": rows}


def error_line(done):
    """Return the one line in which a program reported an error."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stdout + done.stderr
    assert 'train.py", line' not in done.stderr, "a traceback of the recipe"
    return lines[0]


def kill_after_a_checkpoint(recipe, overrides, seconds, fold="fold3"):
    """Start a run and kill it so many seconds after its first new checkpoint."""
    save = recipe.folder / f"out/{fold}/save"
    known = set(save.glob("CKPT*"))
    program = Program(recipe.arguments(*overrides), recipe.folder)
    program.wait_for(lambda: set(save.glob("CKPT*")) - known)
    time.sleep(seconds)
    program.kill()
