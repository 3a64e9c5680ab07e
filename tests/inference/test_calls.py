"""How a `PretrainedTagger` is called: files and arrays, single settings, SpeechBrain's way."""

import numpy as np
import pytest
import soundfile
import torch
from file_server import Server
from speechbrain.inference.interfaces import Pretrained
from speechbrain.utils.run_opts import RunOptions
from tiny_model import LABELS, write_model

from aed_plugins.core import InputError
from aed_plugins.detection import TimelineSettings, windows as planning
from aed_plugins.inference import PretrainedTagger
from aed_plugins.models import AudioTagger, DNNHead, LogMel, ResNet

RATE = 22050
OFFLINE = "the network is switched off by HF_HUB_OFFLINE"


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    return PretrainedTagger.from_hparams(write_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def waveform():
    """Two channels of noise whose level changes, as a 16-bit file gives them."""
    rng = np.random.default_rng(0)
    levels = np.repeat([0.01, 0.3, 0.05, 0.5, 0.002, 0.1, 0.4], RATE // 2)[:, None]
    noise = rng.uniform(-1, 1, (len(levels), 2)) * levels
    return np.rint(noise * 32768).astype(np.int16)


@pytest.fixture(scope="module")
def file(tmp_path_factory, waveform):
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    soundfile.write(path, waveform, RATE)
    return path


def single_label():
    torch.manual_seed(0)
    model = AudioTagger(
        LogMel(), torch.nn.Identity(), torch.nn.Identity(), ResNet(width=0.0625), DNNHead(32, 3)
    )
    hparams = {"labels": LABELS, "multi_label": False, "sample_rate": 16000}
    return PretrainedTagger({"tagger": model}, hparams, {"device": "cpu"})


# Arrays


def test_a_clip_gives_the_same_by_path_and_by_array(tagger, waveform, file):
    expected = tagger.tag(file), tagger.embed(file, window=0.5), tagger.timeline(file)
    assert expected[2].events
    floats = soundfile.read(file)[0]
    for array in (waveform, floats, floats.astype(np.float32), torch.from_numpy(waveform)):
        tags, embeddings = tagger.tag(array, RATE), tagger.embed(array, RATE, window=0.5)
        assert np.array_equal(tags.probabilities, expected[0].probabilities)
        assert np.array_equal(embeddings.embeddings, expected[1].embeddings)
        timeline = tagger.timeline(array, sample_rate=RATE)
        assert timeline.events == expected[2].events
        assert timeline.duration == expected[2].duration
        assert (timeline.recording, expected[2].recording) == ("", "a.wav")


def test_a_long_array_is_tagged_as_a_long_file(tagger, tmp_path):
    rng = np.random.default_rng(1)
    samples = rng.uniform(-0.5, 0.5, 61 * 8000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    expected = tagger.tag(tmp_path / "a.wav").probabilities
    assert np.array_equal(tagger.tag(samples, 8000).probabilities, expected)


@pytest.mark.parametrize(
    ("array", "rate", "message"),
    [
        (np.zeros(8000), None, "expected sample_rate, in hertz, with an array"),
        (np.zeros((2, 8000)), 8000, r"\(sample, channel\), got shape \(2, 8000\)"),
        (np.zeros((2, 3)), 8000, r"got shape \(2, 3\): give the array transposed"),
        (np.zeros((1, 8000, 1)), 8000, r"expected samples \(sample,\) or \(sample, channel\)"),
        (np.zeros((8000, 65)), 8000, r"got shape \(8000, 65\)"),
        (np.zeros((8000, 0)), 8000, r"got shape \(8000, 0\)"),
        (np.float64(0.5), 8000, r"got shape \(\)"),
        (np.zeros(8000, np.int32), 8000, r"expected floats in \[-1, 1\] or int16, got int32"),
        (np.full(8000, np.nan), 8000, "expected finite samples"),
        (np.full(8000, 3e38, np.float32), 16000, r"in \[-1, 1\], got a peak of 3e\+38; int16 is"),
        (
            np.full(8000, -20000.0),
            8000,
            r"expected floats in \[-1, 1\], got a peak of 20000; int16",
        ),
        (np.full(8000, np.inf), 8000, "expected finite samples"),
        (np.zeros(8000), 0, "expected a sample rate of 1000 to 1000000 hertz, got 0"),
        (np.zeros(10), 8000, r"array: expected 0\.05 s of sound or more"),
        (np.zeros(0), 8000, r"array: expected 0\.05 s of sound or more"),
    ],
)
def test_an_array_that_is_no_recording_is_refused(tagger, array, rate, message):
    for ask in (tagger.tag, tagger.embed, tagger.timeline):
        with pytest.raises(ValueError, match=message):
            ask(array, rate)


def test_floats_a_little_above_full_scale_are_taken(tagger):
    assert tagger.tag(np.full(8000, 9.9), 8000).duration == 1.0


def test_a_sample_rate_with_a_file_is_refused(tagger, file):
    for ask in (tagger.tag, tagger.embed, tagger.timeline):
        with pytest.raises(ValueError, match="sample_rate=22050 is for arrays"):
            ask(str(file), RATE)


# Settings


def test_settings_are_given_by_the_names_of_the_options_or_of_the_fields(tagger, file):
    ready = TimelineSettings(0.5, 0.25).updated(onset=0.52, offset=0.48, min_duration_on=0.5)
    expected = tagger.timeline(file, settings=ready)
    assert expected.events
    short = {"window": 0.5, "hop": 0.25, "threshold": 0.52, "offset_threshold": 0.48}
    assert tagger.timeline(file, **short, min_duration=0.5) == expected
    assert (
        tagger.timeline(
            file,
            settings=TimelineSettings(0.5, 0.25),
            **dict(list(short.items())[2:]),
            min_duration=0.5,
        )
        == expected
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"treshold": 0.3}, r"no setting 'treshold'; known are window, hop, threshold, .*onset"),
        ({"window": 1.0, "window_length": 2.0}, "window_length is the same setting as another"),
    ],
)
def test_unknown_and_doubled_settings_are_refused(tagger, file, options, message):
    for ask in (lambda: tagger.timeline(file, **options), lambda: tagger.stream(**options)):
        with pytest.raises(TypeError, match=message):
            ask()


def test_settings_may_hold_classes_that_were_not_chosen(file):
    tagger = single_label()
    settings = TimelineSettings().updated(onset=dict.fromkeys(LABELS, 0.4))
    tagger.choose(LABELS[:1])
    tagger.timeline_settings = settings
    assert tagger.timeline(file) == tagger.timeline(file, settings=settings)


def test_a_hop_of_embeddings_goes_with_a_window(tagger, file):
    with pytest.raises(ValueError, match="hop goes with window"):
        tagger.embed(file, hop=0.5)


def test_the_windows_of_a_timeline_are_planned_once(tagger, file, monkeypatch):
    calls, plan = [], planning.plan_windows
    monkeypatch.setattr(
        "aed_plugins.detection.settings.plan_windows", lambda *a: calls.append(a) or plan(*a)
    )
    tagger.timeline_settings = TimelineSettings(0.5, 0.25)
    assert len(calls) == 1
    tagger.timeline(file)
    tagger.timeline(file)
    assert len(calls) == 1
    tagger.timeline(file, window=1.0)
    assert len(calls) == 2
    with pytest.raises(InputError, match="expected a window that is a whole number of hops"):
        tagger.timeline_settings = TimelineSettings(0.5, 0.3)
    assert tagger.timeline_settings == TimelineSettings(0.5, 0.25)


# SpeechBrain's calls


def test_classify_batch_returns_what_encoder_classifier_s_does():
    tagger, wavs = single_label(), torch.randn(4, 16000)
    probabilities, score, index, text = tagger.classify_batch(wavs, torch.ones(4))
    with torch.no_grad():
        expected = tagger.mods["tagger"](wavs).clip_logits.softmax(-1)
    torch.testing.assert_close(probabilities, expected)
    assert torch.equal(score, probabilities.amax(1))
    assert torch.equal(index, probabilities.argmax(1))
    assert text == [LABELS[place] for place in index]
    for ours, theirs in zip(
        tagger(wavs, torch.ones(4)), (probabilities, score, index), strict=False
    ):
        assert torch.equal(ours, theirs)


def test_several_labels_are_those_above_their_thresholds(tagger):
    wavs = torch.randn(5, 8000) * torch.tensor([0.001, 0.01, 0.1, 0.5, 1.0])[:, None]
    probabilities = tagger.classify_batch(wavs)[0]
    tagger.thresholds = probabilities.median(0).values.numpy().astype(float)
    try:
        _, score, index, text = tagger.classify_batch(wavs)
    finally:
        tagger.thresholds = np.full(3, 0.5)
    assert torch.equal(score, probabilities.amax(1))
    assert torch.equal(index, probabilities.argmax(1))
    median = probabilities.median(0).values
    for labels, row in zip(text, probabilities, strict=True):
        reached = [
            LABELS[place] for place in row.argsort(descending=True) if row[place] >= median[place]
        ]
        assert labels == reached
    assert len({len(labels) for labels in text}) > 1


def test_a_file_is_classified_as_it_is_tagged(tagger, file):
    tags = tagger.tag(file)
    probabilities, score, index, text = tagger.classify_file(str(file))
    assert probabilities.shape == (1, 3)
    assert np.array_equal(probabilities[0].numpy(), tags.probabilities.astype(np.float32))
    assert (score.item(), index.item()) == (probabilities.max(), probabilities.argmax())
    assert text == [tags.predicted]
    loaded = tagger.load_audio(file)
    torch.testing.assert_close(tagger.classify_batch(loaded[None])[0], probabilities)


def test_a_file_from_elsewhere_is_classified(tagger, file, tmp_path, monkeypatch):
    expected = tagger.classify_file(file)[0]
    tagger.classify_file(file, savedir=tmp_path / "linked")
    assert (tmp_path / "linked/a.wav").resolve() == file
    server = Server()
    server.files["/sounds/a.wav"] = file.read_bytes()
    url = f"{server.url}/sounds/a.wav"
    assert torch.equal(tagger.classify_file(url, savedir=tmp_path / "kept")[0], expected)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert torch.equal(tagger.classify_file(url, savedir=tmp_path / "kept")[0], expected)
    requests = list(server.requests)
    with pytest.raises(InputError, match=rf"a\.wav: not in .*/other, and {OFFLINE}$"):
        tagger.classify_file(url, savedir=tmp_path / "other")
    with pytest.raises(InputError, match=rf"^owner/name/a\.wav: not in the cache, and {OFFLINE}$"):
        tagger.classify_file("owner/name/a.wav")
    assert server.requests == requests
    server.go_away()


def test_a_file_that_is_not_there_is_one_line(tagger):
    with pytest.raises(InputError, match=r"none/a\.wav: expected an audio file, but there is none"):
        tagger.classify_file("none/a.wav")


def test_a_clip_is_encoded_as_the_mean_of_its_own_steps():
    tagger, wavs = single_label(), torch.randn(3, 32000)
    wavs[1, 20000:] = 0
    encoded = tagger.encode_batch(wavs, torch.tensor([1.0, 20000 / 32000, 1.0]))
    assert encoded.shape == (3, 1, 32)
    torch.testing.assert_close(encoded[1:2], tagger.encode_batch(wavs[1:2, :20000]))
    alone = tagger.mods["tagger"].embed(wavs[2:])[0].mean(1)
    torch.testing.assert_close(encoded[2], alone)
    unit = tagger.encode_batch(wavs, normalize=True)
    torch.testing.assert_close(unit.norm(dim=-1), torch.ones(3, 1))


# Devices


def test_the_device_is_chosen_by_itself_or_given(tmp_path, monkeypatch):
    folder = write_model(tmp_path / "tiny")
    expected = "cuda:0" if torch.accelerator.is_available() else "cpu"
    assert PretrainedTagger.from_hparams(folder).device == expected
    assert PretrainedTagger.from_hparams(folder, device="cpu").device == "cpu"
    chosen = PretrainedTagger.from_hparams(folder, device="cuda:9", run_opts={"device": "cpu"})
    assert chosen.device == "cpu"
    with pytest.raises(InputError, match="device: cuda:9 cannot be used here: "):
        PretrainedTagger.from_hparams(folder, device="cuda:9")
    with pytest.raises(InputError, match=r"^device: foo cannot be used here: "):
        PretrainedTagger.from_hparams(folder, device="foo")


def test_run_options_may_be_an_object_of_speechbrain_s(tmp_path):
    options = RunOptions.from_dictionary({"device": "cpu", "precision": "bf16"})
    loaded = PretrainedTagger.from_hparams(write_model(tmp_path / "tiny"), run_opts=options)
    assert (loaded.device, loaded.precision) == ("cpu", "bf16")


def test_memory_that_runs_out_is_one_line(tagger, file, monkeypatch):
    forward = AudioTagger.forward

    def small(self, waveform, *rest):
        if len(waveform) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")
        return forward(self, waveform, *rest)

    monkeypatch.setattr(AudioTagger, "forward", small)
    with pytest.raises(
        InputError, match=r"^cpu: out of memory with a batch of 6; try a batch size of 3$"
    ):
        tagger.classify_batch(torch.zeros(6, 8000))
    with pytest.raises(InputError, match=r"a batch of 4; try a batch size of 2$"):
        tagger.timeline(file, window=0.5, batch_size=4)
    assert tagger.timeline(file, window=0.5, batch_size=2).duration == 3.5


def test_it_is_one_of_speechbrain_s_interfaces(tagger):
    assert isinstance(tagger, Pretrained)
