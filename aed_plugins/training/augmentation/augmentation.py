"""All that a training does to a batch of clips before the tagger gets it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from speechbrain.augment.augmenter import Augmenter
from torch import Tensor

from aed_plugins.training.augmentation.mixing import Mixing, Mixture


@dataclass(frozen=True)
class SpectrumChange:
    """Masks and mixes log-mel frames: what `AudioTagger.embed` takes as `change`.

    Attributes
    ----------
    augmenter : Augmenter or None
        Goes first.
    mixture : Mixture or None
        Comes last.
    """

    augmenter: Augmenter | None
    mixture: Mixture | None

    def __call__(self, log_mel: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Change `(batch, frame, mel)`; lengths `(batch,)` are fractions of the frames."""
        if self.augmenter is not None:
            full = torch.ones(len(log_mel), device=log_mel.device)
            log_mel, _ = self.augmenter(log_mel, full if lengths is None else lengths)
        if self.mixture is not None:
            log_mel = self.mixture(log_mel)
            lengths = None if lengths is None else self.mixture.lengths(lengths)
        return log_mel, lengths


class Augmentation:
    """Changes a training batch: waveforms, then log-mel frames, then mixing, and the targets.

    Parameters
    ----------
    waveform : Augmenter, optional
        SpeechBrain's, over changes of waveforms.
    features : Augmenter, optional
        SpeechBrain's, over changes of normalized log-mel frames.
    mixing : Mixing, optional
        `Mixup` or `BetweenClassMixing`.
    label_smoothing : float
        See `Task.soft_targets`.

    Raises
    ------
    ValueError
        If `label_smoothing` is not from 0 to 1, or the augmenter of the features makes more clips
        of a batch, which are mixed already then.

    Examples
    --------
    >>> from aed_plugins.training import Mixup
    >>> from aed_plugins.training import SingleLabel
    >>> augmentation = Augmentation(mixing=Mixup(alpha=0.3))
    >>> soft_targets = SingleLabel(["dog_bark", "siren"]).soft_targets
    >>> waveform, lengths, targets, change = augmentation(
    ...     torch.ones(4, 800), torch.ones(4), torch.tensor([0, 1, 1, 0]), soft_targets
    ... )
    >>> targets.shape, targets.sum(dim=1)
    (torch.Size([4, 2]), tensor([1., 1., 1., 1.]))
    """

    def __init__(
        self,
        waveform: Augmenter | None = None,
        features: Augmenter | None = None,
        mixing: Mixing | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"label_smoothing must be from 0 to 1, got {label_smoothing}")
        if features is not None and (features.concat_original or features.parallel_augment):
            raise ValueError("the augmenter of the features must keep the number of clips")
        self.waveform = waveform
        self.features = features
        self.mixing = mixing
        self.label_smoothing = label_smoothing

    @property
    def changes_sound(self) -> bool:
        """Whether anything but the labels is changed."""
        return any(part is not None for part in (self.waveform, self.features, self.mixing))

    def __call__(
        self,
        waveform: Tensor,
        lengths: Tensor,
        targets: Tensor,
        soft_targets: Callable[[Tensor, float], Tensor],
    ) -> tuple[Tensor, Tensor, Tensor, SpectrumChange | None]:
        """Change a batch.

        Parameters
        ----------
        waveform : Tensor
            `(batch, sample)`, zeros behind each clip's end.
        lengths : Tensor
            `(batch,)`, fractions of the samples.
        targets : Tensor
            The task's, `(batch,)` or `(batch, class)`.
        soft_targets : callable
            The task's `soft_targets`.

        Returns
        -------
        tuple
            Waveform, lengths and targets as they came in, but changed, and what is left to be done
            to the log-mel frames, if anything. An augmenter may have made more clips of the batch.
        """
        mixture = None
        if self.waveform is not None:
            waveform, lengths = self.waveform(waveform, lengths)
            if len(waveform) != len(targets):
                targets = self.waveform.replicate_labels(targets)
        if self.mixing is not None or self.label_smoothing > 0:
            targets = soft_targets(targets, self.label_smoothing)
        if self.mixing is not None:
            mixture = self.mixing.draw(waveform, lengths)
            targets = mixture.targets(targets)
            if self.mixing.on == "waveform":
                waveform, lengths, mixture = mixture(waveform), mixture.lengths(lengths), None
        if self.features is None and mixture is None:
            return waveform, lengths, targets, None
        return waveform, lengths, targets, SpectrumChange(self.features, mixture)
