"""Logits and probabilities of the clips of a manifest."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from aed_plugins.core import FloatArray
from aed_plugins.data import Manifest, collate, make_waveform_dataset
from aed_plugins.models import AudioTagger, name_out_of_memory
from aed_plugins.training.tasks.task import Task


def predict_logits(
    tagger: AudioTagger,
    manifest: Manifest,
    device: str = "cpu",
    *,
    progress: bool = True,
    **loader: Any,
) -> tuple[list[str], FloatArray]:
    """Compute a model's logits of clips.

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
        for batch in DataLoader(make_waveform_dataset(manifest), collate_fn=collate, **loader):
            waveform, lengths = batch.waveform
            with name_out_of_memory(device, len(batch.id)):
                logits = tagger(waveform.to(device), lengths.to(device)).clip_logits
            parts.append(logits.cpu().double().numpy())
            names += batch.id
            bar.update(len(batch.id))
    return names, np.concatenate(parts)


def predict_probabilities(
    tagger: AudioTagger, task: Task, manifest: Manifest, device: str = "cpu", **how: Any
) -> tuple[list[str], FloatArray]:
    """Compute a model's probabilities of clips.

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
        For `predict_logits`.

    Returns
    -------
    tuple of list of str and ndarray
        The clips' names and their probabilities `(clip, class)`, of the model's classes.
    """
    names, logits = predict_logits(tagger, manifest, device, **how)
    return names, task.probabilities(torch.from_numpy(logits)).numpy()
