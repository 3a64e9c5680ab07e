import os
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from asr.formats.kaldi_data import find_sph2pipe, make_audio_entry, write_data_folder
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
UTTERANCES = [STM[index] for index in (4, 1, 2, 0)]
RECORDINGS = {talk: Path(f"/talks/{talk}.sph") for talk in ("Al-2", "Zoë", "bob", "only_gaps")}
SPH2PIPE = "sph2pipe"  # named in wav.scp, never started


@pytest.fixture
def folder(tmp_path):
    write_data_folder(tmp_path, RECORDINGS, STM, STM, SPH2PIPE)
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
        permuted = data.draw(st.permutations(utterances))
        write_data_folder(path, recordings, permuted, utterances, SPH2PIPE)
    except InputError as error:
        assert "expected names of speakers that sort like" in str(error)  # noqa: PT017
        return
    found = read_data_folder(path)
    assert sorted(found.utterances) == sorted(utterances)
    assert list(found.stm) == utterances
    assert found.audio.keys() == names


def test_ignored_stretches_stay_in_the_stm_alone(folder):
    found = read_data_folder(folder)
    assert list(found.utterances) == UTTERANCES
    assert sorted(found.stm) == sorted(STM)
    assert list(found.audio) == ["Al-2", "Zoë", "bob"]
    assert IGNORED not in (folder / "text").read_text()


def test_without_an_stm_there_is_none(tmp_path):
    write_data_folder(tmp_path, RECORDINGS, STM, sph2pipe=SPH2PIPE)
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


NOISE = np.arange(-400, 400, dtype=np.int16)


def samples_of(entry, folder):
    """Read the samples of an entry of wav.scp as Kaldi does: a file, or what a command writes."""
    path = Path(entry)
    if entry.endswith(" |"):
        path = folder / "piped.wav"
        subprocess.run(["sh", "-c", f"({entry[:-1]}) > piped.wav"], cwd=folder, check=True)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16000)
        return file.readframes(file.getnframes())


@pytest.mark.parametrize("name", ["data", 'Al\'s $data & "more"'])
def test_without_sph2pipe_a_data_folder_has_the_sound_of_sphere_and_flac(
    tmp_path, monkeypatch, name
):
    monkeypatch.delenv("KALDI_ROOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_sphere("a.sph", NOISE, 16000)
    soundfile.write("b.flac", NOISE[::-1], 16000)
    recordings = {"Zoë": Path("a.sph"), "../b": Path("b.flac"), "unused": Path("none.sph")}
    utterances = [said("Zoë", 0.0, 0.04, "yes"), said("../b", 0.0, 0.04, "no")]
    write_data_folder(name, recordings, utterances)
    monkeypatch.undo()
    audio = read_data_folder(tmp_path / name).audio
    assert audio.keys() == {"Zoë", "../b"}
    (tmp_path / "elsewhere").mkdir()
    assert samples_of(audio["Zoë"], tmp_path / "elsewhere") == NOISE.tobytes()
    assert samples_of(audio["../b"], tmp_path / "elsewhere") == NOISE[::-1].tobytes()
    assert len(list((tmp_path / name / "wav").iterdir())) == 2


def test_a_recording_that_cannot_be_decoded_leaves_no_wav_scp(tmp_path):
    (tmp_path / "bob.flac").write_bytes(b"not audio")
    with pytest.raises(InputError, match=r"bob\.flac"):
        write_data_folder(
            tmp_path / "data", {"bob": tmp_path / "bob.flac"}, [said("bob", 1.0, 2.0, "a")]
        )
    assert not (tmp_path / "data").exists()


def test_only_a_wav_file_that_kaldi_reads_is_not_decoded(tmp_path):
    plain, spaced, stereo, floats = (tmp_path / f"{name}.wav" for name in ("a", "b c", "d", "e"))
    for path in (plain, spaced):
        soundfile.write(path, NOISE, 16000)
    soundfile.write(stereo, np.stack([NOISE, NOISE], 1), 16000)
    soundfile.write(floats, NOISE / np.float32(32768), 16000, subtype="FLOAT")
    decoded = tmp_path / "wav/talk.wav"
    assert make_audio_entry(plain, "sph2pipe", decoded) == str(plain)
    assert samples_of(make_audio_entry(spaced, "sph2pipe", decoded), tmp_path) == NOISE.tobytes()
    assert not decoded.exists()
    for path in (stereo, floats):
        assert make_audio_entry(path, "sph2pipe", decoded) == str(decoded)
        assert samples_of(str(decoded), tmp_path) == NOISE.tobytes()
        decoded.unlink()


def test_sph2pipe_is_found_among_kaldi_s_tools_and_then_used_for_sphere_alone(
    tmp_path, monkeypatch
):
    program = tmp_path / "tools/sph2pipe_v2.5/sph2pipe"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setenv("KALDI_ROOT", str(tmp_path))
    assert find_sph2pipe() == str(program)
    decoded = tmp_path / "talk.wav"
    assert make_audio_entry("/a.sph", str(program), decoded) == f"{program} -f wav -p /a.sph |"
    soundfile.write(tmp_path / "a.flac", NOISE, 16000)
    assert make_audio_entry(tmp_path / "a.flac", str(program), decoded) == str(decoded)
    monkeypatch.delenv("KALDI_ROOT")
    monkeypatch.setenv("PATH", str(program.parent))
    assert find_sph2pipe() == str(program)


def test_a_path_with_a_line_end_is_refused():
    with pytest.raises(InputError, match=r"a path without line ends, got '/a\\nb.sph'"):
        make_audio_entry("/a\nb.sph", "sph2pipe", "talk.wav")


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
