import pytest
import torch
from torch import nn

from aed_plugins.models import DNNHead


def test_an_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="mean, max, attention, linear_softmax, got 'median'"):
        DNNHead(8, 2, pooling="median")


def test_attention_that_is_uniform_is_the_mean():
    head = DNNHead(8, 3, pooling="attention")
    nn.init.zeros_(head.pooling.attention.weight)
    embeddings, lengths = torch.rand(2, 6, 8), torch.tensor([1.0, 0.5])
    step_logits, clip_logits = head(embeddings, lengths)
    torch.testing.assert_close(clip_logits[0], step_logits[0].mean(0))
    torch.testing.assert_close(clip_logits[1], step_logits[1, :3].mean(0))


def test_linear_softmax_of_one_label_is_the_log_of_its_weighted_probability():
    head = DNNHead(4, 3, pooling="linear_softmax")
    step_logits, clip_logits = head(torch.rand(1, 5, 4))
    steps = step_logits.softmax(-1)
    expected = (steps.square().sum(1) / steps.sum(1)).log()
    torch.testing.assert_close(clip_logits, expected)
