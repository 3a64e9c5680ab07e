import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import torch
from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks

from aed_plugins.training import AtomicCheckpointer


@register_checkpoint_hooks
class Counter:
    """Counts; fails to be saved when told to."""

    def __init__(self):
        self.value = 0
        self.failure = None

    @mark_as_saver
    def save(self, path):
        path.write_text(str(self.value))
        if self.failure is not None:
            raise self.failure

    @mark_as_loader
    def load(self, path, end_of_epoch):
        self.value = int(path.read_text())


@pytest.fixture
def saved(tmp_path):
    counter = Counter()
    model = torch.nn.Linear(3, 3)
    checkpointer = AtomicCheckpointer(tmp_path, {"model": model, "counter": counter})
    counter.value = 1
    checkpointer.save_checkpoint({"epoch": 1})
    return checkpointer, counter


def test_a_checkpoint_comes_back(saved):
    checkpointer, counter = saved
    counter.value = 2
    checkpoint = checkpointer.save_checkpoint({"epoch": 2})
    counter.value = 99
    assert checkpointer.recover_if_possible().meta["epoch"] == 2
    assert counter.value == 2
    assert all(path.is_file() for path in checkpoint.paramfiles.values())


def test_a_saving_that_breaks_off_leaves_the_one_before(saved):
    checkpointer, counter = saved
    counter.value, counter.failure = 2, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        checkpointer.save_checkpoint({"epoch": 2})
    assert [c.meta["epoch"] for c in checkpointer.list_checkpoints()] == [1]
    checkpointer.recover_if_possible()
    assert counter.value == 1


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("PytorchStreamWriter failed writing"),
    ],
)
def test_a_full_disk_is_named_and_leaves_nothing_half_written(saved, failure):
    checkpointer, counter = saved
    counter.failure = failure
    folder = checkpointer.checkpoints_dir
    with pytest.raises(OSError, match=r"cannot write a checkpoint \(.*MiB are free") as caught:
        checkpointer.save_checkpoint({"epoch": 2})
    assert str(folder) in str(caught.value)
    assert len(list(folder.iterdir())) == 1
    counter.failure = None
    checkpointer.save_checkpoint({"epoch": 3})
    assert checkpointer.find_checkpoint().meta["epoch"] == 3


def test_another_error_is_not_taken_for_a_full_disk(saved):
    checkpointer, counter = saved
    counter.failure = RuntimeError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="out of memory"):
        checkpointer.save_checkpoint({"epoch": 2})


def test_kill_at_any_moment_leaves_a_checkpoint_that_loads(tmp_path):
    program = textwrap.dedent("""
        import sys, torch
        from aed_plugins.training.checkpoints import AtomicCheckpointer
        model = torch.nn.Linear(700, 700)
        checkpointer = AtomicCheckpointer(sys.argv[1], {"model": model})
        step = 0
        while True:
            step += 1
            model.weight.data.fill_(step)
            checkpointer.save_and_keep_only(meta={"step": step}, importance_keys=[])
            print(step, flush=True)
    """)
    for round_ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3):
            process.stdout.readline()
        time.sleep(0.003 * round_)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        model = torch.nn.Linear(700, 700)
        checkpoint = AtomicCheckpointer(tmp_path, {"model": model}).recover_if_possible()
        assert checkpoint.meta["step"] >= 3
        assert bool((model.weight == checkpoint.meta["step"]).all())
