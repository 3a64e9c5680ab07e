"""Features: from a waveform `(batch, sample)` to `log_mel (batch, frame, mel)`."""

from aed_plugins.features.log_mel import LogMel
from aed_plugins.features.standardization import Standardization

__all__ = ["LogMel", "Standardization"]
