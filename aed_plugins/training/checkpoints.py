"""Checkpoints that survive an interruption at any time, and the choice among them."""

import logging
import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from speechbrain.utils.checkpoints import Checkpoint, Checkpointer

from aed_plugins.core import one_line
from aed_plugins.training.distributed import run_on_main

logger = logging.getLogger(__name__)
TORCH_WRITES = re.compile("PytorchStreamWriter|inline_container|iostream")


def ends_an_epoch(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint was saved at the end of an epoch."""
    return "epoch" in checkpoint.meta


def has_validation(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint was validated."""
    return "valid_loss" in checkpoint.meta


def keep_in_checkpoints(checkpointer: Checkpointer | None, **objects: Any) -> None:
    """Add objects to what a checkpointer keeps, if there is one; leave out what it keeps already.

    Parameters
    ----------
    checkpointer : Checkpointer, optional
        SpeechBrain's or an `AtomicCheckpointer`.
    **objects
        By the names that they have there.
    """
    if checkpointer is None:
        return
    kept = [id(it) for it in checkpointer.recoverables.values()]
    for name, it in objects.items():
        if id(it) not in kept:
            checkpointer.add_recoverable(name, it)


class AtomicCheckpointer(Checkpointer):
    """SpeechBrain's `Checkpointer`, whose checkpoints appear whole or not at all.

    SpeechBrain writes a checkpoint's metadata first, so one that was cut short (by `kill -9`, by a
    full disk) counts as the most recent and cannot be loaded. Here it is written in a folder aside
    and moved when complete. Only the main process writes.
    """

    checkpoints_dir: Path

    def save_checkpoint(
        self,
        meta: Mapping[str, Any] | None = None,
        end_of_epoch: bool = True,
        name: str | None = None,
        verbosity: int = logging.INFO,
    ) -> Checkpoint | None:
        """Save every recoverable object.

        Parameters
        ----------
        meta : mapping, optional
            Metrics to choose a checkpoint by: plain floats and strings, as they are read with a
            safe YAML loader.
        end_of_epoch : bool
            Whether the epoch is over.
        name : str, optional
            A name instead of the time.
        verbosity : int
            Level of the log message.

        Raises
        ------
        OSError
            If it cannot be written: the checkpoints before it are untouched.
        """
        name = f"{datetime.now():%Y-%m-%d+%H-%M-%S.%f}" if name is None else name
        return run_on_main(self._save_aside, meta or {}, end_of_epoch, name, verbosity)

    def _save_aside(
        self, meta: Mapping[str, Any], end_of_epoch: bool, name: str, verbosity: int
    ) -> Checkpoint:
        folder: Path = self.checkpoints_dir
        aside = folder / ".incomplete"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir(parents=True)
            self.checkpoints_dir = aside
            saved = super().save_checkpoint(meta, end_of_epoch, name, verbosity=logging.DEBUG)
            saved.path.replace(folder / saved.path.name)
        except (OSError, RuntimeError) as error:
            # torch reports a failed write as a RuntimeError; any other is a defect.
            if isinstance(error, RuntimeError) and not TORCH_WRITES.search(str(error)):
                raise
            free = shutil.disk_usage(folder).free / 2**20
            reason = one_line(error, first_line=True)
            raise OSError(
                f"{folder}: cannot write a checkpoint ({reason}); {free:.0f} MiB are free there:"
                " make room and give the same command again to go on from the last checkpoint"
            ) from error
        finally:
            self.checkpoints_dir = folder
            shutil.rmtree(aside, ignore_errors=True)
        logging.getLogger(__name__).log(verbosity, "Saved a checkpoint in %s", saved.path.name)
        paths = {
            key: folder / saved.path.name / path.name for key, path in saved.paramfiles.items()
        }
        return Checkpoint(folder / saved.path.name, saved.meta, paths)
