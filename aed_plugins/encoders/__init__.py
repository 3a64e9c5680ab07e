"""Encoders: from maps `(batch, channel, frame, mel)` to embeddings `(batch, step, embedding)`."""

from aed_plugins.encoders.resnet import ResNet

__all__ = ["ResNet"]
