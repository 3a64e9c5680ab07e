"""How much of a spectrogram one embedding has seen.

Source: the recurrence of Araujo, Norris, Sim, "Computing receptive fields of convolutional neural
networks" (Distill, 2019), equation 2. Koutini et al. (arXiv 1909.02859) show that it matters for
audio: a receptive field too wide costs accuracy.
"""

from dataclasses import dataclass

from torch import nn

from aed_plugins.models.base import Encoder, Features, FrontEnd


@dataclass(frozen=True)
class ReceptiveField:
    """What one unit of an encoder's last maps depends on, away from the edges.

    Attributes
    ----------
    frames : int
        Width along time.
    seconds : float
        The same in seconds: from the start of the first frame's window to the end of the last's.
    mel_bands : int
        Height; beyond the number of bands, the unit sees them all.
    """

    frames: int
    seconds: float
    mel_bands: int


def compute_receptive_field(
    features: Features, front_end: FrontEnd | nn.Identity, encoder: Encoder | nn.Identity
) -> ReceptiveField:
    """Compute the receptive field of a front-end followed by an encoder.

    Parameters
    ----------
    features : Features
        Where the frames come from.
    front_end : FrontEnd or nn.Identity
        Its `kernels` are read.
    encoder : Encoder or nn.Identity
        Its `kernels` are read.

    Examples
    --------
    A 3x3 convolution of dilation 4 sees 9 frames, the 0.046 s window adds to 8 hops of 0.023 s:

    >>> from aed_plugins.models import LogMel
    >>> from aed_plugins.models import DilatedFrontEnd
    >>> compute_receptive_field(LogMel(), DilatedFrontEnd(), nn.Identity())
    ReceptiveField(frames=9, seconds=0.23, mel_bands=9)
    """
    components = [
        component for component in (front_end, encoder) if not isinstance(component, nn.Identity)
    ]
    width, stride = 1, 1
    for kernel in (kernel for component in components for kernel in component.kernels):
        width += (kernel.size - 1) * kernel.dilation * stride
        stride *= kernel.stride
    window = features.window_samples / features.sample_rate
    seconds = (width - 1) * features.hop_length + window
    return ReceptiveField(frames=width, seconds=round(seconds, 9), mel_bands=width)
