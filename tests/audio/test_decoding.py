"""What `read_waveform` keeps of a recording, and what it refuses."""

import os
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings, strategies as st

from aed_plugins.audio import decoding as audio, read_waveform
from aed_plugins.core import InputError

# Half a step of each kind; mu-law's widest step is 1/32 of full scale.
STEPS = {
    ("WAV", "PCM_U8"): 1 / 128,
    ("WAV", "PCM_16"): 2**-15,
    ("WAV", "PCM_24"): 2**-23,
    ("WAV", "PCM_32"): 2**-23,
    ("WAV", "FLOAT"): 2**-24,
    ("WAV", "DOUBLE"): 2**-24,
    ("WAV", "ULAW"): 1 / 32,
    ("WAVEX", "PCM_16"): 2**-15,
    ("WAVEX", "PCM_24"): 2**-23,
    ("WAVEX", "FLOAT"): 2**-24,
    ("RF64", "PCM_16"): 2**-15,
    ("FLAC", "PCM_16"): 2**-15,
    ("FLAC", "PCM_24"): 2**-23,
}
RATES = [8000, 22050, 44100, 48000, 96000, 192000]
SAMPLES = np.arange(-500, 500, dtype="<i2")


def wav(data, *, declared=None, riff=None, before=b"", after=b"", rate=16000, bits=16):
    """Make a mono WAV file byte by byte; integers when `bits` is 16, floats when it is 32."""
    kind = {16: 1, 32: 3}[bits]
    fmt = struct.pack("<IHHIIHH", 16, kind, 1, rate, rate * bits // 8, bits // 8, bits)
    declared = len(data) if declared is None else declared
    body = b"WAVEfmt " + fmt + before + b"data" + struct.pack("<I", declared) + data + after
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def refusal(path, rate=16000):
    """Give the line that refuses a file, after checking what is true of every such line."""
    with pytest.raises(InputError) as caught:
        read_waveform(path, rate)
    line = str(caught.value)
    assert line.startswith(f"{path}: expected ")
    assert len(line.splitlines()) == 1
    return line


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("form", "subtype"), STEPS)
def test_every_kind_of_file_gives_the_mean_of_its_channels(tmp_path, form, subtype, rate, channels):
    x = np.random.default_rng(0).uniform(-0.9, 0.9, (rate // 20, channels))
    path = tmp_path / "a.wav"
    soundfile.write(path, x, rate, format=form, subtype=subtype)
    y = read_waveform(path, rate)
    assert y.dtype == np.float32
    assert y.shape == (rate // 20,)
    np.testing.assert_allclose(y, x.mean(axis=1), atol=STEPS[form, subtype] + 2e-7)
    assert read_waveform(path, 16000).shape == (800,)


@pytest.mark.parametrize("rate", RATES)
def test_resampled_sine_keeps_frequency_phase_and_level(tmp_path, rate):
    seconds = np.arange(rate) / rate
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * seconds), rate, "FLOAT")
    y = read_waveform(tmp_path / "a.wav", 16000)
    assert y.shape == (16000,)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(y[500:-500], expected[500:-500], atol=2e-4)


def test_what_lies_above_the_new_nyquist_frequency_is_removed(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 9500 * np.arange(44100) / 44100)
    soundfile.write(tmp_path / "a.wav", tone, 44100, "FLOAT")
    assert abs(read_waveform(tmp_path / "a.wav", 16000)[500:-500]).max() < 1e-4


@pytest.mark.parametrize("form", ["OGG", "MP3"])
def test_lossy_files_keep_length_and_level(tmp_path, form):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    soundfile.write(tmp_path / "a", np.stack([tone, tone], axis=1), 16000, format=form)
    y = read_waveform(tmp_path / "a", 16000)
    assert y.shape == (16000,)
    assert np.sqrt((y**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("subtype", ["MS_ADPCM", "IMA_ADPCM", "GSM610"])
def test_wav_files_of_blocks_are_not_taken_for_truncated(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", np.zeros(8001), 8000, subtype)
    assert len(read_waveform(tmp_path / "a.wav", 8000)) >= 8001


def test_a_file_longer_than_one_read_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "BLOCK", 64)
    x = np.random.default_rng(0).uniform(-1, 1, (1000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", x, 16000, "FLOAT")
    np.testing.assert_allclose(read_waveform(tmp_path / "a.wav", 16000), x.mean(axis=1), atol=1e-7)


def test_levels_beyond_full_scale_are_kept(tmp_path):
    soundfile.write(tmp_path / "a.wav", [0.0, 3.5, -2.0], 16000, "FLOAT")
    assert read_waveform(tmp_path / "a.wav", 16000).tolist() == [0.0, 3.5, -2.0]


@pytest.mark.parametrize("declared", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0])
def test_a_wav_written_into_a_pipe_is_read_to_its_end(tmp_path, declared):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(SAMPLES.tobytes(), declared=declared, riff=declared))
    np.testing.assert_array_equal(read_waveform(path, 16000) * 32768, SAMPLES)


@pytest.mark.parametrize("after", [b"", b"LIST\4\0\0\0abcd"])
def test_a_finished_wav_without_samples_is_refused(tmp_path, after):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(b"", after=after))
    assert "expected one sample at 16000 hertz, but it is shorter" in refusal(path)


def test_a_chunk_of_odd_size_is_padded_to_even(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(
        wav(SAMPLES.tobytes(), before=b"LIST\5\0\0\0abcde\0", after=b"id3 \1\0\0\0x\0")
    )
    np.testing.assert_array_equal(read_waveform(path, 16000) * 32768, SAMPLES)


def test_samples_of_odd_size_need_no_padding_at_the_end(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(SAMPLES.tobytes() + b"\1"))
    assert read_waveform(path, 16000).shape == (1000,)


@pytest.mark.parametrize("missing", [1, 500, 1999])
def test_a_truncated_wav_is_refused(tmp_path, missing):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(SAMPLES.tobytes(), before=b"LIST\5\0\0\0abcde\0")[:-missing])
    expected = f"expected 2000 bytes of samples, but the file ends after {2000 - missing}"
    assert expected in refusal(path)


@pytest.mark.parametrize("form", ["FLAC", "MP3", "CAF"])
def test_other_truncated_files_are_refused(tmp_path, form):
    path = tmp_path / "a"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44100)
    soundfile.write(path, noise, 44100, format=form)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    refusal(path)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate", [16000, 8000])
def test_samples_that_are_not_finite_are_counted_and_located(tmp_path, wrong, rate):
    x = np.zeros((16000, 2), np.float32)
    x[4000:4003, 1] = wrong
    soundfile.write(tmp_path / "a.wav", x, 16000, "FLOAT")
    line = refusal(tmp_path / "a.wav", rate)
    assert "but 3 are NaN or infinite, the first at 0.250 s" in line


def test_levels_that_overflow_while_resampling_are_refused(tmp_path):
    x = np.where(np.arange(1000) % 100 < 50, 3.3e38, -3.3e38).astype(np.float32)
    (tmp_path / "a.wav").write_bytes(wav(x.tobytes(), bits=32))
    assert "NaN or infinite" in refusal(tmp_path / "a.wav", 44100)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "expected audio, but the file is empty (0 bytes)"),
        (b"no audio, only text", "expected audio, but got: Format not recognised"),
        (wav(b"")[:36], "expected audio, but got: Error in WAV file. No 'data' chunk marker"),
        (wav(b"")[:20], "expected audio, but got: Error in WAV"),
        (
            wav(SAMPLES.tobytes(), rate=3),
            "expected a rate of 1000 to 1000000 hertz, but the header",
        ),
    ],
)
def test_what_is_not_audio_is_refused(tmp_path, content, expected):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert expected in refusal(path)


def test_a_clip_shorter_than_one_sample_after_resampling_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.ones(3), 192000)
    line = refusal(tmp_path / "a.wav", 8000)
    assert "expected one sample at 8000 hertz, but it is shorter" in line


def test_a_missing_file_is_refused(tmp_path):
    assert "expected an audio file, but there is none" in refusal(tmp_path / "a.wav")


def test_a_folder_is_refused(tmp_path):
    assert "expected an audio file, but got something else" in refusal(tmp_path)


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    def forbidden(*_args):
        raise PermissionError(13, "Permission denied")

    soundfile.write(tmp_path / "a.wav", np.zeros(8), 16000)
    monkeypatch.setattr(Path, "open", forbidden)
    assert "expected a file that can be read, but got: Permission denied" in refusal(
        tmp_path / "a.wav"
    )


def test_a_raw_file_is_refused_for_want_of_a_header(tmp_path):
    (tmp_path / "a.raw").write_bytes(SAMPLES.tobytes())
    assert "expected a format with a header" in refusal(tmp_path / "a.raw")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize(("name", "shown"), [(b"caf\xe9", r"caf\udce9"), (b"a\nb", r"a\nb")])
def test_a_name_that_cannot_be_printed_is_escaped(tmp_path, name, shown):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(wav(b""))
    with pytest.raises(InputError) as caught:
        read_waveform(path, 16000)
    assert str(caught.value).startswith(f"{tmp_path / shown}: expected ")


@pytest.mark.parametrize("rate", [0, -1, 999, 10**7])
def test_a_senseless_target_rate_is_refused(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", np.zeros(8), 16000)
    with pytest.raises(InputError, match=f"1000 to 1000000 hertz, but got {rate}"):
        read_waveform(tmp_path / "a.wav", rate)


def read_or_refuse(content):
    """Read a file of these bytes: either finite samples come out, or an InputError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.wav")
        path.write_bytes(content)
        try:
            waveform = read_waveform(path, 16000)
        except InputError:
            return
        assert waveform.dtype == np.float32
        assert waveform.ndim == 1
        assert len(waveform) > 0
        assert np.isfinite(waveform).all()


starts = st.sampled_from([b"", b"RIFF", b"RIFF\0\0\0\0WAVE", wav(b"")[:36], wav(b""), b"FORM"])


@settings(max_examples=300, deadline=None)
@given(starts, st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused(start, content):
    read_or_refuse(start + content)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([wav(SAMPLES.tobytes()), wav(np.ones(500, "<f4").tobytes(), bits=32)]),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4),
    st.integers(0, 2100),
)
def test_damaged_wavs_are_read_or_refused(content, changes, length):
    damaged = bytearray(content)
    for position, value in changes:
        damaged[position] = value
    read_or_refuse(bytes(damaged[:length]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=9), max_size=4), st.integers(0, 1000))
def test_samples_are_found_behind_chunks_of_any_size(payloads, missing):
    chunks = [b"JUNK" + struct.pack("<I", len(p)) + p + b"\0" * (len(p) % 2) for p in payloads]
    content = wav(SAMPLES.tobytes(), before=b"".join(chunks))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.wav")
        path.write_bytes(content[: len(content) - missing])
        if missing:
            assert f"the file ends after {2000 - missing}" in refusal(path)
        else:
            np.testing.assert_array_equal(read_waveform(path, 16000) * 32768, SAMPLES)
