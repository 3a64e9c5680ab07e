"""The demonstration's talks: what they hold, and that they are built once, whole and alike."""

import csv
import os
import re
import shutil
from collections import Counter

import numpy as np
import pytest
import soundfile
import tedlium_demo
from tedlium_demo import DICTIONARY, GROUND_TRUTH, VOICES, build_demonstration, is_demonstration
from tedlium_demo_sounds import (
    NONSPEECH_SOUNDS,
    Voice,
    synthesize_nonspeech_sound,
    synthesize_speech,
)
from tedlium_demo_talk import PHONES

from aed_plugins.core import InputError
from aed_plugins.data import DEMONSTRATION_MARK, build_audioset_demonstration

UTTERANCES = 5
PARTS = {"train": 8, "dev": 2, "test": 2}
IGNORED = "ignore_time_segment_in_scoring"
MISSING = "needs espeak-ng: apt-get install espeak-ng"
if shutil.which("espeak-ng") is None:
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING, allow_module_level=True)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return build_demonstration(tmp_path_factory.mktemp("demo") / "talks", utterances=UTTERANCES)


@pytest.fixture(scope="module")
def lines(corpus):
    """By part and talk the fields of its STM lines."""
    return {
        (path.parent.parent.name, path.stem): [
            line.split(maxsplit=6) for line in path.read_text(encoding="utf-8").splitlines()
        ]
        for path in sorted(corpus.glob("*/stm/*.stm"))
    }


@pytest.fixture(scope="module")
def ground_truth(corpus):
    with (corpus / GROUND_TRUTH).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.fixture
def two_voices(monkeypatch):
    """Have a corpus of a man and a woman, that is built in no time."""
    monkeypatch.setattr(tedlium_demo, "VOICES", (VOICES[0], VOICES[5]))


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def spoken_lines(lines):
    return [
        (talk, fields) for talk, rows in lines.items() for fields in rows if fields[6] != IGNORED
    ]


@pytest.mark.usefixtures("two_voices")
def test_same_call_gives_identical_bytes(tmp_path):
    first = build_demonstration(tmp_path / "first", utterances=1)
    np.random.seed(7)  # noqa: NPY002 - the global state must have no part in it
    second = build_demonstration(tmp_path / "second", utterances=1)
    assert contents(first) == contents(second)


def test_every_talk_is_sphere_audio_of_16_khz_neither_clipped_nor_silent(corpus, lines):
    assert Counter(part for part, _ in lines) == PARTS
    for part, talk in lines:
        path = corpus / part / f"sph/{talk}.sph"
        assert path.read_bytes()[:8] == b"NIST_1A\n"
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        waveform, _ = soundfile.read(path)
        assert 0.1 < np.abs(waveform).max() < 0.98


def test_no_voice_is_in_two_parts_and_no_talk_has_two_speakers(lines):
    assert len({voice.variant for voice in VOICES}) == len(VOICES)
    for (_, talk), fields in spoken_lines(lines):
        assert fields[:3] == [talk, "1", talk]


def test_segments_are_in_order_within_the_audio_and_do_not_overlap(corpus, lines):
    for (part, talk), rows in lines.items():
        last = 0.0
        for fields in rows:
            onset, offset = float(fields[3]), float(fields[4])
            assert last <= onset < offset
            last = offset
        assert last <= soundfile.info(corpus / part / f"sph/{talk}.sph").duration + 0.005
        assert sum(fields[6] != IGNORED for fields in rows) == UTTERANCES


def test_transcripts_agree_with_the_ground_truth(lines, ground_truth):
    """Words and tags of a segment are those of the ground truth within it, in that order."""
    for (_, talk), fields in spoken_lines(lines):
        onset, offset = float(fields[3]) - 0.006, float(fields[4]) + 0.006
        labels = [
            row["label"]
            for row in ground_truth
            if row["talk"] == talk
            and onset <= float(row["onset"])
            and float(row["offset"]) <= offset
        ]
        text = re.sub(r"\(.*?\)|<sil>", "", fields[6]).translate(str.maketrans("{}", "[]"))
        assert " ".join(labels).split() == text.split()


def test_sounds_that_no_transcript_names_lie_where_scoring_leaves_them_out(lines, ground_truth):
    sounds = [row for row in ground_truth if row["kind"] == "sound"]
    assert {row["label"] for row in sounds} == {"Applause", "Laughter", "Music"}
    for row in sounds:
        rows = next(found for (_, talk), found in lines.items() if talk == row["talk"])
        assert any(
            fields[6] == IGNORED
            and float(fields[3]) <= float(row["onset"])
            and float(row["offset"]) <= float(fields[4])
            for fields in rows
        )


def test_transcripts_have_the_traps_of_the_release(lines):
    texts = dict.fromkeys(PARTS, "")
    conditions = {part: set() for part in PARTS}
    for (part, _), fields in spoken_lines(lines):
        texts[part] += fields[6] + "\n"
        conditions[part].add(fields[5])
    for part in PARTS:
        assert "{" in texts[part]
    for trap in ("{BREATH}", "{NOISE}", "[NOISE]", "{COUGH}", "{UM}", "<sil>", "zero(2)"):
        assert trap in texts["train"], trap
    assert re.search(r"^.* \(EspeakM1_2014-[\d.]+-[\d.]+-F0_M-S0\)$", texts["train"], re.MULTILINE)
    assert conditions["dev"] == {"<F0_M>", "<F0_F>"}
    assert conditions["train"] == conditions["test"] == {"<o,f0,male>", "<o,f0,female>"}


def test_dictionary_has_the_digits_with_their_variants_marked(corpus):
    rows = (corpus / DICTIONARY).read_text(encoding="utf-8").splitlines()
    assert {row.split()[0].split("(")[0] for row in rows} == set(PHONES)
    assert "zero(2) Z IY R OW" in rows


def test_every_digit_is_said_about_as_often_as_the_others(lines):
    counts = Counter()
    for _, fields in spoken_lines(lines):
        counts.update(word for word in re.sub(r"\(.*?\)", "", fields[6]).split() if word in PHONES)
    assert set(counts) == set(PHONES)
    assert max(counts.values()) < 1.5 * min(counts.values())


def test_speech_is_where_the_ground_truth_has_it(corpus, ground_truth):
    """Loud where words are, quiet where nothing is."""
    talk = "EspeakM7_2014"
    waveform, rate = soundfile.read(corpus / f"test/sph/{talk}.sph")
    active = np.zeros(len(waveform), bool)
    for row in ground_truth:
        if row["talk"] == talk:
            start, end = (round(float(row[edge]) * rate) for edge in ("onset", "offset"))
            active[start:end] = True
            if row["kind"] == "words":
                assert 20 * np.log10(waveform[start:end].std()) == pytest.approx(-24.5, abs=2)
    assert 20 * np.log10(waveform[~active].std()) < -55


@pytest.mark.parametrize("tag", NONSPEECH_SOUNDS)
def test_nonspeech_sounds_are_finite_of_deviation_one_and_fade_at_both_ends(tag):
    for seed in range(3):
        waveform = synthesize_nonspeech_sound(tag, np.random.default_rng(seed), 16_000)
        assert np.isfinite(waveform).all()
        assert waveform.std() == pytest.approx(1)
        assert np.abs(waveform[[0, -1]]).max() < 1e-6


def test_a_quicker_voice_is_shorter():
    slow, quick = (
        synthesize_speech(Voice("dev", "m1", speed, 40), "nine", 8000) for speed in (100, 250)
    )
    assert len(quick) < 0.8 * len(slow)


def test_the_mark_says_that_the_talks_are_synthesized(corpus, tmp_path):
    assert "synthesized" in (corpus / DEMONSTRATION_MARK).read_text(encoding="utf-8")
    assert is_demonstration(corpus)
    assert not is_demonstration(tmp_path)


def test_second_call_returns_the_corpus_without_rewriting_it(corpus):
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    assert build_demonstration(str(corpus), utterances=1) == corpus
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == before


def test_another_demonstration_corpus_is_not_taken_for_this_one(tmp_path):
    other = build_audioset_demonstration(tmp_path / "other", train=1, evaluation=1, missing=0)
    with pytest.raises(InputError, match=r"other exists and holds no demonstration.*TEDLIUM"):
        build_demonstration(other)


@pytest.mark.parametrize("utterances", [0, 100])
def test_sizes_out_of_range_are_refused(tmp_path, utterances):
    with pytest.raises(InputError, match=f"utterances must be from 1 to 99, not {utterances}$"):
        build_demonstration(tmp_path / "talks", utterances=utterances)
    assert not list(tmp_path.iterdir())


def test_without_the_synthesizer_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        InputError, match=r"^espeak-ng: .*none; install it \(apt install espeak-ng\)"
    ):
        build_demonstration(tmp_path / "talks")
    assert not list(tmp_path.iterdir())


def test_a_synthesizer_that_fails_is_quoted_and_leaves_nothing(tmp_path, monkeypatch):
    program = tmp_path / "bin/espeak-ng"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho voice not found >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    with pytest.raises(InputError, match=r"en-us\+m1, but: voice not found; install it again"):
        build_demonstration(tmp_path / "talks")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
