import shutil
import subprocess
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aed_plugins.core import InputError
from asr.formats.lexicon import Lexicon
from asr.formats.segments import SpeechSegment
from asr.recognizers.interface import DecodingWeights, Language
from asr.recognizers.pocketsphinx import ENGLISH_PHONES, PocketSphinx, format_english_dictionary

pocketsphinx = pytest.importorskip("pocketsphinx")

DIGITS = {
    "one": (("W", "AH", "N"), ("HH", "W", "AH", "N")),
    "three": (("TH", "R", "IY"),),
    "five": (("F", "AY", "V"),),
    "seven": (("S", "EH", "V", "AH", "N"),),
    "eight": (("EY", "T"),),
    "nine": (("N", "AY", "N"),),
}
SAID = (("seven", "three", "eight"), ("five", "one", "nine", "three"))
DEFAULT = DecodingWeights(6.5, 0.65)
CHOSEN = (DEFAULT, DecodingWeights(3.0, 1e-4))


def arpa(words):
    unigrams = "".join(f"-1.0\t{word}\t0.0\n" for word in ("<s>", "</s>", *words))
    return f"\\data\\\nngram 1={len(words) + 2}\n\n\\1-grams:\n{unigrams}\n\\end\\\n"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A talk of two synthesized sentences, its segments, and a language of digits."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    folder = tmp_path_factory.mktemp("talk")
    parts, segments, onset = [], [], 0.0
    for number, words in enumerate(SAID):
        path = folder / f"{number}.wav"
        command = ["espeak-ng", "-v", "en-us", "-s", "150", "-w", str(path), ", ".join(words)]
        subprocess.run(command, check=True)
        wave, rate = soundfile.read(path)
        parts += [wave, np.zeros(rate)]
        segments.append(SpeechSegment("digits", onset, onset + len(wave) / rate))
        onset += len(wave) / rate + 1.0
    # The model was trained on rooms: where samples are 0 it is at a loss.
    wave = np.concatenate(parts)
    wave += np.random.default_rng(0).normal(0, 1e-3, len(wave))
    soundfile.write(folder / "digits.wav", wave, rate)
    (folder / "digits.arpa").write_text(arpa(DIGITS))
    lexicon = Lexicon(DIGITS, {"[BREATH]": "BRH"})
    return {"digits": folder / "digits.wav"}, segments, Language(lexicon, folder / "digits.arpa")


def test_the_phones_are_those_of_the_wheels_dictionary():
    path = Path(pocketsphinx.get_model_path("en-us")) / "cmudict-en-us.dict"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert {phone for line in lines for phone in line.split()[1:]} == ENGLISH_PHONES


def test_digits_are_recognized_for_all_weights_inside_their_segments(digits, tmp_path):
    recordings, segments, language = digits
    found = PocketSphinx(jobs=1).decode(
        "english", recordings, segments[::-1], language, CHOSEN, tmp_path, tmp_path
    )
    assert tuple(found) == CHOSEN
    for words in found.values():
        for segment, said in zip(segments, SAID, strict=True):
            inside = [w for w in words if segment.onset <= w.onset < segment.offset]
            matcher = SequenceMatcher(None, [word.word for word in inside], said)
            right = sum(block.size for block in matcher.get_matching_blocks())
            assert right >= len(said) - 1
            assert len(inside) <= len(said) + 1
            assert all(w.onset + w.duration <= segment.offset + 0.02 for w in inside)
        assert {word.word for word in words} <= DIGITS.keys()


def test_a_second_call_decodes_nothing_again(digits, tmp_path):
    recordings, segments, language = digits
    recognizer = PocketSphinx(jobs=1)
    arguments = ("english", recordings, segments, language, [DEFAULT], tmp_path, tmp_path)
    first = recognizer.decode(*arguments)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert recognizer.decode(*arguments) == first
    assert written == {path: path.stat().st_mtime_ns for path in written}


def test_the_wheels_own_language_serves_where_none_is_given(digits, tmp_path):
    recordings, segments, _ = digits
    found = PocketSphinx(jobs=1).decode(
        "english", recordings, segments[:1], None, [DEFAULT], tmp_path, tmp_path
    )
    assert {"seven", "three", "eight"} & {word.word for word in found[DEFAULT]}


def test_every_weight_is_offered_once_and_in_order():
    assert list(PocketSphinx.weights) == sorted(set(PocketSphinx.weights))
    assert DEFAULT in PocketSphinx.weights


def test_it_is_there_and_comes_trained(tmp_path):
    recognizer = PocketSphinx()
    recognizer.check()
    assert not recognizer.trainable
    assert len(recognizer.systems) == 1


def test_variants_are_numbered_and_tags_left_out():
    lexicon = Lexicon({"nine": DIGITS["nine"], "eight": DIGITS["eight"] * 2}, {"[UM]": "UM"})
    assert format_english_dictionary(lexicon) == "eight EY T\neight(2) EY T\nnine N AY N\n"


def test_words_with_phones_that_the_model_does_not_know_are_named():
    lexicon = Lexicon({**DIGITS, "two": (("T", "UW1"),), "too": (("T", "UW1"),)}, {})
    with pytest.raises(InputError, match=r"39 phones: too \(UW1\), two \(UW1\); give a lexicon"):
        format_english_dictionary(lexicon)


def test_a_few_such_words_are_left_out_with_a_warning(caplog):
    words = {f"word{number}": (("T", "UW"),) for number in range(20)}
    lexicon = Lexicon({**words, "too": (("T", "UW1"), ("T", "UW")), "two": (("T", "UW1"),)}, {})
    text = format_english_dictionary(lexicon)
    assert "too T UW\n" in text
    assert "two" not in text
    assert "1 words without a pronunciation" in caplog.text


def test_a_model_that_is_not_where_it_should_be_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("POCKETSPHINX_PATH", str(tmp_path))
    with pytest.raises(InputError, match="expected pocketsphinx's English model"):
        PocketSphinx().check()
