"""Heads: from embeddings `(batch, step, embedding)` to logits per step and per clip."""

from aed_plugins.heads.dnn import DNNHead
from aed_plugins.heads.forest import ForestHead
from aed_plugins.heads.pooled_dnn import PooledDNNHead
from aed_plugins.heads.rnn import RNNHead

__all__ = ["DNNHead", "ForestHead", "PooledDNNHead", "RNNHead"]
