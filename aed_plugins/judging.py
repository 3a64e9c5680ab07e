"""A trained model judged on another dataset, through a mapping of labels."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from aed_plugins.errors import InputError
from aed_plugins.initial_model import TrainedRun
from aed_plugins.label_mapping import Pair
from aed_plugins.manifest import Manifest, waveforms
from aed_plugins.multi_label_metrics import decisions, figures
from aed_plugins.tagger import AudioTagger
from aed_plugins.tasks import Task
from aed_plugins.training import collate

HALF = 0.5  # parts 0 and 1
RATES = ("precision", "recall", "f1")


def clip_logits(
    tagger: AudioTagger,
    manifest: Manifest,
    device: str = "cpu",
    *,
    progress: bool = True,
    **loader: Any,
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Let a model tag clips.

    Parameters
    ----------
    tagger : AudioTagger
        In evaluation mode.
    manifest : Manifest
        The clips.
    device : str
        Where to compute.
    progress : bool
        Whether to show a progress bar.
    **loader
        For the `DataLoader`.

    Returns
    -------
    tuple of list of str and ndarray
        The clips' names and their logits `(clip, class)`, of the model's classes.
    """
    tagger = tagger.to(device)
    names: list[str] = []
    parts = []
    with (
        torch.inference_mode(),
        tqdm(total=len(manifest), desc="tagging", unit="clip", disable=not progress) as bar,
    ):
        for batch in DataLoader(waveforms(manifest), collate_fn=collate, **loader):
            waveform, lengths = batch.waveform
            logits = tagger(waveform.to(device), lengths.to(device)).clip_logits
            parts.append(logits.cpu().double().numpy())
            names += batch.id
            bar.update(len(batch.id))
    return names, np.concatenate(parts)


def predict(
    tagger: AudioTagger, task: Task, manifest: Manifest, device: str = "cpu", **how: Any
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Let a model tag clips.

    Parameters
    ----------
    tagger : AudioTagger
        In evaluation mode.
    task : Task
        Turns logits into probabilities.
    manifest : Manifest
        The clips.
    device : str
        Where to compute.
    **how
        For `clip_logits`.

    Returns
    -------
    tuple of list of str and ndarray
        The clips' names and their probabilities `(clip, class)`, of the model's classes.
    """
    names, logits = clip_logits(tagger, manifest, device, **how)
    return names, task.probabilities(torch.from_numpy(logits)).numpy()


def judge(
    run: TrainedRun,
    names: Sequence[str],
    probabilities: npt.ArrayLike,
    manifest: Manifest,
    shared: Sequence[Pair],
) -> tuple[dict[str, Any], list[list[Any]]]:
    """Compare what a model said of clips with their labels.

    Several labels per clip: one is said when its probability reaches the model's own threshold. One
    label per clip: one is said when it is the most probable of all that the model knows.

    Parameters
    ----------
    run : TrainedRun
        The model.
    names : sequence of str
        The clips.
    probabilities : array_like
        `(clip, class)`, of the model's classes.
    manifest : Manifest
        The clips' labels.
    shared : sequence of Pair
        The labels that count.

    Returns
    -------
    tuple of dict and list of list
        Figures as of `multi_label_metrics.figures`, whose classes also have the dataset's `called`
        and `chance` (the AP of a guess); and header and rows of a table of the clips.

    Raises
    ------
    InputError
        If no clip has one of the labels.
    """
    given = np.asarray(probabilities)
    places = [run.labels.index(pair.model) for pair in shared]
    targets = np.array([[pair.data in manifest[n]["labels"] for pair in shared] for n in names])
    _check_positives(targets, shared)
    if run.multi_label:
        thresholds: list[float | None] = run.thresholds.values[places].tolist()
        said = decisions(given, run.thresholds.values)[:, places]
    else:
        thresholds = [None] * len(places)
        said = (given.argmax(axis=1)[:, None] == np.arange(given.shape[1]))[:, places]
    found = _figures(targets, given[:, places], said, [pair.model for pair in shared])
    for row, pair, threshold in zip(found["per_class"], shared, thresholds, strict=True):
        row |= {"threshold": threshold, "called": pair.data}
        row["chance"] = row["support"] / len(names)
    labels = np.array([pair.model for pair in shared])
    rows = [["clip", "labels", "predicted", *labels.tolist()]]
    for name, target, marks, shares in zip(names, targets, said, given[:, places], strict=True):
        named = [";".join(labels[chosen]) for chosen in (target, marks)]
        rows.append([name, *named, *(f"{share:.6f}" for share in shares)])
    return found, rows


def _check_positives(targets: npt.NDArray[np.bool_], shared: Sequence[Pair]) -> None:
    lacking = [
        pair.data for pair, column in zip(shared, targets.T, strict=True) if not column.any()
    ]
    if lacking:
        rest = [pair.data for pair in shared if pair.data not in lacking]
        without = f", or without: --classes={shlex.quote(json.dumps(rest))}" if rest else ""
        raise InputError(
            f"none of the {len(targets)} clips has {', '.join(map(repr, lacking))}; judge on other"
            f" clips{without}"
        )


def _figures(
    targets: npt.NDArray[np.bool_],
    probabilities: npt.NDArray[Any],
    said: npt.NDArray[np.bool_],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Give figures of the ranking from probabilities, the others from what is said."""
    halves = np.full(len(labels), HALF)
    ranked = figures(targets, probabilities, halves, labels)
    decided = figures(targets, said.astype(float), halves, labels)
    for average in ("micro", "macro"):
        for rate in RATES:
            name = f"{average}_{rate}"
            ranked[name], ranked["intervals"][name] = decided[name], decided["intervals"][name]
    for row, other in zip(ranked["per_class"], decided["per_class"], strict=True):
        row |= {name: other[name] for name in (*RATES, "share_predicted")}
    if len(labels) == 1:  # the only label is always the first
        ranked["lwlrap"] = ranked["intervals"]["lwlrap"] = None
    return ranked
