"""The recognizer under test is a real SpeechBrain model with weights set by hand.

It hears three tones: low is the letter A, high the letter B, and the one between them is a space.
"""

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings, strategies as st
from speechbrain.dataio.encoder import CTCTextEncoder
from speechbrain.lobes.features import Fbank

from aed_plugins.core import InputError
from asr.formats.segments import SpeechSegment
from asr.recognizers.speechbrain import (
    SpeechBrainRecognizer,
    make_batches,
    split_words,
    spread_words,
)

TONES = {"A": 300.0, "B": 4000.0, " ": 1200.0}
MELS = 40
HYPERPARAMS = f"""
model: !new:speechbrain.nnet.linear.Linear
  input_size: {MELS}
  n_neurons: {1 + len(TONES)}
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
  compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: {MELS}
  model: !ref <model>
tokenizer: !new:speechbrain.dataio.encoder.CTCTextEncoder
decoding_function: !name:speechbrain.decoders.ctc_greedy_decode
  blank_id: 0
modules:
  encoder: !ref <encoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    model: !ref <model>
    tokenizer: !ref <tokenizer>
"""


def tone(letter):
    return 0.3 * np.sin(2 * np.pi * TONES[letter] * np.arange(4800) / 16000)


def sound(text):
    """Give tones of 0.3 s, with 0.1 s of silence around each."""
    pause = np.zeros(1600)
    return np.concatenate([part for letter in text for part in (pause, tone(letter), pause)])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS)
    tokenizer = CTCTextEncoder()
    tokenizer.insert_blank(index=0)
    tokenizer.update_from_iterable(TONES, sequence_input=False)
    tokenizer.save(str(folder / "tokenizer.ckpt"))
    weight, bias = torch.zeros(1 + len(TONES), MELS), torch.zeros(1 + len(TONES))
    for letter in TONES:
        mels = Fbank(n_mels=MELS)(torch.tensor(tone(letter), dtype=torch.float32)[None])[0, 10]
        weight[tokenizer.encode_label(letter), mels.argmax()] = 1.0
        bias[0] = mels.max() - 15.0  # what is 15 decibels below a tone is blank
    torch.save({"w.weight": weight, "w.bias": bias}, folder / "model.ckpt")
    return folder


def recognizer(model, **given):
    return SpeechBrainRecognizer(model, **{"interface": "EncoderASR", **given})


@pytest.fixture
def talks(tmp_path):
    """Two talks; a letter or space takes 0.5 s."""
    texts = {"first": "AB A BBABA", "second": "BA "}
    for talk, text in texts.items():
        soundfile.write(tmp_path / f"{talk}.wav", sound(text), 16000)
    return {talk: tmp_path / f"{talk}.wav" for talk in texts}


def decode(loaded, talks, segments, folder):
    (words,) = loaded.decode(
        "speechbrain", talks, segments, None, loaded.weights, folder, folder
    ).values()
    return words


SEGMENTS = [
    SpeechSegment("second", 0.0, 1.5),
    SpeechSegment("first", 2.5, 5.0),
    SpeechSegment("first", 0.0, 2.0),
    SpeechSegment("first", 2.02, 2.03),
]


def test_words_come_with_times_in_their_segments_by_talk_and_onset(model, talks, tmp_path):
    words = decode(recognizer(model), talks, SEGMENTS, tmp_path)
    assert [(word.talk, word.word) for word in words] == [
        ("first", "ab"),
        ("first", "a"),
        ("first", "bbaba"),
        ("second", "ba"),
    ]
    assert [(word.onset, word.duration) for word in words] == [
        pytest.approx((0.0, 2 * 2 / 3), abs=1e-5),
        pytest.approx((2 * 2 / 3, 2 / 3), abs=1e-5),
        (2.5, 2.5),
        (0.0, 1.5),
    ]


def test_segments_that_are_decoded_together_give_what_each_gives_alone(model, talks, tmp_path):
    together = decode(recognizer(model), talks, SEGMENTS, tmp_path / "together")
    alone = decode(recognizer(model, batch_seconds=0.1), talks, SEGMENTS, tmp_path / "alone")
    assert together == alone


def test_a_finished_talk_is_cached_until_its_segments_change(model, talks, tmp_path):
    loaded = recognizer(model)
    first = decode(loaded, talks, SEGMENTS, tmp_path)
    (cache,) = tmp_path.glob("second-*.ctm")
    cache.write_text("second A 0.00 1.50 cached\n")
    assert [w.word for w in decode(loaded, talks, SEGMENTS, tmp_path)] == [
        "ab",
        "a",
        "bbaba",
        "cached",
    ]
    other = [SpeechSegment("second", 0.0, 1.4), *SEGMENTS[1:]]
    assert [w.word for w in decode(loaded, talks, other, tmp_path)] == [w.word for w in first]


def test_silence_has_no_words(model, tmp_path):
    soundfile.write(tmp_path / "quiet.wav", np.zeros(32000), 16000)
    segments = [SpeechSegment("quiet", 0.0, 2.0)]
    for _ in range(2):
        assert (
            decode(recognizer(model), {"quiet": tmp_path / "quiet.wav"}, segments, tmp_path) == []
        )


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        (SpeechSegment("first", 4.0, 6.0), "audio up to 6.00 s, .* ends at 5.00 s"),
        (SpeechSegment("third", 0.0, 1.0), "but third has none"),
    ],
)
def test_a_segment_without_audio_is_refused(model, talks, tmp_path, segment, said):
    with pytest.raises(InputError, match=said):
        decode(recognizer(model), talks, [segment], tmp_path)


def test_a_model_of_another_interface_is_refused(model, talks, tmp_path):
    loaded = SpeechBrainRecognizer(model)
    with pytest.raises(InputError, match=r"EncoderDecoderASR loads, but it has no module decoder"):
        decode(loaded, talks, SEGMENTS, tmp_path)


def test_a_model_that_lacks_a_file_is_refused_in_one_line(model, talks, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "hyperparams.yaml").write_text("modules: {}\n")
    with pytest.raises(InputError, match="got KeyError: 'pretrainer'") as caught:
        decode(recognizer(broken), talks, SEGMENTS, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_hyperparams_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected hyperparams\.yaml in it, but there is none"):
        recognizer(tmp_path).check()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"interface": "StreamingASR"}, "out of EncoderASR, EncoderDecoderASR, WhisperASR, got"),
        ({"batch_seconds": 0}, "batch_seconds above 0"),
    ],
)
def test_what_cannot_be_set_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        SpeechBrainRecognizer("speechbrain/asr-crdnn-rnnlm-librispeech", **given)


def test_a_source_that_is_neither_folder_nor_name_is_refused():
    with pytest.raises(InputError, match="there is no such folder"):
        SpeechBrainRecognizer("models/asr/final").check()
    SpeechBrainRecognizer("speechbrain/asr-crdnn-rnnlm-librispeech").check()


# ---- words and batches


@given(st.lists(st.floats(0.01, 30), max_size=12), st.floats(1, 60))
@settings(max_examples=60, deadline=None)
def test_batches_hold_every_segment_once_and_keep_to_their_seconds(durations, seconds):
    segments = [SpeechSegment("a", 0.0, duration) for duration in durations]
    made = list(make_batches(segments, seconds))
    assert sorted(segment for batch in made for segment in batch) == sorted(segments)
    for batch in made:
        assert len(batch) == 1 or len(batch) * max(s.duration for s in batch) <= seconds


@given(
    st.lists(st.text("abcé'", min_size=1, max_size=9), max_size=9),
    st.floats(0, 1000),
    st.floats(0.01, 30),
)
@settings(max_examples=60, deadline=None)
def test_spread_words_follow_one_another_inside_their_segment(words, onset, duration):
    segment = SpeechSegment("a", onset, onset + duration)
    found = spread_words(words, segment)
    assert [word.word for word in found] == words
    edges = [edge for word in found for edge in (word.onset, word.onset + word.duration)]
    assert edges == pytest.approx(sorted(edges), abs=1e-9)
    assert all(onset - 1e-9 <= edge <= segment.offset + 1e-9 for edge in edges)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("IT'S 'EM", ["it's", "'em"]),
        (" \u2047 <unk> - ' ...", []),
        ("Größe, naïve e\u0301te\u0301", ["größe", "naïve", "e\u0301te\u0301"]),
        ("it\u2019s", ["it's"]),
    ],
)
def test_words_are_lower_case_without_punctuation(text, words):
    assert split_words(text) == words
