import dataclasses
import functools
import logging
import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile

from aed_plugins.core import InputError
from asr.formats.lexicon import Lexicon, add_nonspeech_phones
from asr.formats.segments import SpeechSegment
from asr.formats.stm import StmSegment
from asr.recognizers.interface import DecodingWeights, Language, TrainingSet
from asr.recognizers.language_model import estimate_language_model
from asr.recognizers.pocketsphinx_decoding import SphinxModel, decode_talks
from asr.recognizers.sphinx import Sphinx
from asr.recognizers.sphinx_features import find_front_end
from asr.recognizers.sphinx_files import write_corpus
from asr.recognizers.sphinx_training import PROGRAMS

WEIGHTS = DecodingWeights(8.0, 0.2)
DIGITS = {
    "one": "W AH N",
    "two": "T UW",
    "three": "TH R IY",
    "four": "F AO R",
    "five": "F AY V",
    "six": "S IH K S",
    "seven": "S EH V AH N",
    "eight": "EY T",
    "nine": "N AY N",
}
PRONUNCIATIONS = {
    **{word: (tuple(phones.split()),) for word, phones in DIGITS.items()},
    "zero": (("Z", "IH", "R", "OW"), ("Z", "IY", "R", "OW")),
    "azure": (("AE", "ZH", "ER"),),  # never said: nor is its phone ZH
}
NOISE = "[NOISE]"
RATE = 22050  # espeak-ng's


class Trained(NamedTuple):
    data: TrainingSet
    models: Path
    held_out: list[StmSegment]
    failure: InputError
    mono_was_written: int


@functools.cache
def say(word, voice, folder):
    """Give the samples of a word."""
    path = folder / "word.wav"
    subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", path, word], check=True)
    samples, rate = soundfile.read(path)
    assert rate == RATE
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[loud[0] : loud[-1]]


def utter(words, voice, folder, noise):
    """Give the samples of words with pauses, and with a burst of noise for each tag."""
    parts = []
    for word in words:
        if word == NOISE:
            parts.append(noise.normal(0, 0.1, RATE // 3))
        else:
            parts += [say(word, voice, folder), np.zeros(noise.integers(RATE // 5))]
    return np.concatenate([np.zeros(RATE // 5), *parts, np.zeros(RATE // 5)])


def make_talk(name, voice, count, folder, words_of):
    """Write a talk and give its utterances."""
    noise = np.random.default_rng(count)
    samples, utterances, end = [], [], 0
    for _ in range(count):
        words = tuple(words_of())
        samples.append(utter(words, voice, folder, noise))
        start, end = end, end + len(samples[-1])
        utterances.append(StmSegment(name, "1", name, start / RATE, end / RATE, "", words))
    waveform = np.concatenate(samples)
    soundfile.write(folder / f"{name}.wav", waveform + noise.normal(0, 0.001, len(waveform)), RATE)
    return utterances


def broken_programs(folder):
    """Give a folder where one of the programs ends well and writes nothing."""
    folder.mkdir()
    real = Sphinx()._find_programs()
    for program in PROGRAMS:
        (folder / program).symlink_to(real / program)
    (folder / "bldtree").unlink()
    (folder / "bldtree").write_text("#!/bin/sh\nexit 0\n")
    (folder / "bldtree").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sphinx")
    generator = random.Random(4)

    def words():
        said = generator.choices([*DIGITS, "zero"], k=5)
        if generator.random() < 0.4:
            said.insert(generator.randrange(6), NOISE)
        return said

    voices = {"Ann": "en-us+f3", "Ben": "en-us", "Cid": "en-us+m3"}
    utterances = [
        utterance
        for name, voice in voices.items()
        for utterance in make_talk(name, voice, 10, folder, words)
    ]
    held_out = make_talk("Dan", "en-us", 8, folder, words)
    estimate_language_model(
        [use.words for use in utterances], folder / "digits.arpa", ["azure", "[COUGH]"]
    )
    lexicon = add_nonspeech_phones(Lexicon(PRONUNCIATIONS, {}), [NOISE, "[COUGH]"])
    recordings = {name: folder / f"{name}.wav" for name in [*voices, "Dan"]}
    data = TrainingSet(recordings, utterances, Language(lexicon, folder / "digits.arpa"))
    models = folder / "models"
    with pytest.raises(InputError) as failure:
        Sphinx(broken_programs(folder / "programs"), jobs=2).train(data, models)
    mono_was_written = (models / "mono" / "means").stat().st_mtime_ns
    Sphinx(jobs=2).train(data, models)
    return Trained(data, models, held_out, failure.value, mono_was_written)


def decode(trained, system, folder, jobs=1, **changes: Any):
    """Decode what was held out."""
    data = trained.data
    segments = [SpeechSegment(use.talk, use.onset, use.offset) for use in trained.held_out]
    arguments = {
        "recordings": data.recordings,
        "segments": segments,
        "language": data.language,
        "weights": [WEIGHTS],
        "models": trained.models,
        "folder": folder,
        **changes,
    }
    return Sphinx(jobs=jobs).decode(system, **arguments)[WEIGHTS]


def errors(reference, recognized):
    """Count substitutions, insertions and deletions."""
    row = list(range(len(recognized) + 1))
    for number, word in enumerate(reference, start=1):
        before, row[0] = row[0], number
        for place, other in enumerate(recognized, start=1):
            best = min(row[place] + 1, row[place - 1] + 1, before + (word != other))
            before, row[place] = row[place], best
    return row[-1]


@pytest.mark.parametrize("system", ["mono", "tri"])
def test_most_words_of_an_unseen_talk_are_recognized(trained, tmp_path, system):
    recognized = decode(trained, system, tmp_path)
    reference = [word for use in trained.held_out for word in use.words]
    assert errors(reference, [each.word for each in recognized]) <= 0.25 * len(reference)


def test_words_have_the_times_at_which_they_are_said(trained, tmp_path):
    recognized = decode(trained, "mono", tmp_path)
    assert recognized == sorted(recognized, key=lambda each: each.onset)
    for use in trained.held_out:
        inside = [each for each in recognized if use.onset <= each.onset < use.offset]
        assert abs(len(inside) - len(use.words)) <= 2
        assert all(each.onset + each.duration <= use.offset + 0.02 for each in inside)
        assert all(0 <= each.confidence <= 1 and each.duration > 0 for each in inside)
    assert Counter(each.word for each in recognized)[NOISE] > 0


def test_neither_order_nor_jobs_change_what_is_recognized(trained, tmp_path):
    segments = [SpeechSegment(use.talk, use.onset, use.offset) for use in trained.held_out]
    segments += [SpeechSegment("Ann", 0.0, 3.0), SpeechSegment("Ann", 3.0, 9.0)]
    one = decode(trained, "tri", tmp_path / "one", segments=segments)
    two = decode(trained, "tri", tmp_path / "two", jobs=2, segments=segments[::-1])
    alone = decode(trained, "tri", tmp_path / "alone", segments=segments[5:6])
    assert one == two
    assert alone == [
        each for each in one if each.talk == "Dan" and each.onset in {word.onset for word in alone}
    ]
    assert alone


def test_what_was_decoded_is_cached_until_the_segments_change(trained, tmp_path):
    first = decode(trained, "mono", tmp_path)
    cache = next(tmp_path.glob("lw8_wip0.2/Dan.json"))
    written = cache.stat().st_mtime_ns
    assert decode(trained, "mono", tmp_path) == first
    assert cache.stat().st_mtime_ns == written
    fewer = [SpeechSegment("Dan", 0.0, trained.held_out[0].offset)]
    assert len(decode(trained, "mono", tmp_path, segments=fewer)) < len(first)


def test_pauses_are_found_for_training(trained):
    lines = (trained.models / "lists" / "aligned-rough-2.txt").read_text().splitlines()
    assert len(lines) == len(trained.data.utterances)
    assert sum(line.count("<sil>") for line in lines) > len(lines)
    assert not any("<s> <sil>" in line or "<sil> </s>" in line for line in lines)


def test_a_stage_that_writes_nothing_is_named_and_earlier_ones_are_kept(trained):
    assert "expected stage trees to write it" in str(trained.failure)
    assert ".dtree" in str(trained.failure)
    assert (trained.models / "mono" / "means").stat().st_mtime_ns == trained.mono_was_written


def test_nothing_is_trained_twice(trained):
    before = {path: path.stat().st_mtime_ns for path in trained.models.rglob("means")}
    Sphinx(jobs=2).train(trained.data, trained.models)
    assert {path: path.stat().st_mtime_ns for path in trained.models.rglob("means")} == before


def test_words_with_phones_that_were_never_trained_are_left_out(trained, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        decode(trained, "tri", tmp_path)
    assert "2 of 13 words have only pronunciations with phones that were never" in caplog.text
    dictionary = (tmp_path / "recognized.dic").read_text()
    assert "azure" not in dictionary
    assert "[COUGH]" not in dictionary
    assert "[NOISE] +NSN+\n" in dictionary


def test_a_segment_without_time_for_a_word_gives_none(trained, tmp_path):
    segments = [SpeechSegment("Dan", 1.0, 1.0 + length) for length in (0.001, 0.03, 0.095, 0.12)]
    assert decode(trained, "mono", tmp_path, segments=segments) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"segments": [SpeechSegment("Dan", 0.0, 900.0)]}, r"Dan.wav: expected 900\.00 s of audio"),
        ({"segments": [SpeechSegment("Eve", 0.0, 1.0)]}, "Eve: expected the recording of talk Eve"),
        ({"language": None}, "expected a lexicon and a language model"),
        ({"models": Path("nowhere")}, "expected the model mono, one of mono, tri, but there is no"),
    ],
)
def test_what_cannot_be_decoded_is_said_in_a_line(trained, tmp_path, changes, says):
    with pytest.raises(InputError, match=says):
        decode(trained, "mono", tmp_path, **changes)


def test_a_lexicon_of_another_language_is_refused(trained, tmp_path):
    language = Language(Lexicon({"eins": (("N",),)}, {}), trained.data.language.arpa)
    with pytest.raises(InputError, match="must be of the same language"):
        decode(trained, "mono", tmp_path, language=language)


def test_a_model_without_a_file_is_named(trained, tmp_path):
    shutil.copytree(trained.models / "mono", tmp_path / "mono")
    (tmp_path / "mono" / "means").unlink()
    with pytest.raises(InputError, match=r"mono: expected an acoustic model that pocketsphinx"):
        decode(trained, "mono", tmp_path / "found", models=tmp_path)


def test_the_wheels_own_model_does_not_depend_on_order_either(trained, tmp_path):
    dictionary = tmp_path / "digits.dic"
    dictionary.write_text("".join(f"{word} {phones}\n" for word, phones in DIGITS.items()))
    model = SphinxModel(find_front_end(), dictionary, trained.data.language.arpa)
    spans = [(use.onset, use.offset) for use in trained.held_out[:2]]

    def hear(*chosen):
        segments = [SpeechSegment("Dan", *span) for span in chosen]
        folder = tmp_path / str(len(chosen))
        return decode_talks(model, trained.data.recordings, segments, [WEIGHTS], folder, 1)[WEIGHTS]

    alone = hear(spans[1])
    assert alone == [each for each in hear(*spans) if each.onset >= spans[1][0]]
    assert not any(each.word.startswith("[") for each in alone)


def test_missing_programs_are_said_with_the_package(tmp_path):
    with pytest.raises(InputError, match="apt-get install sphinxtrain"):
        Sphinx(tmp_path).check()
    Sphinx().check()


@pytest.mark.parametrize("densities", [0, 3, -4])
def test_densities_that_cannot_be_reached_are_refused(densities):
    with pytest.raises(InputError, match="expected a power of two"):
        Sphinx(densities=densities)


def test_a_word_without_a_pronunciation_is_named_with_its_count(trained, tmp_path):
    extra = trained.data.utterances[0]._replace(words=("ten", "one", "ten"))
    data = dataclasses.replace(trained.data, utterances=[extra])
    with pytest.raises(InputError, match=r"got none of ten \(2 times\)"):
        write_corpus(data, tmp_path, 1)


def test_an_utterance_beyond_its_recording_is_refused(trained, tmp_path):
    extra = trained.data.utterances[0]._replace(offset=900.0)
    data = dataclasses.replace(trained.data, utterances=[extra])
    with pytest.raises(InputError, match=r"Ann.wav: expected 900\.00 s of audio"):
        write_corpus(data, tmp_path, 1)
