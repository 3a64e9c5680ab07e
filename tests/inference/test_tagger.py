"""One interface for models of one label and of several: files, batches, streams."""

import numpy as np
import pytest
import soundfile
import soxr
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from aed_plugins.audio import quantize, read_waveform
from aed_plugins.core import InputError, Timeline
from aed_plugins.detection import PostProcessing, TimelineSettings
from aed_plugins.inference import PretrainedTagger
from aed_plugins.models import (
    AudioTagger,
    DilatedFrontEnd,
    DNNHead,
    EfficientATLogMel,
    LogMel,
    MobileNet,
    PooledDNNHead,
    ResNet,
    RNNHead,
    Thresholds,
    VGGish,
    VGGishLogMel,
)

LABELS = ["dog", "siren", "speech"]


def resnet():
    front_end = DilatedFrontEnd(2, [1, 2])
    encoder = ResNet(front_end.out_channels, width=0.0625)
    return AudioTagger(LogMel(), nn.Identity(), front_end, encoder, DNNHead(32, 3))


def mobilenet():
    head = PooledDNNHead(96, num_classes=3, hidden=16)
    return AudioTagger(
        EfficientATLogMel(), nn.Identity(), nn.Identity(), MobileNet(width=0.1), head
    )


def vggish():
    head = RNNHead(128, 3, hidden_size=8)
    return AudioTagger(VGGishLogMel(), nn.Identity(), nn.Identity(), VGGish(width=1 / 32), head)


MODELS = {"resnet": resnet, "mobilenet": mobilenet, "vggish": vggish}


def scattered(model):
    """Random weights whose logits lie around 0, some above and some below."""
    torch.manual_seed(0)
    model = model().eval()
    rate = model.features.sample_rate
    clips = torch.from_numpy(np.stack(np.split(noise(8, rate), 8)))
    with torch.no_grad():
        nn.init.normal_(model.head.classifier.weight)
        nn.init.zeros_(model.head.classifier.bias)
        logits = model(clips).clip_logits
        model.head.classifier.weight *= 2 / logits.std(0)[:, None]
        model.head.classifier.bias -= model(clips).clip_logits.mean(0)
    return model


def make(model=resnet, multi_label=True, **hparams):
    network = scattered(model)
    hparams |= {"labels": LABELS, "multi_label": multi_label}
    hparams["sample_rate"] = network.features.sample_rate
    return PretrainedTagger({"tagger": network}, hparams, {"device": "cpu"})


@pytest.fixture(scope="module", params=MODELS)
def tagger(request):
    return make(MODELS[request.param])


def noise(seconds, rate, seed=0, channels=1):
    """Noise whose level changes twice a second, so that probabilities change too."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.choice([0.003, 0.03, 0.3], int(2 * seconds) + 1), rate // 2 + 1)
    waveform = (
        rng.uniform(-1, 1, (round(seconds * rate), channels))
        * levels[: round(seconds * rate), None]
    )
    return np.squeeze(quantize(waveform))


def write(path, waveform, rate, subtype="FLOAT"):
    soundfile.write(path, waveform, rate, subtype=subtype)
    return path


def events_of(stream, parts):
    events = [event for part in parts for event in stream.push(part)]
    return Timeline((*events, *stream.finish())).events


@pytest.mark.parametrize("multi_label", [True, False])
def test_a_file_s_probabilities_are_those_of_the_tagger(tmp_path, multi_label):
    tagger = make(multi_label=multi_label)
    path = write(tmp_path / "a.wav", noise(2.5, 16000), 16000)
    clip = torch.from_numpy(quantize(read_waveform(path, 16000)))[None]
    with torch.no_grad():
        logits = scattered(resnet)(clip).clip_logits[0]
    expected = logits.sigmoid() if multi_label else logits.softmax(0)
    tags = tagger.tag(path)
    np.testing.assert_allclose(tags.probabilities, expected.numpy(), atol=1e-5)
    assert tags.duration == 2.5
    assert [label for label, _ in tags.top(2)] == [LABELS[n] for n in expected.topk(2).indices]
    if not multi_label:
        assert tags.predicted == [LABELS[int(expected.argmax())]]


def test_a_padded_batch_gives_what_each_clip_gives_alone():
    tagger = make()
    waveform = torch.from_numpy(np.stack([noise(2, 16000, 1), noise(2, 16000, 2)]))
    waveform[1, 12000:] = 0
    both = tagger.classify_batch(waveform, torch.tensor([1.0, 12000 / 32000]))[0]
    torch.testing.assert_close(both[:1], tagger(waveform[:1])[0])
    torch.testing.assert_close(both[1:], tagger(waveform[1:, :12000])[0])


def test_thresholds_decide_what_is_predicted_of_several_labels(tmp_path):
    path = write(tmp_path / "a.wav", noise(1, 16000), 16000)
    values = make().tag(path).probabilities
    for expected, factor in ((LABELS, 0.999), ([], 1.001)):
        thresholds = Thresholds(LABELS)
        thresholds.values = values * factor
        assert sorted(make(thresholds=thresholds).tag(path).predicted) == expected


@pytest.mark.parametrize(
    ("rate", "channels", "seconds"),
    [(16000, 2, 1.0), (8000, 1, 0.05), (44100, 2, 0.3), (96000, 1, 1.0), (11025, 5, 2.0)],
)
def test_any_rate_and_channels_and_a_twentieth_of_a_second_are_tagged(
    tagger, tmp_path, rate, channels, seconds
):
    path = write(tmp_path / "a.wav", noise(seconds, rate, channels=channels), rate)
    assert np.isfinite(tagger.tag(path).probabilities).all()
    assert tagger.timeline(path).duration == pytest.approx(seconds, abs=1 / 8000)
    embeddings = tagger.embed(path)
    assert np.isfinite(embeddings.embeddings).all()
    assert embeddings.onsets[0] <= 0.01  # VGGish's first frame is not centered on the start
    assert embeddings.offsets[-1] <= seconds + 1 / 8000


def test_less_is_refused_by_name(tagger, tmp_path):
    path = write(tmp_path / "tick.wav", np.zeros(160, np.float32), 16000)
    for ask in (tagger.tag, tagger.timeline, tagger.embed):
        with pytest.raises(InputError, match=r"tick\.wav: expected 0\.05 s of sound or more"):
            ask(path)


SETTINGS = [
    TimelineSettings(1.0, batch_size=2, post_processing=PostProcessing(0.5)),
    TimelineSettings(
        1.0, 0.25, batch_size=3, post_processing=PostProcessing(0.55, 0.45, 0.5, 0.25, 0.75)
    ),
    TimelineSettings(2.5, 1.2, "step", 2, PostProcessing({"dog": 0.6}, None, 0.0, 0.7)),
]
WAVEFORM = noise(7.3, 22050, seed=3, channels=2)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sound") / "a.wav", WAVEFORM, 22050)


@pytest.mark.parametrize("how", SETTINGS)
def test_a_stream_gives_the_same_events_as_the_whole_file(tagger, recording, how):
    whole = tagger.timeline(recording, settings=how)
    assert whole.events

    @settings(max_examples=4, deadline=None)
    @given(st.lists(st.integers(0, len(WAVEFORM)), max_size=9))
    def check(cuts):
        stream = tagger.stream(22050, settings=how)
        assert events_of(stream, np.split(WAVEFORM, sorted(cuts))) == whole.events
        assert stream.duration == whole.duration

    check()


def test_another_batch_size_gives_the_same_times(tagger, recording):
    one, many = (
        tagger.timeline(recording, window=1.0, hop=0.5, batch_size=size).events for size in (1, 64)
    )
    assert [event[:3] for event in one] == [event[:3] for event in many]
    assert [event.score for event in one] == pytest.approx([e.score for e in many], abs=1e-5)


def test_an_event_is_given_before_the_recording_ends():
    tagger = make()
    seconds = np.split(noise(8, 16000), 8)
    values = tagger.classify_batch(torch.from_numpy(np.stack(seconds)))[0][:, 0]
    quiet, loud = seconds[int(values.argmin())], seconds[int(values.argmax())]
    between = float(values.min() + values.max()) / 2
    how = PostProcessing(dict(zip(LABELS, (between, 1.0, 1.0), strict=True)))
    stream = tagger.stream(window=1.0, batch_size=1, post_processing=how)
    assert [bool(stream.push(block)) for block in (quiet, loud, quiet)] == [False, False, True]


def test_steps_of_overlapping_windows_are_near_those_of_the_whole(tagger):
    waveform = noise(9.0, tagger.sample_rate, 4)
    seen = []
    stream = tagger.stream(window=5.0, hop=2.5, resolution="step", on_probabilities=seen.append)
    events_of(stream, [waveform])
    with torch.no_grad():
        whole = tagger.mods["tagger"](torch.from_numpy(waveform)[None]).step_logits[0].sigmoid()
    frames = np.concatenate(seen)
    assert frames.shape == whole.shape
    middle = slice(1, 3)  # away from the windows' ends
    np.testing.assert_allclose(frames[middle], whole[middle].numpy(), atol=0.35)


def test_embeddings_have_the_times_of_the_steps(tmp_path):
    tagger = make()
    waveform = noise(3.0, 16000)
    found = tagger.mods["tagger"].embed(torch.from_numpy(waveform)[None])[0][0]
    centers = tagger.mods["tagger"].step_centers(len(found))
    embeddings = tagger.embed(write(tmp_path / "a.wav", waveform, 16000))
    torch.testing.assert_close(torch.from_numpy(embeddings.embeddings), found)
    middles = (embeddings.onsets + embeddings.offsets)[1:-1] / 2
    np.testing.assert_allclose(middles, centers[1:-1].numpy(), atol=1e-4)


def test_embeddings_of_windows_are_the_means_of_theirs(tmp_path):
    tagger = make()
    waveform = noise(2.0, 16000)
    path = write(tmp_path / "a.wav", waveform, 16000)
    found = tagger.embed(path, window=1.0)
    assert found.onsets.tolist() == [0.0, 1.0]
    expected = tagger.mods["tagger"].embed(torch.from_numpy(waveform[16000:])[None])[0].mean(1)
    np.testing.assert_allclose(found.embeddings[1], expected[0], atol=1e-5)


@pytest.mark.parametrize("multi_label", [True, False])
def test_a_long_recording_is_tagged_by_its_windows(tmp_path, multi_label):
    tagger = make(multi_label=multi_label)
    waveform = noise(70, 16000)
    values = torch.stack(
        [
            tagger.classify_batch(torch.from_numpy(part)[None])[0][0]
            for part in np.split(waveform, 7)
        ]
    )
    expected = values.amax(0) if multi_label else values.mean(0)
    tags = tagger.tag(write(tmp_path / "a.wav", waveform, 16000))
    np.testing.assert_allclose(tags.probabilities, expected.numpy(), atol=1e-5)
    assert tags.duration == 70


def test_chosen_classes_keep_their_probabilities_and_thresholds(recording):
    thresholds = Thresholds(LABELS)
    thresholds.values = np.array([0.1, 0.2, 0.3])
    whole, some = (make(thresholds=thresholds) for _ in range(2))
    some.choose(["Speech", "dog"])
    some.choose(["dog", "speech"])
    assert some.labels == ["dog", "speech"]
    assert some.thresholds.tolist() == [0.1, 0.3]
    values = whole.tag(recording).probabilities
    assert some.tag(recording).probabilities.tolist() == values[[0, 2]].tolist()
    expected = tuple(e for e in whole.timeline(recording).events if e.label != "siren")
    assert some.timeline(recording).events == expected


def test_one_label_of_those_left_out_is_not_predicted(recording):
    tagger = make(multi_label=False)
    (predicted,) = tagger.tag(recording).predicted
    for label in LABELS:
        some = make(multi_label=False)
        some.choose([label])
        assert some.tag(recording).predicted == ([predicted] if label == predicted else [])


@pytest.mark.parametrize(
    "given",
    [
        {"window_length": "a"},
        {"window_length": True},
        {"hop_length": [1]},
        {"batch_size": 1.5},
        {"post_processing": 3},
        {"post_processing": []},
    ],
)
def test_settings_of_another_type_are_refused(given):
    with pytest.raises(InputError, match=next(iter(given))):
        TimelineSettings.from_dict(given)


def test_saved_settings_are_the_default_of_a_timeline(recording):
    how = TimelineSettings(0.5, 0.25, post_processing=PostProcessing(0.4, 0.3))
    tagger = make(timeline=how.to_dict())
    assert tagger.timeline_settings == how
    assert tagger.timeline(recording) == make().timeline(recording, settings=how)


def test_without_saved_settings_the_thresholds_hold():
    thresholds = Thresholds(LABELS)
    thresholds.values = np.array([0.1, 0.2, 1.0000000000000002])  # even 1 is refused
    how = make(thresholds=thresholds).timeline_settings
    assert how.post_processing.values("onset", LABELS).tolist() == [0.1, 0.2, 1.0]


def test_a_stream_refuses_what_are_no_samples():
    stream = make().stream()
    with pytest.raises(ValueError, match="expected finite samples"):
        stream.push([0.0, np.nan])
    with pytest.raises(ValueError, match=r"got shape \(1, 1, 1\)"):
        stream.push([[[0.0]]])
    with pytest.raises(ValueError, match=r"got shape \(2, 16000\)"):
        stream.push(np.zeros((2, 16000)))
    with pytest.raises(ValueError, match=r"expected floats in \[-1, 1\] or int16, got int32"):
        stream.push(np.zeros(16000, np.int32))
    stream.push(np.zeros(16000))
    stream.finish()
    assert stream.finish() == []
    with pytest.raises(ValueError, match="the stream is finished"):
        stream.push(np.zeros(16000))


def test_resampling_in_parts_is_that_of_the_whole():
    expected = soxr.resample(WAVEFORM.mean(axis=1), 22050, 16000, "HQ")
    resampled = []
    tagger = make()
    stream = tagger.stream(sample_rate=22050)
    frames = stream._events._frames
    frames.push = lambda mono: (resampled.append(mono), np.empty((0, 3)))[1]
    frames.samples = len(expected)
    frames.finish = lambda: np.empty((0, 3))
    events_of(stream, np.array_split(WAVEFORM, 37))
    # A sample between two levels may be rounded to either.
    np.testing.assert_allclose(np.concatenate(resampled), quantize(expected), atol=1.1 / 32768)
