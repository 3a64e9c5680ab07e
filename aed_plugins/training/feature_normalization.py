"""Statistics of the training clips' features, by which a model normalizes them."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from aed_plugins.data import collate
from aed_plugins.models import AudioTagger, FeatureNormalization, name_out_of_memory


@torch.no_grad()
def fit_normalization(
    tagger: AudioTagger,
    train_set: Dataset,
    device: str | torch.device = "cpu",
    *,
    progress: bool = True,
    **loader: Any,
) -> None:
    """Set a model's feature statistics, if it has any, from the training clips.

    Parameters
    ----------
    tagger : AudioTagger
        The model; nothing is done unless its normalization is a `FeatureNormalization`.
    train_set : Dataset
        The training clips.
    device : str or torch.device
        Where to compute.
    progress : bool
        Whether to show a progress bar.
    **loader
        For the `DataLoader`.
    """
    if not isinstance(tagger.normalization, FeatureNormalization):
        return
    batches = DataLoader(train_set, collate_fn=collate, **loader)
    bar = tqdm(batches, "feature statistics", disable=not progress, dynamic_ncols=True)

    def features() -> Iterator[tuple[Tensor, Tensor]]:
        for batch in bar:
            with name_out_of_memory(device, len(batch.id)):
                waveform, lengths = batch.to(device).waveform
                log_mel = tagger.features(waveform, lengths)
            yield log_mel, tagger.frame_lengths(lengths, waveform.shape[1])

    tagger.normalization.fit(features())
