"""Evaluation of a trained model on another dataset, through a mapping of labels."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aed_plugins.core import BoolArray, InputError
from aed_plugins.data import Manifest
from aed_plugins.labels import LabelPair
from aed_plugins.metrics import apply_thresholds, compute_metrics
from aed_plugins.pretrained import TrainedRun

HALF = 0.5  # parts 0 and 1
RATES = ("precision", "recall", "f1")


def evaluate(
    run: TrainedRun,
    names: Sequence[str],
    probabilities: npt.ArrayLike,
    manifest: Manifest,
    shared: Sequence[LabelPair],
) -> tuple[dict[str, Any], list[list[Any]]]:
    """Compare a model's predictions for clips with their labels.

    Several labels per clip: a label is predicted when its probability reaches the model's own
    threshold. One label per clip: the most probable of all that the model knows is predicted.

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
    shared : sequence of LabelPair
        The labels that are evaluated.

    Returns
    -------
    tuple of dict and list of list
        Metrics as of `compute_metrics`, whose classes also have the `dataset_label` and `chance`
        (the AP of a guess); and header and rows of a table of the clips.

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
        predicted = apply_thresholds(given, run.thresholds.values)[:, places]
    else:
        thresholds = [None] * len(places)
        predicted = (given.argmax(axis=1)[:, None] == np.arange(given.shape[1]))[:, places]
    found = _compute_metrics(targets, given[:, places], predicted, [pair.model for pair in shared])
    for row, pair, threshold in zip(found["per_class"], shared, thresholds, strict=True):
        row |= {"threshold": threshold, "dataset_label": pair.data}
        row["chance"] = row["support"] / len(names)
    labels = np.array([pair.model for pair in shared])
    rows = [["clip", "labels", "predicted", *labels.tolist()]]
    for name, *chosen, scores in zip(names, targets, predicted, given[:, places], strict=True):
        named = [";".join(labels[marks]) for marks in chosen]
        rows.append([name, *named, *(f"{score:.6f}" for score in scores)])
    return found, rows


def _check_positives(targets: BoolArray, shared: Sequence[LabelPair]) -> None:
    lacking = [
        pair.data for pair, column in zip(shared, targets.T, strict=True) if not column.any()
    ]
    if lacking:
        rest = [pair.data for pair in shared if pair.data not in lacking]
        without = f", or without: --classes={shlex.quote(json.dumps(rest))}" if rest else ""
        raise InputError(
            f"none of the {len(targets)} clips has {', '.join(map(repr, lacking))}; evaluate on"
            f" other clips{without}"
        )


def _compute_metrics(
    targets: BoolArray,
    probabilities: npt.NDArray[Any],
    predicted: BoolArray,
    labels: Sequence[str],
) -> dict[str, Any]:
    """Compute ranking metrics from the probabilities, the others from the predicted labels."""
    halves = np.full(len(labels), HALF)
    ranked = compute_metrics(targets, probabilities, halves, labels)
    decided = compute_metrics(targets, predicted.astype(float), halves, labels)
    for average in ("micro", "macro"):
        for rate in RATES:
            name = f"{average}_{rate}"
            ranked[name], ranked["intervals"][name] = decided[name], decided["intervals"][name]
    for row, other in zip(ranked["per_class"], decided["per_class"], strict=True):
        row |= {name: other[name] for name in (*RATES, "predicted_fraction")}
    if len(labels) == 1:  # the only label is always the first
        ranked["lwlrap"] = ranked["intervals"]["lwlrap"] = None
    return ranked
