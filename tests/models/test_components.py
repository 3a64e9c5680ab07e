"""The contract of every front-end, encoder and head; a new one is a line in one of the tables."""

import copy
import pickle
import re
from functools import partial

import pytest
import torch
from torch import nn

from aed_plugins import models
from aed_plugins.models import (
    VGG,
    AudioTagger,
    DilatedFrontEnd,
    DNNHead,
    EfficientATLogMel,
    EmbeddingModel,
    Encoder,
    Ensemble,
    FeatureNormalization,
    Features,
    FittedHead,
    ForestHead,
    FrontEnd,
    Head,
    LogMel,
    MFCCStatistics,
    MobileNet,
    PooledDNNHead,
    ResNet,
    RNNHead,
    VGGish,
    VGGishLogMel,
)

FEATURES = {
    "log-mel": LogMel,
    "power log-mel": lambda: LogMel(power=2.0, mel_norm="slaney"),
    "vggish log-mel": VGGishLogMel,
    "efficientat log-mel": EfficientATLogMel,
}
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
    "mfcc statistics": lambda _: MFCCStatistics(n_mels=64),
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
    "forest": lambda size: ForestHead(size, 5, trees=3, depth=2),
}
BARE = {"mfcc statistics"}  # encoders of a spectrogram, of no front-end's maps
FITTED = {"forest"}  # heads without gradients
SAMPLES = (80000, 800, 43457)  # two patches of VGGish and more, less than a frame, between


def make_tagger(front_end="dilated", encoder="resnet18", head="dnn mean", repeat_to=0.0):
    torch.manual_seed(0)
    front = FRONT_ENDS[front_end]()
    encoder = ENCODERS[encoder](1 if isinstance(front, nn.Identity) else front.out_channels)
    head = HEADS[head](encoder.embedding_size)
    tagger = AudioTagger(LogMel(), FeatureNormalization(64), front, encoder, head, repeat_to)
    tagger.normalization.fit([(tagger.features(0.1 * torch.randn(4, 16000)), None)])
    return tagger


def names(encoder="resnet18", **others):
    return {"encoder": encoder, "front_end": "none" if encoder in BARE else "dilated"} | others


COMBINATIONS = [names(encoder, head=head) for encoder in ENCODERS for head in HEADS]
COMBINATIONS += [names(encoder, repeat_to=3.0) for encoder in ENCODERS]
FRONT_END_NAMES = [names(front_end=front_end) for front_end in FRONT_ENDS]
COMBINATIONS += FRONT_END_NAMES
# One with every component.
COMPONENTS = [names(encoder) for encoder in ENCODERS]
COMPONENTS += [names(head=head) for head in HEADS] + FRONT_END_NAMES


def given_waveforms(batch, size):
    return (torch.randn(batch, 400 * size), torch.linspace(0.3, 1, batch))


def given_frames(batch, size):
    return (torch.randn(batch, size, 64), torch.linspace(0.3, 1, batch))


def given_maps(batch, size):
    return (torch.randn(batch, 1, size, 64), torch.linspace(0.3, 1, batch))


def given_embeddings(batch, size):
    return (torch.randn(batch, size, 6), torch.linspace(0.3, 1, batch))


RECURRENT = {name for name, make in HEADS.items() if isinstance(make(1), RNNHead)}
COMPILED = {name: (make, given_waveforms) for name, make in FEATURES.items()}
COMPILED |= {name: (make, given_maps) for name, make in FRONT_ENDS.items() if name != "none"}
COMPILED |= {name: (partial(make, 1), given_maps) for name, make in ENCODERS.items()}
COMPILED |= {name: (partial(make, 6), given_embeddings) for name, make in HEADS.items()}
COMPILED |= {"tagger": (make_tagger, given_waveforms)}


@pytest.fixture
def batch():
    waveform = torch.zeros(len(SAMPLES), max(SAMPLES))
    generator = torch.Generator().manual_seed(1)
    for clip, samples in enumerate(SAMPLES):
        waveform[clip, :samples] = 0.1 * torch.randn(samples, generator=generator)
    return waveform, torch.tensor(SAMPLES) / max(SAMPLES)


def test_every_public_component_is_in_a_table():
    interfaces = {Features, FrontEnd, Encoder, Head, FittedHead}
    public = [getattr(models, name) for name in dir(models)]
    classes = {each for each in public if isinstance(each, type)} - interfaces
    components = {each for each in classes if issubclass(each, tuple(interfaces))}
    tables = [make() for table in (FEATURES, FRONT_ENDS) for make in table.values()]
    tables += [make(1) for table in (ENCODERS, HEADS) for make in table.values()]
    assert components == {type(each) for each in tables} - {nn.Identity}


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


@pytest.mark.parametrize("names", [names(e) for e in ENCODERS] + FRONT_END_NAMES, ids=str)
def test_padding_leaves_no_trace_in_training(names):
    tagger = make_tagger(**names)
    model = EmbeddingModel(tagger.encoder, tagger.front_end).double().train()
    log_mel = torch.randn(3, 220, 64, dtype=torch.float64)
    frames = torch.tensor([217, 3, 118])
    results = []
    for size in (217, 220, 384):  # none for the longest; some; a patch of VGGish and more
        twin = copy.deepcopy(model)
        given = nn.functional.pad(log_mel, (0, 0, 0, size - 220), value=99.0)
        embeddings = twin(given, frames / size)
        if embeddings.requires_grad:
            embeddings.square().sum().backward()
        gradients = [p.grad for p in twin.parameters()]
        results.append([embeddings, *gradients, *twin.buffers()])
    torch.testing.assert_close(results[1], results[0])
    torch.testing.assert_close(results[2], results[0])


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


@pytest.mark.parametrize(
    "names", [each for each in COMBINATIONS if each.get("head") not in FITTED], ids=str
)
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


@pytest.mark.parametrize("names", COMPONENTS, ids=str)
def test_copies_and_pickles_give_what_the_tagger_gives(names, batch):
    tagger = make_tagger(**names).eval()
    with torch.no_grad():
        expected = tagger(*batch)
        for other in (copy.deepcopy(tagger), pickle.loads(pickle.dumps(tagger))):
            assert all(map(torch.equal, other(*batch), expected))


@pytest.mark.parametrize("names", COMPONENTS, ids=str)
def test_bfloat16_gives_about_what_float32_gives(names, batch):
    tagger = make_tagger(**names).eval()
    with torch.no_grad():
        expected = tagger(*batch)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = tagger(*batch)
        cast = copy.deepcopy(tagger).to(torch.bfloat16)
        outputs = [cast(*batch), cast(batch[0].bfloat16(), batch[1])]
        again = cast.float()(*batch)
    for output in outputs:
        assert output.embeddings.dtype == output.step_logits.dtype == torch.bfloat16
    for output in (mixed, *outputs):
        for got, clip in zip(output.clip_logits.float(), expected.clip_logits, strict=True):
            torch.testing.assert_close(got, clip, atol=0.05, rtol=0.05)
    assert again.clip_logits.dtype == torch.float32


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_features_are_computed_in_float32_whatever_they_are_cast_to(name, dtype):
    torch.manual_seed(0)
    waveform = torch.logspace(-3, 0, 4)[:, None] * torch.randn(4, 16000)
    features = FEATURES[name]()
    expected = features(waveform).to(dtype)
    assert torch.equal(features.to(dtype)(waveform), expected)
    back = features.to(torch.float32)(waveform)
    assert torch.equal(back.to(dtype), expected)


@pytest.mark.parametrize("names", COMPONENTS, ids=str)
def test_another_tagger_of_the_same_state_dict_gives_the_same(names, batch):
    tagger = make_tagger(**names)
    with torch.no_grad():
        tagger(*batch)
        other = make_tagger(**names)
        for parameter in other.parameters():
            parameter.zero_()
        other.load_state_dict(tagger.state_dict())
        assert all(map(torch.equal, other.eval()(*batch), tagger.eval()(*batch)))


@pytest.mark.parametrize("name", [*COMPILED, "embedding model", "ensemble"])
def test_what_is_no_batch_is_refused(name):
    tagger = make_tagger()
    made = {
        "embedding model": (lambda: EmbeddingModel(ResNet(width=0.125)), given_frames),
        "ensemble": (lambda: Ensemble([tagger, tagger], multi_label=False), given_waveforms),
    }
    make, given = (COMPILED | made)[name]
    component = make().eval()
    batch, lengths = given(2, 100)
    with torch.no_grad():
        component(batch, lengths)
    for wrong in (batch[0], batch[None], batch[:0], batch[:, :0], batch.flatten(), batch.long()):
        shape = re.escape(str(tuple(wrong.shape)))
        with pytest.raises(ValueError, match=rf"expected \w+ \(batch, .*\) of floats, got {shape}"):
            component(wrong)
    for wrong in (lengths[:1], lengths[:, None], lengths[0]):
        with pytest.raises(ValueError, match=r"expected lengths \(2,\), got \("):
            component(batch, wrong)


WITH_BATCH_NORM = ("dilated", "resnet18", "mobilenet")


@pytest.mark.parametrize(
    ("name", "training"),
    [(name, False) for name in COMPILED] + [(name, True) for name in WITH_BATCH_NORM],
)
def test_a_component_compiles_once_for_all_sizes(name, training):
    torch.manual_seed(0)
    make, given = COMPILED[name]
    component = make().train(training)
    twin = copy.deepcopy(component)
    torch.compiler.reset()
    whole = name not in RECURRENT  # PyTorch's recurrent layers cannot be in a graph
    compiled = torch.compile(twin, backend="eager", fullgraph=whole, dynamic=True)
    # Patches of a batch that PyTorch compiles alike: several, fewer than 16.
    for batch, size in ((3, 220), (2, 207), (4, 285)):
        inputs = given(batch, size)
        with torch.set_grad_enabled(training):
            with torch._dynamo.config.patch(error_on_recompile=whole and batch != 3):
                got = compiled(*inputs)
            torch.testing.assert_close(got, component(*inputs))
    for ours, theirs in zip(twin.buffers(), component.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)
