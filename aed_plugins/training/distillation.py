"""Knowledge distillation: soft targets that mix the labels with a teacher's probabilities.

Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network" (2015), section 2; for
audio: Schmid, Koutini, Widmer, "Efficient Large-Scale Audio Tagging via Transformer-to-CNN
Knowledge Distillation" (ICASSP 2023), where the teacher's predictions are computed once, before the
training.

Deviations: there is one cross-entropy, with targets between label and teacher, instead of a
weighted sum of two. That is the same sum while the student's logits have a temperature of 1, as in
Schmid et al.; Hinton et al. divide them by the teacher's in the teacher's part, and multiply that
by its square. With a temperature above 1 a student is therefore less certain than its teacher. And
the teacher tags each clip once, whole and unchanged, whatever crop or augmentation the student
gets; where clips are mixed their targets are mixed with the same weights.
"""

import hashlib
import logging
import zipfile
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from torch import Tensor

from aed_plugins.core import InputError, atomic_write, first_few
from aed_plugins.data import FoldSplit, Manifest, compute_manifest_fingerprint
from aed_plugins.pretrained import TrainedRun, find_run
from aed_plugins.training.balancing import list_labels
from aed_plugins.training.distributed import run_on_main
from aed_plugins.training.prediction import predict_logits
from aed_plugins.training.tasks.multi_label import MultiLabel
from aed_plugins.training.tasks.task import Task

logger = logging.getLogger(__name__)
TEACHER_OPTION = "--teacher: "
WEIGHT = 0.5
TEMPERATURE = 2.0
FILE = "teacher.npz"


def mix_soft_targets(
    hard: Tensor, logits: Tensor, task: Task, weight: float, temperature: float
) -> Tensor:
    """Mix labels with a teacher's probabilities.

    Parameters
    ----------
    hard : Tensor
        `(clip, class)`, 1 for a clip's labels and 0 for the others.
    logits : Tensor
        `(clip, class)`, the teacher's.
    task : Task
        Turns logits into probabilities: a softmax, or a sigmoid where a clip may have several
        labels.
    weight : float
        How much the teacher counts, from 0 to 1; the labels count the rest.
    temperature : float
        What the teacher's logits are divided by: the higher, the less certain it seems.

    Returns
    -------
    Tensor
        `(clip, class)`, from 0 to 1, of the type of `hard`.

    Examples
    --------
    Odds of 1 to 9 are 1 to 3 at a temperature of 2.

    >>> from aed_plugins.training import SingleLabel
    >>> task = SingleLabel(["dog_bark", "siren"])
    >>> odds = torch.tensor([[1.0, 9.0]])
    >>> mix_soft_targets(torch.tensor([[1.0, 0.0]]), odds.log(), task, weight=0.5, temperature=2.0)
    tensor([[0.6250, 0.3750]])
    """
    soft = task.probabilities(logits.double() / temperature)
    return ((1 - weight) * hard + weight * soft).to(hard.dtype)


class Teacher:
    """A finished run whose model is the teacher of another one, the student.

    Its logits of the training clips are computed once and stored in the fold's folder. The student
    does not need it any more once it is trained.

    Parameters
    ----------
    source : str
        An output folder of a recipe (of several folds, the one of the same name is taken), or one
        fold's folder in it.
    clips_at_rate : callable
        Returns the manifest of the student's clips at a sample rate in hertz, the teacher's.
    weight : float
        See `mix_soft_targets`.
    temperature : float
        See `mix_soft_targets`.

    Raises
    ------
    InputError
        If `weight` is not from 0 to 1, or `temperature` not above 0.
    """

    def __init__(
        self,
        source: str,
        clips_at_rate: Callable[[int], Manifest],
        weight: float = WEIGHT,
        temperature: float = TEMPERATURE,
    ) -> None:
        if not _is_number(weight) or not 0 <= weight <= 1:
            raise InputError(f"--teacher_weight: expected a number from 0 to 1, got {weight!r}")
        if not _is_number(temperature) or not 0 < temperature < float("inf"):
            raise InputError(
                f"--teacher_temperature: expected a number above 0, got {temperature!r}"
            )
        self.source = Path(str(source))
        self.clips_at_rate = clips_at_rate
        self.weight = float(weight)
        self.temperature = float(temperature)

    def _find_run(self, split: FoldSplit) -> TrainedRun:
        return find_run(self.source, split.name, TEACHER_OPTION)

    def configuration(self, split: FoldSplit) -> dict[str, str]:
        """Return all of it that changes a fold's scores.

        Parameters
        ----------
        split : FoldSplit
            The fold to be trained and tested.

        Raises
        ------
        InputError
            If there is no finished run.
        """
        run = self._find_run(split)
        return {
            "teacher": str(run.folder),
            "teacher_model": _compute_digest(run),
            "teacher_source": str(self.source),
            "teacher_weight": str(self.weight),
            "teacher_temperature": str(self.temperature),
        }

    def check(self, split: FoldSplit, dataset: str, task: Task) -> None:
        """Refuse a teacher of other classes, or one that was trained on the clips to be tested.

        Parameters
        ----------
        split : FoldSplit
            The fold to be trained and tested.
        dataset : str
            Its dataset.
        task : Task
            The student's.

        Raises
        ------
        InputError
            If it is to be refused, or there is none.
        """
        run = self._find_run(split)
        for unknown in run.check_unseen(dataset, [split.test]):
            logger.warning(unknown)
        multi_label = isinstance(task, MultiLabel)
        if run.multi_label != multi_label:
            kinds = {True: "several labels", False: "one label"}
            raise InputError(
                f"{TEACHER_OPTION}expected a model with {kinds[multi_label]} per clip, as the"
                f" clips have, but {run.folder} is one with {kinds[run.multi_label]} per clip"
            )
        for label, other in zip_longest(task.labels, run.labels):
            if label != other:
                raise InputError(
                    f"{TEACHER_OPTION}expected a model with the same labels in the same order, but"
                    f" where this data has {_quote(label)}, {run.folder} has {_quote(other)}"
                )

    def add_soft_targets(
        self,
        clips: DynamicItemDataset,
        split: FoldSplit,
        task: Task,
        folder: Path,
        device: str = "cpu",
        **how: Any,
    ) -> DynamicItemDataset:
        """Replace the targets of training clips by soft targets.

        Parameters
        ----------
        clips : DynamicItemDataset
            The training clips, with `target` among their outputs.
        split : FoldSplit
            The fold to be trained and tested.
        task : Task
            The student's, whose classes are the teacher's.
        folder : Path
            The fold's: the teacher's logits are stored in it, and read from it if they are of this
            teacher and these clips.
        device : str
            Where the teacher computes.
        **how
            For `predict_logits`.

        Returns
        -------
        DynamicItemDataset
            The same one; `target` is `(class,)`, float32.

        Raises
        ------
        InputError
            If training clips are missing among those at the teacher's sample rate.
        """
        names = list(clips.data_ids)
        logits = run_on_main(self._logits, clips.data, names, split, folder / FILE, device, how)
        hard = torch.from_numpy(np.stack([task.multi_hot(labels) for labels in list_labels(clips)]))
        soft = mix_soft_targets(hard, torch.from_numpy(logits), task, self.weight, self.temperature)
        by_name = dict(zip(names, soft.numpy(), strict=True))
        clips.add_dynamic_item(by_name.__getitem__, takes="id", provides="soft_target")
        clips.set_output_keys({**clips.pipeline.output_mapping, "target": "soft_target"})
        return clips

    def _logits(
        self,
        clips: Manifest,
        names: Sequence[str],
        split: FoldSplit,
        path: Path,
        device: str,
        how: dict[str, Any],
    ) -> npt.NDArray[np.float32]:
        """Return `(clip, class)`, in the order of the names; compute what is not stored."""
        run = self._find_run(split)
        key = f"{_compute_digest(run)} {compute_manifest_fingerprint(clips)}"
        stored = _read_logits(path, key)
        if stored is None:
            available = self.clips_at_rate(run.sample_rate)
            missing = [name for name in names if name not in available]
            if missing:
                raise InputError(
                    f"{TEACHER_OPTION}{len(missing)} training clips cannot be had at"
                    f" {run.sample_rate} Hz, the rate of {run.folder}: {first_few(missing)}"
                )
            logger.info("%s tags the %d training clips, once", run.folder, len(names))
            wanted = {name: available[name] for name in names}
            tagged, logits = predict_logits(run.tagger(), wanted, device, **how)
            stored = dict(zip(tagged, logits.astype(np.float32), strict=True))
            with atomic_write(path) as temporary:
                np.savez(
                    temporary, key=key, names=list(stored), logits=np.stack(list(stored.values()))
                )
        return np.stack([stored[name] for name in names])


def make_teacher(
    source: str | None,
    clips_at_rate: Callable[[int], Manifest],
    weight: float | None = None,
    temperature: float | None = None,
) -> Teacher | None:
    """Return the teacher that a recipe's options name, if any.

    Parameters
    ----------
    source : str, optional
        See `Teacher`; without it there is none.
    clips_at_rate : callable
        See `Teacher`.
    weight, temperature : float, optional
        See `mix_soft_targets`; 0.5 and 2.

    Raises
    ------
    InputError
        If one of the other options is given without a teacher, or is no number that can be used.
    """
    given = {"weight": weight, "temperature": temperature}
    chosen = {name: value for name, value in given.items() if value is not None}
    if source is None and chosen:
        raise InputError(f"--teacher_{next(iter(chosen))} needs a --teacher, a trained run")
    return None if source is None else Teacher(source, clips_at_rate, **chosen)


def _read_logits(path: Path, key: str) -> dict[str, npt.NDArray[np.float32]] | None:
    """Read what is stored, by clip; None if it is damaged, of another teacher or other clips."""
    try:
        with np.load(path) as file:
            if str(file["key"]) != key:
                return None
            return dict(zip(file["names"].tolist(), file["logits"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _compute_digest(run: TrainedRun) -> str:
    """Return a short text that changes with the model: its weights or its hyperparameter file."""
    content = (run.weights.read_bytes(), (run.folder / "hyperparams.yaml").read_bytes())
    return hashlib.sha256(b"".join(content)).hexdigest()[:16]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _quote(label: str | None) -> str:
    return "no further label" if label is None else repr(label)
