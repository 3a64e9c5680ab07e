"""EfficientAT's file layout, filled with random weights."""

from functools import partial

import torch
from torch import nn
from torch.optim.swa_utils import update_bn
from torchvision.models import mobilenetv3
from torchvision.ops.misc import SqueezeExcitation

from aed_plugins.models import (
    AudioTagger,
    EfficientATLogMel,
    MobileNet,
    PooledDNNHead,
)

HIDDEN = {0.1: 128, 0.2: 256, 0.4: 512, 0.5: 640, 1.0: 1280, 2.0: 2560, 3.0: 3840, 4.0: 5120}


def random_torchvision(width, classes=527):
    """EfficientAT's network, made of torchvision's parts: maps are (batch, 1, mel, frame)."""
    torch.manual_seed(round(10 * width))
    settings, last = mobilenetv3._mobilenet_v3_conf("mobilenet_v3_large", width_mult=width)
    squeeze = partial(SqueezeExcitation, scale_activation=nn.Sigmoid)
    block = partial(mobilenetv3.InvertedResidual, se_layer=squeeze)
    model = mobilenetv3.MobileNetV3(settings, last, classes, block=block)
    stem = model.features[0][0]
    model.features[0][0] = nn.Conv2d(1, stem.out_channels, 3, stride=2, padding=1, bias=False)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.2)
        elif isinstance(module, SqueezeExcitation):  # so that every channel has its own weight
            nn.init.normal_(module.fc1.weight, 0.0, 0.5)
            nn.init.normal_(module.fc2.weight, 0.0, 0.5)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.1)
            nn.init.normal_(module.bias, 0.0, 0.1)
    # Where batch norm's statistics do not suit the weights, the input is lost on the way.
    update_bn([torch.randn(4, 1, 128, 96)], model)
    return model.eval()


def published(model):
    """Its state dict as EfficientAT would have published it."""
    names = {".fc": ".conc_se_layers.0.fc", "classifier.3": "classifier.5"}
    names["classifier.0"] = "classifier.2"
    state = {}
    for name, tensor in model.state_dict().items():
        found = next((part for part in names if part in name), None)
        new_name = name if found is None else name.replace(found, names[found])
        state[new_name] = tensor[:, :, 0, 0] if ".fc" in name and tensor.ndim == 4 else tensor
    return state


def tagger_with(path, width, classes=527):
    encoder = MobileNet(width=width, pretrained=path)
    head = PooledDNNHead(encoder.embedding_size, classes, hidden=HIDDEN[width], pretrained=path)
    return AudioTagger(EfficientATLogMel(), nn.Identity(), nn.Identity(), encoder, head).eval()
