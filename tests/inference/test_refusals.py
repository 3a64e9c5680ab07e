"""What a `PretrainedTagger` refuses, with a line that says why."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import write_model

from aed_plugins.core import InputError
from aed_plugins.detection import TimelineSettings
from aed_plugins.inference import PretrainedTagger

SILENCE = np.zeros(8000)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    return PretrainedTagger.from_hparams(write_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.mark.parametrize(
    ("wavs", "message"),
    [
        (torch.zeros(8000), r"expected wavs \(batch, sample\) of floats, got \(8000,\)"),
        (torch.zeros(1, 8000, 2), r"got \(1, 8000, 2\)"),
        (torch.zeros(0, 8000), r"got \(0, 8000\)"),
        (torch.zeros(2, 0), r"got \(2, 0\)"),
        (torch.tensor(0.0), r"got \(\) of"),
        (torch.zeros(2, 8000, dtype=torch.int16), r"of torch\.int16"),
    ],
)
def test_what_is_no_batch_is_refused(tagger, wavs, message):
    for ask in (tagger, tagger.classify_batch, tagger.encode_batch):
        for wav_lens in (None, torch.ones(2)):
            with pytest.raises(ValueError, match=message):
                ask(wavs, wav_lens)
        with pytest.raises(ValueError, match=r"expected lengths \(3,\), got \(2,\)"):
            ask(torch.zeros(3, 8000), torch.ones(2))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_samples_that_are_not_finite_are_refused(tagger, value):
    wavs = torch.zeros(2, 8000)
    wavs[1, 3] = value
    for ask in (tagger.classify_batch, tagger.encode_batch):
        with pytest.raises(ValueError, match="expected finite samples in wavs, got NaN or inf"):
            ask(wavs)


@pytest.mark.parametrize(
    ("lengths", "shown"),
    [
        ([8000, 4000], "4000 to 8000"),
        ([1.0, 0.0], "0 to 1"),
        ([-0.5, 1.0], "-0.5 to 1"),
        ([1.0, float("nan")], "nan to nan"),
    ],
)
def test_lengths_that_are_no_fractions_are_refused(tagger, lengths, shown):
    for ask in (tagger.classify_batch, tagger.encode_batch):
        with pytest.raises(ValueError, match=rf"fractions of the samples, .* got {shown}$"):
            ask(torch.zeros(2, 8000), torch.tensor(lengths))


def test_a_batch_that_is_no_tensor_is_refused(tagger):
    wavs = torch.zeros(2, 8000)
    for ask in (tagger.classify_batch, tagger.encode_batch):
        for given, name in ((None, "NoneType"), (wavs.numpy(), "ndarray"), ([[0.0]], "list")):
            with pytest.raises(TypeError, match=f"expected a tensor as wavs, got {name}"):
                ask(given)
        for given, name in ((np.ones(2), "ndarray"), ([1.0, 1.0], "list")):
            with pytest.raises(TypeError, match=f"expected a tensor as wav_lens, got {name}"):
                ask(wavs, given)


@pytest.mark.parametrize(
    ("given", "shown"),
    [(None, "None"), (["a.wav", "b.wav"], r"\['a.wav', 'b.wav'\]"), ([Path("a.wav")], "a.wav")],
)
def test_what_is_no_recording_is_named(tagger, given, shown):
    for ask in (tagger.tag, tagger.embed, tagger.timeline):
        with pytest.raises(TypeError, match=f"expected one recording, .* got .*{shown}"):
            ask(given)


def test_settings_of_another_type_are_refused(tagger):
    for given in ({"window": 1.0}, {}, 0.5):
        with pytest.raises(TypeError, match=r"expected TimelineSettings, got (dict|float); Time"):
            tagger.timeline(SILENCE, 8000, settings=given)
        with pytest.raises(TypeError, match=r"expected TimelineSettings, got (dict|float); Time"):
            tagger.timeline_settings = given
    with pytest.raises(TypeError, match="expected PostProcessing, got dict"):
        tagger.timeline(SILENCE, 8000, post_processing={"onset": 0.1})


def test_a_class_that_the_model_does_not_have_is_named(tagger):
    with pytest.raises(InputError, match=r"^threshold: the model has no class 'Dgo'$"):
        tagger.timeline(SILENCE, 8000, threshold={"dog": 0.4, "Dgo": 0.1})
    wrong = TimelineSettings().updated(onset={"Dgo": 0.1})
    with pytest.raises(InputError, match=r"^onset: the model has no class 'Dgo'$"):
        tagger.timeline(SILENCE, 8000, post_processing=wrong.post_processing)
    with pytest.raises(InputError, match=r"^onset: the model has no class 'Dgo'$"):
        tagger.timeline(SILENCE, 8000, settings=wrong)
    with pytest.raises(InputError, match=r"^onset: the model has no class 'Dgo'$"):
        tagger.timeline_settings = wrong


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jit": True}, "^run_opts: jit: TorchScript cannot compile these models; leave it out$"),
        (
            {"presicion": "bf16"},
            "^run_opts: there is no option 'presicion'; they are .* device, prec",
        ),
        ("cpu", '^run_opts: expected options, as in {"device": "cpu"}, got \'cpu\'$'),
    ],
)
def test_run_options_that_do_not_work_are_one_line(options, message, tagger, tmp_path):
    with pytest.raises(InputError, match=message):
        PretrainedTagger.from_hparams(write_model(tmp_path / "tiny"), run_opts=options)
    with pytest.raises(InputError, match=message):
        PretrainedTagger(tagger.mods, vars(tagger.hparams), options)
