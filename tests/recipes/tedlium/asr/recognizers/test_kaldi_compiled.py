"""Kaldi's training and decoding with a compiled Kaldi, on talks of synthesized digits."""

import os
import random
import shutil
import subprocess

import numpy as np
import pytest
import soundfile
from digits import DIGITS

from aed_plugins.audio import read_waveform
from aed_plugins.core import InputError
from asr.formats.lexicon import Lexicon
from asr.formats.segments import SpeechSegment
from asr.formats.stm import StmSegment
from asr.recognizers.interface import DecodingWeights, Language, TrainingSet
from asr.recognizers.kaldi import Kaldi
from asr.recognizers.kaldi_programs import SYSTEMS

needs_kaldi = pytest.mark.skipif(
    not os.environ.get("KALDI_ROOT") or shutil.which("espeak-ng") is None,
    reason="KALDI_ROOT is not set, or espeak-ng is missing",
)
WEIGHTS = [DecodingWeights(10.0, 0.0), DecodingWeights(12.0, 0.5)]


def spoken(words, voice, speed, folder):
    path = folder / "spoken.wav"
    command = ["espeak-ng", "-v", f"en-us+{voice}", "-s", str(speed), "-w", path, " ".join(words)]
    subprocess.run(command, check=True)
    return read_waveform(path, 16000)


def make_talk(name, voice, utterances, folder, generator):
    """Write a talk of spoken digits, with a little hiss, and give its transcript."""
    noise = np.random.default_rng(generator.getrandbits(32))
    parts, transcript, onset = [], [], 0.0
    for _ in range(utterances):
        words = tuple(generator.choices(list(DIGITS.pronunciations), k=generator.randint(2, 6)))
        wave = np.pad(spoken(words, voice, generator.randint(140, 180), folder), (3200, 3200))
        offset = onset + len(wave) / 16000
        transcript.append(StmSegment(name, "A", name, onset, offset, "", words))
        parts += [wave, np.zeros(4800)]
        onset = offset + 0.3
    talk = np.concatenate(parts)
    talk += noise.normal(0, 1e-3, len(talk))
    soundfile.write(folder / f"{name}.wav", talk, 16000)
    return transcript


def write_model(path):
    """Write a language model in which every word, and a sentence's end, are as likely."""
    words = [*DIGITS.pronunciations, *DIGITS.nonspeech_phones, "</s>", "outside"]
    uniform = -np.log10(len(words))
    lines = ["\\data\\", f"ngram 1={len(words) + 1}", "", "\\1-grams:", "-99\t<s>"]
    lines += [f"{uniform:.4f}\t{word}" for word in words]
    path.write_text("\n".join([*lines, "", "\\end\\", ""]))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    write_model(folder / "digits.arpa")
    generator = random.Random(3)
    voices = {"Al": "m1", "Bo": "m2", "Cy": "m3", "Di": "f1", "Eve": "f2", "Flo": "f3"}
    talks = {name: make_talk(name, voices[name], 15, folder, generator) for name in voices}
    held_out = make_talk("Gus", "m4", 10, folder, generator)
    recordings = {name: folder / f"{name}.wav" for name in (*voices, "Gus")}
    utterances = [utterance for talk in talks.values() for utterance in talk]
    language = Language(DIGITS, folder / "digits.arpa")
    return TrainingSet(recordings, utterances, language), held_out


@pytest.fixture(scope="module")
def models(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    Kaldi(SYSTEMS, jobs=2).train(corpus[0], folder)
    return folder


def errors(reference, words):
    """Count the edits between two lists of words."""
    row = list(range(len(words) + 1))
    for i, expected in enumerate(reference, start=1):
        previous, row[0] = row[0], i
        for j, word in enumerate(words, start=1):
            changed = previous + (expected != word)
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, changed)
    return row[-1]


@needs_kaldi
@pytest.mark.parametrize("system", SYSTEMS)
def test_each_system_recognizes_most_digits_of_a_new_speaker(corpus, models, tmp_path, system):
    data, held_out = corpus
    segments = [SpeechSegment(s.talk, s.onset, s.offset) for s in held_out]
    segments.append(SpeechSegment("Gus", 0.0, 0.03))
    arguments = (data.recordings, segments, data.language, WEIGHTS, models, tmp_path)
    found = Kaldi(SYSTEMS, jobs=2).decode(system, *arguments)
    assert list(found) == WEIGHTS
    reference = [word for segment in held_out for word in segment.words]
    for words in found.values():
        spoken_words = [word.word for word in words if not word.word.startswith("[")]
        assert errors(reference, spoken_words) <= 0.2 * len(reference)
        assert words == sorted(words)
        assert all(0 <= word.confidence <= 1 for word in words)
        assert all(any(s.onset <= w.onset < s.offset for s in segments) for w in words)


@needs_kaldi
def test_another_lexicon_serves_with_the_same_models(corpus, models, tmp_path):
    data, held_out = corpus
    known = {word: DIGITS.pronunciations[word] for word in ("one", "two", "six", "seven")}
    language = Language(Lexicon(known, {}), data.language.arpa)
    segments = [SpeechSegment(s.talk, s.onset, s.offset) for s in held_out]
    arguments = (data.recordings, segments, language, WEIGHTS[:1], models, tmp_path)
    found = Kaldi(("mono",), jobs=2).decode("mono", *arguments)
    assert {word.word for word in found[WEIGHTS[0]]} == set(known)


@needs_kaldi
def test_what_is_done_is_not_done_again_and_what_is_missing_is(corpus, models, tmp_path):
    data, _ = corpus
    folder = tmp_path / "models"
    shutil.copytree(models, folder, symlinks=True)
    kaldi = Kaldi(("mono", "tri1"), jobs=2)
    kaldi.train(data, folder)
    mono, tri1 = (folder / "exp" / system / "final.mdl" for system in kaldi.systems)
    before = mono.stat().st_mtime_ns, tri1.stat().st_mtime_ns
    kaldi.train(data, folder)
    assert (mono.stat().st_mtime_ns, tri1.stat().st_mtime_ns) == before
    tri1.unlink()
    kaldi.train(data, folder)
    assert mono.stat().st_mtime_ns == before[0]
    assert tri1.stat().st_mtime_ns > before[1]


@needs_kaldi
def test_a_stage_that_dies_keeps_those_before_and_goes_on(corpus, models, tmp_path):
    data, _ = corpus
    folder = tmp_path / "models"
    shutil.copytree(models, folder, symlinks=True)
    mono, tri1 = (folder / "exp" / system / "final.mdl" for system in ("mono", "tri1"))
    Kaldi(("mono",), jobs=2).train(data, folder)
    before = mono.stat().st_mtime_ns
    tri1.unlink()
    with pytest.raises(
        InputError, match=r"^Kaldi's stage tri1 failed in align_si: [^\n]*are kept$"
    ):
        Kaldi(("mono", "tri1"), train_cmd="false", jobs=2).train(data, folder)
    Kaldi(("mono", "tri1"), jobs=2).train(data, folder)
    assert mono.stat().st_mtime_ns == before
    assert tri1.is_file()


@needs_kaldi
def test_a_starter_that_is_not_there_is_named():
    with pytest.raises(
        InputError, match=r"expected a program in Kaldi's utils.*got 'qeueu.pl --x'"
    ):
        Kaldi(decode_cmd="qeueu.pl --x").check()
