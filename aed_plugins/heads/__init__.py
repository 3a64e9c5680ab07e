"""Heads: from embeddings `(batch, step, embedding)` to logits per step and per clip."""

from aed_plugins.heads.dnn import DNNHead

__all__ = ["DNNHead"]
