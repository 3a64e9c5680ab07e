"""Features: from a waveform `(batch, sample)` to `log_mel (batch, frame, mel)`."""

from aed_plugins.features.efficientat import EfficientATLogMel
from aed_plugins.features.log_mel import LogMel
from aed_plugins.features.standardization import Standardization
from aed_plugins.features.vggish import VGGishLogMel

__all__ = ["EfficientATLogMel", "LogMel", "Standardization", "VGGishLogMel"]
