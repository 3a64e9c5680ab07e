import os
import shlex
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aed_plugins.core import InputError
from asr.formats.kaldi_data import audio_entry, find_sph2pipe, write_data_folder
from asr.formats.kaldi_data_reader import read_data_folder
from asr.formats.sphere import write_sphere
from asr.formats.stm import IGNORED, StmSegment

# Its test of printable characters looks for a locale named C.UTF-8, which Debian calls C.utf8, and
# then takes all but ASCII for unprintable.
VALIDATE = ["utils/validate_data_dir.sh", "--no-feats", "--non-print"]
KALDI = Path(os.environ.get("KALDI_ROOT", "/none")) / "egs/wsj/s5"


def said(talk, onset, offset, *words):
    return StmSegment(talk, "A", talk, onset, offset, "", words)


# Upper case sorts before lower case, é after both; a talk without words, and an ignored stretch.
STM = [
    said("bob", 3.0, 4.0),
    said("Zoë", 0.0, 1.0, "[NOISE]", "it's", "<unk>"),
    said("bob", 0.29, 2.5, "déjà", "vu"),
    said("bob", 2.5, 3.0, IGNORED)._replace(condition="<o,,unknown>"),
    said("Al-2", 1.0, 12.25, "yes"),
    said("only_gaps", 1.0, 2.0, IGNORED),
]
SPOKEN = [STM[index] for index in (4, 1, 2, 0)]
RECORDINGS = {talk: Path(f"/talks/{talk}.sph") for talk in ("Al-2", "Zoë", "bob", "only_gaps")}


@pytest.fixture
def folder(tmp_path):
    write_data_folder(tmp_path, RECORDINGS, STM, STM)
    return tmp_path


talks = st.text(st.characters(categories=("L", "N")) | st.sampled_from("_-.'"), min_size=1)


@given(data=st.data(), names=st.sets(talks, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_what_is_written_is_read_back_or_refused(tmp_path_factory, data, names):
    path = tmp_path_factory.getbasetemp() / "data"
    words = st.lists(st.sampled_from(["so", "'s", "[NOISE]", "<unk>", "日"]), max_size=3)
    utterances = []
    for talk in sorted(names):
        times = sorted(data.draw(st.sets(st.integers(0, 10**5), min_size=2, max_size=6)))
        for onset, offset in zip(times[::2], times[1::2], strict=False):
            utterances.append(said(talk, onset / 100, offset / 100, *data.draw(words)))
    recordings = {talk: Path(f"/talks/{talk}.sph") for talk in names}
    try:
        write_data_folder(path, recordings, data.draw(st.permutations(utterances)), utterances)
    except InputError as error:
        assert "expected names of speakers that sort like" in str(error)  # noqa: PT017
        return
    found = read_data_folder(path)
    assert sorted(found.utterances) == sorted(utterances)
    assert list(found.stm) == utterances
    assert found.audio.keys() == names


def test_ignored_stretches_stay_in_the_stm_alone(folder):
    found = read_data_folder(folder)
    assert list(found.utterances) == SPOKEN
    assert sorted(found.stm) == sorted(STM)
    assert list(found.audio) == ["Al-2", "Zoë", "bob"]
    assert IGNORED not in (folder / "text").read_text()


def test_without_an_stm_there_is_none(tmp_path):
    write_data_folder(tmp_path, RECORDINGS, STM)
    assert read_data_folder(tmp_path).stm is None


@pytest.mark.skipif(not KALDI.is_dir(), reason="KALDI_ROOT is not set to a copy of Kaldi")
def test_kaldi_accepts_what_we_write(folder):
    command = [*VALIDATE, str(folder)]
    done = subprocess.run(command, cwd=KALDI, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Successfully validated" in done.stdout + done.stderr


@pytest.mark.skipif(not KALDI.is_dir(), reason="KALDI_ROOT is not set to a copy of Kaldi")
@pytest.mark.parametrize(("name", "old", "new"), [
    ("utt2spk", "bob-0000300", "bob-0000301"),
    ("text", "<unk>", "</s>"),
    ("segments", "3.00 4.00", "4.00 3.00"),
    ("wav.scp", "Al-2 ", "Zz "),
    ("reco2file_and_channel", "bob A", "bob C"),
])  # fmt: skip
def test_kaldi_refuses_what_we_refuse(folder, name, old, new):
    content = (folder / name).read_text()
    assert old in content
    (folder / name).write_text(content.replace(old, new))
    command = [*VALIDATE, str(folder)]
    done = subprocess.run(command, cwd=KALDI, capture_output=True, text=True, check=False)
    assert "Successfully validated" not in done.stdout + done.stderr
    with pytest.raises(InputError):
        read_data_folder(folder)


# ---- what is not written


@pytest.mark.parametrize(
    ("utterances", "message"),
    [
        ([], "expected utterances for Kaldi, got none"),
        ([said("bob", 1.0, 2.0, IGNORED)], "expected utterances for Kaldi, got none"),
        ([said("bob", 1.0, 2.0, "a"), said("bob", 1.004, 2.0, "b")], "got bob-0000100-0000200 twi"),
        ([said("eve", 1.0, 2.0, "a")], "expected a recording of each talk, got none of eve; add"),
        ([said("my talk", 1.0, 2.0, "a")], "without white space, .* got 'my talk-0000100-0000200'"),
        ([said("bob", 1.0, 2.0, "a\u200b")], r"utterance bob-.*printable .* got 'a\\u200b'"),
        ([said("bob", 1.0, 2.0, "</s>")], "other than Kaldi's own symbols .* got '</s>'"),
        ([said("bob", 1.0, 2.0, "a b")], "without white space, .* got 'a b'"),
    ],
)
def test_what_kaldi_cannot_use_is_not_written(tmp_path, utterances, message):
    recordings = RECORDINGS | {"my talk": Path("x.sph")}
    with pytest.raises(InputError, match=message):
        write_data_folder(tmp_path, recordings, utterances)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("other", ["bob+1", "bob'", "bob-0"])
def test_talks_whose_utterances_sort_otherwise_than_their_names_are_refused(tmp_path, other):
    recordings = {"bob": Path("x.sph"), other: Path("y.sph")}
    utterances = [said("bob", 1.0, 2.0, "a"), said(other, 1.0, 2.0, "a")]
    with pytest.raises(InputError, match=rf"speakers that sort like .*; rename .*{other[:3]}"):
        write_data_folder(tmp_path, recordings, utterances)


# ---- where the sound comes from


def test_kaldi_s_command_gives_the_sound_of_an_awkward_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path('Al\'s $talk & "more".sph')
    noise = np.arange(-400, 400, dtype=np.int16)
    write_sphere(path, noise, 16000)
    entry = audio_entry(path, None)
    assert entry.startswith(f"{shlex.quote(sys.executable)} -m asr.formats.sphere '/")
    assert entry.endswith(" |")
    (tmp_path / "elsewhere").mkdir()
    command = f"({entry.removesuffix('|')}) > talk.wav"
    subprocess.run(["sh", "-c", command], cwd=tmp_path / "elsewhere", check=True)
    with wave.open(str(tmp_path / "elsewhere/talk.wav")) as file:
        assert file.readframes(1000) == noise.tobytes()


def test_a_wav_file_that_kaldi_reads_is_named_as_it_is(tmp_path):
    samples = np.zeros(800, np.int16)
    plain, spaced, stereo, floats = (tmp_path / f"{name}.wav" for name in ("a", "b c", "d", "e"))
    for path in (plain, spaced):
        soundfile.write(path, samples, 16000)
    soundfile.write(stereo, np.stack([samples, samples], 1), 16000)
    soundfile.write(floats, samples, 16000, subtype="FLOAT")
    assert audio_entry(plain, "sph2pipe") == str(plain)
    for path in (spaced, stereo, floats):
        assert " -m asr.formats.sphere " in audio_entry(path, "sph2pipe")


def test_sph2pipe_is_found_among_kaldi_s_tools_and_then_used_for_sphere_alone(
    tmp_path, monkeypatch
):
    program = tmp_path / "tools/sph2pipe_v2.5/sph2pipe"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setenv("KALDI_ROOT", str(tmp_path))
    assert find_sph2pipe() == str(program)
    assert audio_entry("/a.sph", str(program)) == f"{program} -f wav -p /a.sph |"
    assert str(program) not in audio_entry("/a.flac", str(program))
    monkeypatch.delenv("KALDI_ROOT")
    monkeypatch.setenv("PATH", str(program.parent))
    assert find_sph2pipe() == str(program)


def test_a_path_with_a_line_end_is_refused():
    with pytest.raises(InputError, match=r"a path without line ends, got '/a\\nb.sph'"):
        audio_entry("/a\nb.sph", None)


# ---- what is not read


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("utt2spk", "Zoë-0000000-0000100 Zoë\n", "", r"(text|segments) line 2: expected a name of"),
        ("utt2spk", "bob\n", "bob x\n", "utt2spk line 3: expected a name and 1 fields, got 'bob-"),
        ("utt2spk", "0000400 bob", "0000400 Bob", "expected names of speakers that sort like"),
        ("spk2utt", "bob-0000029-0000250 ", "", "spk2utt line 3: expected the utterances of bob"),
        ("spk2utt", "Zoë Zoë-0000000-0000100\n", "", "spk2utt: expected a line for Zoë, as in utt"),
        ("spk2utt", "Zoë Zoë", "Zoo Zoë", "spk2utt line 2: expected a name of utt2spk, got Zoo"),
        ("segments", "bob 3.00 4.00", "bob 4.00 3.00", "segments line 4: expected 0 <= start < en"),
        ("segments", "bob 3.00", "bob", "segments line 4: expected a name and 3 fields"),
        ("segments", " Zoë ", " Al-2 ", "wav.scp line 2: expected a name of segments, got Zoë"),
        ("text", "bob-0000300-0000400", "bob-0000029-0000250", "text line 4: expected each name"),
        ("text", "bob-0000300-0000400\n", "", "text: expected a line for bob-0000300-0000400, as"),
        ("text", "<unk>", "#0", "text line 2: expected words of printable characters"),
        ("text", "<unk>", "a\u00a0b", "text line 2: expected no white space but spaces and tabs"),
        ("text", "vu\n", "vu\r\n", "text: expected each line to end with a line feed alone"),
        ("wav.scp", "Al-2 ", "Al-2\nB ", "wav.scp line 1: expected a name and 1 or more fields"),
        ("wav.scp", "Al-2 ", "Aa ", "wav.scp line 1: expected a name of segments, got Aa"),
        ("reco2file_and_channel", "bob A", "bob 1", "line 3: expected A or B as channel, got 1"),
        ("reco2file_and_channel", "Al-2 Al-2 A\n", "", "expected a line for Al-2, as in segments"),
        ("stm", "Zoë 0.00 1.00", "Zoë 1.00 1.00", r"stm line \d+: expected 0 <= start < end"),
    ],
)  # fmt: skip
def test_a_folder_that_does_not_fit_together_is_refused(folder, name, old, new, message):
    content = (folder / name).read_text()
    assert old in content
    (folder / name).write_text(content.replace(old, new), newline="")
    with pytest.raises(InputError, match=message) as error:
        read_data_folder(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["utt2spk", "spk2utt", "segments", "text", "wav.scp", "reco2file_and_channel"]
)
def test_a_missing_and_an_empty_file_are_named(folder, name):
    (folder / name).write_text("")
    with pytest.raises(InputError, match=rf"{name}: expected lines, but the file is empty"):
        read_data_folder(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: expected a text file, got: No such file"):
        read_data_folder(folder)
