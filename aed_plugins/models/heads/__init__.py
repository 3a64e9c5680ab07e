"""Heads: from embeddings `(batch, step, embedding)` to logits per step and per clip."""
