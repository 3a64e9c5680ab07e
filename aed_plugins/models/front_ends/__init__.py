"""Front-ends: from `log_mel (batch, frame, mel)` to maps `(batch, channel, frame, mel)`."""
