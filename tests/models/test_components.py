"""The contract of every front-end, encoder and head; a new one is a line in one of the lists."""

import pytest
import torch
from torch import nn

from aed_plugins.models import (
    VGG,
    AudioTagger,
    DilatedFrontEnd,
    DNNHead,
    FeatureNormalization,
    LogMel,
    MFCCStatistics,
    MobileNet,
    PooledDNNHead,
    ResNet,
    RNNHead,
    VGGish,
    compute_receptive_field,
)

FRONT_ENDS = {
    "none": nn.Identity,
    "dilated": DilatedFrontEnd,
    "dilated sum": lambda: DilatedFrontEnd(combine="sum", dilations=[1, 2, 5]),
    "plain": lambda: DilatedFrontEnd(dilations=[1, 1, 1, 1]),
}
ENCODERS = {
    "resnet18": lambda channels: ResNet(channels, width=0.125),
    "resnet18 fine": lambda channels: ResNet(channels, width=0.125, stem_stride=1),
    "resnet34": lambda channels: ResNet(channels, depth=34, width=0.125),
    "resnet50": lambda channels: ResNet(channels, depth=50, width=0.125),
    "vggish": lambda channels: VGGish(channels, width=1 / 32),
    "vggish relu, last patch dropped": lambda channels: VGGish(
        channels, width=1 / 32, activation="relu", last_patch="drop"
    ),
    "vgg": lambda channels: VGG(channels, width=1 / 32),
    "mobilenet": lambda channels: MobileNet(channels, width=0.1),
}
HEADS = {
    "dnn mean": lambda size: DNNHead(size, 5),
    "dnn max": lambda size: DNNHead(size, 5, hidden=[8], pooling="max"),
    "dnn attention": lambda size: DNNHead(size, 5, hidden=[8, 6], pooling="attention"),
    "dnn linear softmax": lambda size: DNNHead(size, 5, pooling="linear_softmax"),
    "dnn linear softmax, several labels": lambda size: DNNHead(
        size, 5, pooling="linear_softmax", multi_label=True
    ),
    "pooled dnn": lambda size: PooledDNNHead(size, 5, hidden=16),
    "gru": lambda size: RNNHead(size, 5, hidden_size=6),
    "lstm attention": lambda size: RNNHead(size, 5, "lstm", 6, 2, pooling="attention"),
    "gru one direction": lambda size: RNNHead(size, 5, hidden_size=6, bidirectional=False),
}
SAMPLES = (80000, 800, 43457)  # two patches of VGGish and more, less than a frame, between


def make_tagger(front_end="dilated", encoder="resnet18", head="dnn mean", repeat_to=0.0):
    torch.manual_seed(0)
    front = FRONT_ENDS[front_end]()
    encoder = ENCODERS[encoder](1 if isinstance(front, nn.Identity) else front.out_channels)
    head = HEADS[head](encoder.embedding_size)
    tagger = AudioTagger(LogMel(), FeatureNormalization(64), front, encoder, head, repeat_to)
    tagger.normalization.fit([(tagger.features(0.1 * torch.randn(4, 16000)), None)])
    return tagger


COMBINATIONS = [{"front_end": name} for name in FRONT_ENDS] + [
    {"encoder": encoder, "head": head} for encoder in ENCODERS for head in HEADS
]
COMBINATIONS += [{"encoder": encoder, "repeat_to": 3.0} for encoder in ENCODERS]
ENCODERS["mfcc statistics"] = lambda _: MFCCStatistics(n_mels=64)  # of one channel alone
STATISTICS = {"front_end": "none", "encoder": "mfcc statistics"}
COMBINATIONS += [STATISTICS | {"head": head} for head in HEADS]
COMBINATIONS += [STATISTICS | {"repeat_to": 3.0}]


@pytest.fixture
def batch():
    waveform = torch.zeros(len(SAMPLES), max(SAMPLES))
    generator = torch.Generator().manual_seed(1)
    for clip, samples in enumerate(SAMPLES):
        waveform[clip, :samples] = 0.1 * torch.randn(samples, generator=generator)
    return waveform, torch.tensor(SAMPLES) / max(SAMPLES)


@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_a_padded_batch_gives_what_each_clip_gives_alone(names, batch):
    tagger = make_tagger(**names)
    with torch.no_grad():
        tagger(*batch)  # in training mode: batch norm statistics other than the initial ones
        tagger.eval()
        together = tagger(*batch)
        for clip, samples in enumerate(SAMPLES):
            alone = tagger(batch[0][clip : clip + 1, :samples])
            steps = alone.step_logits.shape[1]
            close = {"atol": 1e-4, "rtol": 1e-4}
            torch.testing.assert_close(together.clip_logits[clip], alone.clip_logits[0], **close)
            torch.testing.assert_close(
                together.step_logits[clip, :steps], alone.step_logits[0], **close
            )
            torch.testing.assert_close(
                together.embeddings[clip, :steps], alone.embeddings[0], **close
            )


def test_a_short_clip_is_classified_as_if_it_went_on(batch):
    tagger = make_tagger(repeat_to=3.0).eval()
    plain = make_tagger().eval()
    clip = batch[0][2:, :20001]
    with torch.no_grad():
        short = tagger(clip)
        long = plain(clip.repeat(1, 3)[:, :48000])
        whole = tagger(batch[0]), plain(batch[0])
    steps = plain(clip).step_logits.shape[1]
    torch.testing.assert_close(short.clip_logits, long.clip_logits)
    torch.testing.assert_close(short.step_logits, long.step_logits[:, :steps])
    torch.testing.assert_close(short.embeddings, long.embeddings[:, :steps])
    torch.testing.assert_close(*whole, atol=0, rtol=0)


def test_a_clip_cannot_be_repeated_for_ever():
    for repeat_to in (-1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="repeat_to must be 0 s or more"):
            make_tagger(repeat_to=repeat_to)


@pytest.mark.parametrize("names", COMBINATIONS, ids=str)
def test_output_is_finite_and_gradients_reach_every_parameter(names, batch):
    tagger = make_tagger(**names)
    output = tagger(*batch)
    frames = 1 + max(SAMPLES) // 368
    steps = int(tagger.encoder.step_count(torch.tensor(frames)))
    assert output.embeddings.shape == (3, steps, tagger.encoder.embedding_size)
    assert output.step_logits.shape == (3, steps, 5)
    assert output.clip_logits.shape == (3, 5)
    assert all(tensor.isfinite().all() for tensor in output)
    output.clip_logits[:, 1].square().sum().backward()
    without = [
        n for n, p in tagger.named_parameters() if p.grad is None or not p.grad.isfinite().all()
    ]
    assert not without
    # Only the probed label's rows of the classifier get a gradient; every other tensor gets some.
    zero = [n for n, p in tagger.named_parameters() if not p.grad.abs().sum() > 0]
    assert not zero


@pytest.mark.parametrize("name", ENCODERS)
def test_time_stride_is_true(name):
    encoder = ENCODERS[name](1).eval()
    stride = encoder.time_stride
    for frames in (1, stride - 1, stride, stride + 1, 5 * stride):
        steps = encoder(torch.zeros(1, 1, frames, 64)).shape[1]
        assert steps == int(encoder.step_count(torch.tensor(frames)))
        assert abs(steps - frames / stride) < 1


def _dependence(function, positions, axis):
    """Positions of the input along an axis on which the middle unit of the output depends."""
    maps = torch.rand(1, 1, *positions, dtype=torch.float64, requires_grad=True)
    out = function(maps)
    middle = out[..., out.shape[2] // 2, out.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle.sum(), maps)
    others = [other for other in range(4) if other != axis]
    seen = gradient.abs().sum(others).nonzero().flatten()
    return int(seen[0]), int(seen[-1])


@pytest.mark.parametrize(
    ("front_end", "encoder", "frames"),
    [
        ("none", "resnet18", 435),
        ("dilated", "resnet18", 443),
        ("dilated sum", "resnet18 fine", 231),
        ("plain", "resnet34", 901),
        ("dilated", "resnet50", 435),
    ],
)
def test_receptive_field_is_what_gradients_see(front_end, encoder, frames):
    torch.manual_seed(0)
    front = FRONT_ENDS[front_end]()
    body = ENCODERS[encoder](1 if isinstance(front, nn.Identity) else front.out_channels)
    for module in [*front.modules(), *body.modules()]:
        if isinstance(module, nn.Conv2d):  # positive everywhere: no ReLU hides a path
            nn.init.uniform_(module.weight, 0.5, 1.0)
            module.weight.data /= module.weight[0].numel()
    body = body.double().eval()
    body.maxpool = nn.AvgPool2d(3, 2, padding=1)  # the maximum has a gradient for one position only
    field = compute_receptive_field(LogMel(), front, body)

    def maps_before_the_mel_mean(maps):
        maps = front.double().eval()(maps)
        maps = body.maxpool(torch.relu(body.bn1(body.conv1(maps))))
        for stage in (body.layer1, body.layer2, body.layer3, body.layer4):
            for block in stage:
                maps = block(maps, lambda masked: masked)
        return maps

    # The middle of an input this long is far from the edges.
    size = 64 * (2 * field.frames // 64 + 2)
    first, last = _dependence(maps_before_the_mel_mean, (size, 64), axis=2)
    assert last - first + 1 == field.frames == frames
    first, last = _dependence(maps_before_the_mel_mean, (64, size), axis=3)
    assert last - first + 1 == field.mel_bands
    assert field.seconds == pytest.approx((field.frames - 1) * 0.023 + 0.046)


def test_the_control_has_the_same_parameters():
    def shapes(name):
        return {key: tensor.shape for key, tensor in FRONT_ENDS[name]().state_dict().items()}

    assert shapes("plain") == shapes("dilated")


def test_combining_by_sum_adds_the_branches():
    front_end = DilatedFrontEnd(channels=2, dilations=[1, 3], combine="sum").eval()
    maps = torch.rand(1, 1, 9, 7)
    first, second = (convolution(maps) for convolution in front_end.convolutions)
    expected = torch.relu(front_end.norm(first + second))
    torch.testing.assert_close(front_end(maps), expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dilations": []}, "list of integers from 1"),
        ({"dilations": [0, 1]}, "list of integers from 1"),
        ({"combine": "mean"}, "'concatenate' or 'sum'"),
    ],
)
def test_impossible_front_ends_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        DilatedFrontEnd(**settings)


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
