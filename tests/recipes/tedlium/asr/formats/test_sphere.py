import wave

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings, strategies as st

from aed_plugins.audio import read_waveform
from aed_plugins.core import InputError
from asr.formats.sphere import (
    convert_to_wav,
    is_sphere,
    read_duration,
    read_sphere_header,
    write_sphere,
)

RATE = 16000
NOISE = np.random.default_rng(7).integers(-32768, 32768, 800).astype(np.int16)
FIELDS = {
    "database_id": "-s9 TED LIUM9",
    "channel_count": "-i 1",
    "sample_count": "-i 800",
    "sample_rate": "-i 16000",
    "sample_n_bytes": "-i 2",
    "sample_byte_format": "-s2 01",
    "sample_coding": "-s3 pcm",
    "peak": "-r 1.5",
}


def sphere(path, samples, size=1024, **changed):
    """Write a SPHERE file by hand; a field that is None is left out."""
    fields = {name: text for name, text in (FIELDS | changed).items() if text is not None}
    lines = [f"{name} {text}" for name, text in fields.items()]
    header = "\n".join(["NIST_1A", f"{size:7}", "; made by hand", *lines, "end_head\n"])
    path.write_bytes(header.encode().ljust(size) + samples)
    return path


def wav_of(path):
    target = path.with_name("new") / "talk.wav"
    convert_to_wav(target, path)
    with wave.open(str(target)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@given(samples=st.lists(st.integers(-32768, 32767), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read_back(tmp_path_factory, samples):
    path = tmp_path_factory.getbasetemp() / "talk.sph"
    write_sphere(path, np.array(samples, np.int16), RATE)
    assert wav_of(path).tolist() == samples
    assert read_sphere_header(path) == (RATE, 1, len(samples), 2, "pcm", 1024)
    assert soundfile.info(path).format == "NIST"


def test_either_byte_order_and_a_larger_header_are_read(tmp_path):
    little = sphere(tmp_path / "little.sph", NOISE.tobytes(), 2048)
    swapped = NOISE.astype(">i2").tobytes()
    big = sphere(tmp_path / "big.sph", swapped, sample_byte_format="-s2 10")
    for path in (little, big):
        assert wav_of(path).tolist() == NOISE.tolist()
        assert np.array_equal(read_waveform(path, RATE), NOISE / np.float32(32768))
    assert read_sphere_header(little).size == 2048


def test_two_channels_are_mixed_and_the_count_is_of_each(tmp_path):
    stereo = np.stack([NOISE, np.full_like(NOISE, 2)], axis=1)
    path = sphere(tmp_path / "talk.sph", stereo.tobytes(), channel_count="-i 2")
    assert read_sphere_header(path).duration == 800 / RATE
    assert wav_of(path).tolist() == np.rint((NOISE.astype(float) + 2) / 2).tolist()


@pytest.mark.parametrize("coding", ["ulaw", "mu-law", "alaw"])
def test_eight_bit_codings_are_decoded(tmp_path, coding):
    subtype = "ALAW" if coding == "alaw" else "ULAW"
    soundfile.write(tmp_path / "talk.au", NOISE, RATE, subtype=subtype)
    coded = (tmp_path / "talk.au").read_bytes()[-len(NOISE) :]
    changed = {"sample_n_bytes": "-i 1", "sample_byte_format": None}
    path = sphere(
        tmp_path / "talk.sph", coded, sample_coding=f"-s{len(coding)} {coding}", **changed
    )
    expected, _ = soundfile.read(tmp_path / "talk.au", dtype="int16")
    assert wav_of(path).tolist() == expected.tolist()


def test_what_follows_the_declared_samples_is_not_sound(tmp_path):
    path = sphere(tmp_path / "talk.sph", NOISE.tobytes() + b"more", sample_count="-i 790")
    assert wav_of(path).tolist() == NOISE[:790].tolist()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sample_count": "-i 801"}, "expected 1602 bytes of samples, .* ends after 1600: it was"),
        ({"sample_count": None}, "expected sample_count in the header, a whole number, got none"),
        ({"sample_rate": "-s3 16k"}, "expected sample_rate in the header, a whole number, got 16k"),
        ({"sample_rate": "-i x"}, "line 7: expected a field of the header, .* 'sample_rate -i x'"),
        ({"sample_coding": "-s9 pcm"}, "line 10: expected a field of the header, .* each once"),
        ({"peak": "-q 1"}, "line 11: expected a field"),
        ({"sample_rate": "-i 0"}, "expected a sample_rate of 1000 to 1000000 hertz.* got 0, 1 and"),
        ({"sample_count": "-i 0"}, "a sample_count of 1 or more, got 16000, 1 and 0"),
        ({"sample_n_bytes": "-i 3"}, "expected samples of 16 bits, .* got sample_n_bytes 3"),
        ({"sample_byte_format": None}, "expected samples of 16 bits, .* sample_byte_format none"),
        ({"sample_coding": "-s26 pcm,embedded-shorten-v2.00"}, "not compressed, .* 'sph2pipe -p "),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, changed, message):
    path = sphere(tmp_path / "talk.sph", NOISE.tobytes(), **changed)
    with pytest.raises(InputError, match=rf"talk\.sph:? (.* )?{message}") as error:
        read_duration(path)
    assert "\n" not in str(error.value)


def test_what_is_not_sphere_is_refused(tmp_path):
    path = tmp_path / "talk.sph"
    with pytest.raises(InputError, match="expected a SPHERE file, got: No such file"):
        read_duration(path)
    path.write_bytes(b"NIST_1A\n   1024\nsample_rate -i 16000\n".ljust(1024))
    with pytest.raises(InputError, match="expected end_head in the header, but there is none"):
        read_duration(path)
    for content in (b"", b"RIFF....WAVE", b"NIST_1A\n   1e24\n", b"NIST_1A\n      0\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="expected a SPHERE file, which begins with NIST_1A"):
            read_duration(path)


def test_other_formats_have_a_duration_and_become_wav(tmp_path):
    for name in ("talk.flac", "talk.wav"):
        soundfile.write(tmp_path / name, NOISE, RATE)
        assert not is_sphere(tmp_path / name)
        assert read_duration(tmp_path / name) == 800 / RATE
        assert wav_of(tmp_path / name).tolist() == NOISE.tolist()
    (sphere(tmp_path / "talk.sph", NOISE.tobytes())).rename(tmp_path / "talk.bin")
    assert is_sphere(tmp_path / "talk.bin")


def test_a_recording_that_cannot_be_read_leaves_no_wav(tmp_path):
    with pytest.raises(InputError, match=r"No such file or directory; correct the path$"):
        convert_to_wav(tmp_path / "talk.wav", tmp_path / "none.sph")
    assert not any(tmp_path.iterdir())


def test_a_waveform_that_is_not_int16_is_not_written(tmp_path):
    with pytest.raises(TypeError, match=r"\(sample,\) of int16, got \(800,\) of float64"):
        write_sphere(tmp_path / "talk.sph", NOISE / 32768, RATE)
    assert not any(tmp_path.iterdir())
