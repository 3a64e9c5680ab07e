"""What makes training clips differ from epoch to epoch: changes and mixtures of them."""

from aed_plugins.augmentation.augmentation import Augmentation, SpectrumChange
from aed_plugins.augmentation.mixing import BetweenClassMixing, Mixing, Mixture, Mixup
from aed_plugins.augmentation.waveform import Gain, RandomCrop, TimeShift

__all__ = [
    "Augmentation",
    "BetweenClassMixing",
    "Gain",
    "Mixing",
    "Mixture",
    "Mixup",
    "RandomCrop",
    "SpectrumChange",
    "TimeShift",
]
