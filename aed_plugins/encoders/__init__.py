"""Encoders: from maps `(batch, channel, frame, mel)` to embeddings `(batch, step, embedding)`."""

from aed_plugins.encoders.mfcc_statistics import MFCCStatistics
from aed_plugins.encoders.mobilenet import MobileNet
from aed_plugins.encoders.resnet import ResNet
from aed_plugins.encoders.vgg import VGG
from aed_plugins.encoders.vggish import VGGish

__all__ = ["VGG", "MFCCStatistics", "MobileNet", "ResNet", "VGGish"]
