"""Features: from a waveform `(batch, sample)` to `log_mel (batch, frame, mel)`."""
