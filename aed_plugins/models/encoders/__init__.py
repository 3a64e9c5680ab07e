"""Encoders: from maps `(batch, channel, frame, mel)` to embeddings `(batch, step, embedding)`."""
