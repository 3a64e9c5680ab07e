"""Metrics of the epochs of a training: stored in checkpoints, written as text and points."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from speechbrain.utils.checkpoints import mark_as_loader, mark_as_saver, register_checkpoint_hooks
from speechbrain.utils.distributed import main_process_only
from speechbrain.utils.train_logger import FileTrainLogger, TrainLogger

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@register_checkpoint_hooks
class History:
    """One row of metrics per finished epoch; part of every checkpoint.

    Attributes
    ----------
    rows : list of dict
        `epoch`, `train_loss`, `learning_rate`, `seconds`, and with a validation set `valid_` and
        each metric of the task's `validate`.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    @mark_as_saver
    def save(self, path: str | Path) -> None:
        """Write the rows as JSON."""
        Path(path).write_text(json.dumps(self.rows), encoding="utf-8")

    @mark_as_loader
    def load(self, path: str | Path, end_of_epoch: bool = True) -> None:
        """Read what `save` wrote; it is the same whether an epoch had ended or not."""
        del end_of_epoch
        self.rows = json.loads(Path(path).read_text(encoding="utf-8"))


def describe_epoch(row: Mapping[str, float], epochs: int, metric: str) -> str:
    """Write a row of a history as a line.

    Parameters
    ----------
    row : mapping of str to float
        The row.
    epochs : int
        How many the training has.
    metric : str
        What of the validation is shown besides the loss.

    Examples
    --------
    >>> describe_epoch({"epoch": 2, "seconds": 7.4, "train_loss": 0.5}, 15, "accuracy")
    'epoch 2/15: 7 s, loss 0.500'
    """
    text = f"epoch {row['epoch']}/{epochs}: {row['seconds']:.0f} s, loss {row['train_loss']:.3f}"
    if "valid_loss" in row:
        text += f", validation loss {row['valid_loss']:.3f}, {metric} {row[f'valid_{metric}']:.1%}"
    return text


class EpochLogger(TrainLogger):
    """Write the metrics of each epoch: a line of `train_log.txt`, and points for TensorBoard.

    SpeechBrain's `TensorboardLogger` counts its calls, so a run that was resumed starts at 0 again;
    here a point has the number of its epoch.

    Parameters
    ----------
    folder : str or Path
        Where `train_log.txt` and the folder `tensorboard` are written, after the first epoch.
    precision : int
        Decimal places in `train_log.txt`.
    """

    def __init__(self, folder: str | Path, precision: int = 3) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._text = FileTrainLogger(str(self.folder / "train_log.txt"), precision)
        self._writer: SummaryWriter | None = None

    @main_process_only
    def log_stats(
        self,
        stats_meta: dict[str, float],
        train_stats: dict[str, float] | None = None,
        valid_stats: dict[str, float] | None = None,
        test_stats: dict[str, float] | None = None,
        verbose: bool = False,
    ) -> None:
        """Write the metrics of `stats_meta["epoch"]`, for TensorBoard as `loss/train` and so on."""
        self._text.log_stats(stats_meta, train_stats, valid_stats, test_stats, verbose)
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  imports for a second

            self._writer = SummaryWriter(str(self.folder / "tensorboard"))
        sets = {"train": train_stats, "valid": valid_stats, "test": test_stats}
        for name, stats in sets.items():
            for metric, value in (stats or {}).items():
                self._writer.add_scalar(f"{metric}/{name}", value, int(stats_meta["epoch"]))
        self._writer.flush()
