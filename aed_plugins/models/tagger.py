"""The only forward of the project: from a waveform to logits."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from aed_plugins.core import Steps, one_line
from aed_plugins.models.base import Encoder, Features, Head, TaggerOutput, run_front_end
from aed_plugins.models.lengths import absolute_lengths, check_batch, repeat_short, valid_mask

# Changes log-mel frames (batch, frame, mel) and their lengths, as SpeechBrain's Augmenter does.
SpectrumChange = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]

# What components raise that cannot be built so, do not fit one another, or are none.
MISFITS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


def compute_probabilities(logits: Tensor, multi_label: bool) -> Tensor:
    """Compute probabilities from logits along the last axis, the classes.

    Parameters
    ----------
    logits : Tensor
        `(..., class)`, of a clip or of its steps.
    multi_label : bool
        Whether several labels may hold at once (sigmoid) or exactly one does (softmax).

    Examples
    --------
    >>> compute_probabilities(torch.zeros(2), multi_label=True)
    tensor([0.5000, 0.5000])
    >>> compute_probabilities(torch.zeros(4), multi_label=False)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return logits.sigmoid() if multi_label else logits.softmax(dim=-1)


class AudioTagger(nn.Module):
    """Runs features, front-end, encoder and head in order, in training as in inference.

    Parameters
    ----------
    features : Features
        Waveform to `log_mel (batch, frame, mel)`.
    normalization : nn.Module
        Statistics of the training set; `nn.Identity` where the features' values are fixed.
    front_end : nn.Module
        `(batch, 1, frame, mel)` to `(batch, channel, frame, mel)`; `nn.Identity` for none.
    encoder : Encoder
        Maps to `embeddings (batch, step, embedding)`.
    head : Head
        Embeddings to `step_logits` and `clip_logits`.
    repeat_to : float
        Seconds: a shorter clip is repeated until it fills them and classified so; its steps are
        those of the clip alone. For an encoder that was trained on long clips only. 0 for never.

    Examples
    --------
    >>> from aed_plugins.models import ResNet
    >>> from aed_plugins.models import LogMel
    >>> from aed_plugins.models import DNNHead
    >>> tagger = AudioTagger(
    ...     LogMel(), nn.Identity(), nn.Identity(), ResNet(width=0.25), DNNHead(128, 10)
    ... )
    >>> output = tagger(torch.zeros(2, 160000))
    >>> output.step_logits.shape, output.clip_logits.shape
    (torch.Size([2, 14, 10]), torch.Size([2, 10]))
    >>> tagger.step_length, tagger.step_centers(3)
    (0.736, tensor([0.0000, 0.7360, 1.4720]))
    """

    def __init__(
        self,
        features: Features,
        normalization: nn.Module,
        front_end: nn.Module,
        encoder: Encoder,
        head: Head,
        repeat_to: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= repeat_to < float("inf"):
            raise ValueError(f"repeat_to must be 0 s or more, got {repeat_to}")
        self.features = features
        self.normalization = normalization
        self.front_end = front_end
        self.encoder = encoder
        self.head = head
        self.repeat_to = repeat_to

    @property
    def step_length(self) -> float:
        """Seconds from one step to the next."""
        return self.features.hop_length * self.encoder.time_stride

    @property
    def embedding_size(self) -> int:
        """Size of an embedding."""
        return self.encoder.embedding_size

    @property
    def steps(self) -> Steps:
        """Where the steps lie, in samples."""
        rate, hop = self.features.sample_rate, self.features.hop_samples
        # Frames that are not centered look ahead of the samples that are their own.
        ahead = round(2 * self.features.first_center * rate) - hop
        return Steps(
            sample_rate=rate,
            length=hop * self.encoder.time_stride,
            first_center=round(float(self.step_centers(1)) * rate),
            context=max(0, ahead),
            repeat_to=round(self.repeat_to * rate),
        )

    def step_centers(self, steps: int) -> Tensor:
        """Compute where the middle of each step is.

        Parameters
        ----------
        steps : int
            Number of steps.

        Returns
        -------
        Tensor
            `(step,)`, seconds from the start of the waveform.
        """
        frames = self.encoder.first_center + self.encoder.time_stride * torch.arange(steps)
        return self.features.first_center + frames * self.features.hop_length

    def frame_lengths(self, lengths: Tensor, samples: int) -> Tensor:
        """Convert fractions of the samples to fractions of the frames.

        Parameters
        ----------
        lengths : Tensor
            `(batch,)`, fractions of `samples`.
        samples : int
            Samples of the padded batch.

        Returns
        -------
        Tensor
            `(batch,)`, fractions of the frames of the padded batch.
        """
        frames = self.features.frame_count(absolute_lengths(lengths, samples))
        return frames / self.features.frame_count(samples)

    def step_lengths(self, frame_lengths: Tensor, frames: int) -> Tensor:
        """Convert fractions of the frames to fractions of the steps.

        Parameters
        ----------
        frame_lengths : Tensor
            `(batch,)`, fractions of `frames`.
        frames : int
            Frames of the padded batch.

        Returns
        -------
        Tensor
            `(batch,)`, fractions of the steps of the padded batch.
        """
        steps = self.encoder.step_count(absolute_lengths(frame_lengths, frames))
        return steps / self.encoder.step_count(frames)

    def embed(
        self,
        waveform: Tensor,
        lengths: Tensor | None = None,
        change: SpectrumChange | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Run all but the head.

        Parameters
        ----------
        waveform : Tensor
            `(batch, sample)`, float, in [-1, 1], mono, at the features' sample rate, zeros behind
            each clip's end.
        lengths : Tensor, optional
            `(batch,)`, fractions of the samples; `None` where every clip fills the batch.
        change : callable, optional
            In training: masks or mixes the normalized log-mel frames, zeros behind each clip's
            end, before the front-end sees them. It keeps the number of frames.

        Returns
        -------
        tuple of Tensor and (Tensor or None)
            `embeddings (batch, step, embedding)` and their lengths `(batch,)`, fractions of the
            steps; of a repeated clip all its steps.

        Raises
        ------
        ValueError
            If a shape is another, the batch is empty, or the numbers are no floats.
        """
        check_batch(waveform, "waveform (batch, sample)", lengths)
        if self.repeat_to:
            shortest = round(self.repeat_to * self.features.sample_rate)
            waveform, lengths = repeat_short(waveform, lengths, shortest)
        log_mel = self.normalization(self.features(waveform, lengths))
        frame_lengths, step_lengths = None, None
        if lengths is not None:
            frame_lengths = self.frame_lengths(lengths, waveform.shape[1])
            padding = ~valid_mask(frame_lengths, log_mel.shape[1])
            log_mel = log_mel.masked_fill(padding.unsqueeze(2), 0.0)
        if change is not None:
            log_mel, frame_lengths = change(log_mel, frame_lengths)
        if frame_lengths is not None:
            step_lengths = self.step_lengths(frame_lengths, log_mel.shape[1])
        maps = run_front_end(self.front_end, log_mel, frame_lengths)
        return self.encoder(maps, frame_lengths), step_lengths

    def forward(
        self,
        waveform: Tensor,
        lengths: Tensor | None = None,
        change: SpectrumChange | None = None,
    ) -> TaggerOutput:
        """Tag a batch of waveforms.

        Parameters
        ----------
        waveform, lengths, change
            As for `embed`.

        Returns
        -------
        TaggerOutput
            `embeddings (batch, step, embedding)`, `step_logits (batch, step, class)` and
            `clip_logits (batch, class)`. No sigmoid or softmax has been applied.
        """
        embeddings, step_lengths = self.embed(waveform, lengths, change)
        step_logits, clip_logits = self.head(embeddings, step_lengths)
        if self.repeat_to:
            steps = self.encoder.step_count(self.features.frame_count(waveform.shape[1]))
            embeddings, step_logits = embeddings[:, :steps], step_logits[:, :steps]
        return TaggerOutput(embeddings, step_logits, clip_logits)


def check_tagger(tagger: AudioTagger, sample_rate: int, num_classes: int | None = None) -> None:
    """Check on a second of silence that a tagger's components fit one another and its data.

    Parameters
    ----------
    tagger : AudioTagger
        On the CPU; training or not, it stays as it is.
    sample_rate : int
        Of the audio, in hertz.
    num_classes : int, optional
        How many labels there are.

    Raises
    ------
    ValueError
        If they do not, or the tagger's weights give no finite number.

    Examples
    --------
    >>> from aed_plugins.models import ResNet
    >>> from aed_plugins.models import LogMel
    >>> from aed_plugins.models import DNNHead
    >>> tagger = AudioTagger(
    ...     LogMel(), nn.Identity(), nn.Identity(), ResNet(width=0.25), DNNHead(128, 10)
    ... )
    >>> check_tagger(tagger, 8000)
    Traceback (most recent call last):
    ValueError: the features are for 16000 Hz, but sample_rate is 8000
    """
    was_training = tagger.training
    tagger.eval()
    try:
        expected = tagger.features.sample_rate
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the normalization may be fitted later
            logits = tagger(torch.zeros(1, expected)).clip_logits
    except MISFITS as error:
        raise ValueError(f"the components do not fit one another: {one_line(error)}") from error
    finally:
        tagger.train(was_training)
    if expected != sample_rate:
        raise ValueError(f"the features are for {expected} Hz, but sample_rate is {sample_rate}")
    if num_classes is not None and logits.shape != (1, num_classes):
        raise ValueError(f"{num_classes} labels, but the model has {logits.shape[-1]} classes")
    if not logits.isfinite().all():
        raise ValueError("the weights are damaged: silence gives no number")
