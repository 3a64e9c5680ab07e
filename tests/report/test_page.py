"""What a page is made of, without looking at it in a browser."""

import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile
from PIL import Image
from recording_report import report

from aed_plugins.core import InputError
from aed_plugins.report import sound, write_page

RATE = 16_000


@pytest.fixture
def recording(tmp_path):
    """A recording of 4 s that hums at 440 Hz from 1 to 2 s."""
    seconds = np.arange(4 * RATE) / RATE
    sounding = (seconds >= 1) & (seconds < 2)
    path = tmp_path / "hum.wav"
    soundfile.write(path, 0.5 * sounding * np.sin(2 * np.pi * 440 * seconds), RATE)
    return path


def write(path, *recordings, audio="none", title="A title"):
    write_page(path, recordings, title=title, model="mn10", settings={"hop": "1 s"}, audio=audio)
    return path.read_text(encoding="utf-8")


def block(page, name):
    """Give the data that a page holds under a name."""
    found = re.search(rf'<script type="[a-z/]+" id="{name}">(.*?)</script>', page, re.DOTALL)
    return found and found[1]


def test_page_holds_what_it_was_given(tmp_path):
    page = write(tmp_path / "page.html", report(tmp_path / "hum.wav"))
    content = json.loads(block(page, "recording-0"))
    assert content["events"] == [[0, 1.0, 2.0, 0.93]]
    assert content["durations"] == [[0, 1.0, 0.25, 1, [0.5, 1.5]]]
    curves = np.frombuffer(base64.b64decode(content["curves"]), np.uint8).reshape(2, 40)
    assert curves[0, 10:20].tolist() == [240] * 10
    about = json.loads(block(page, "about"))
    assert about["labels"] == ["dog", "rain"]
    assert about["settings"] == [["hop", "1 s"]]


def test_page_without_sound_and_spectrogram_takes_less_than_60_kilobytes(tmp_path):
    bare = report(tmp_path / "hum.wav", spectrogram=np.zeros((16, 0), np.uint8))
    assert len(write(tmp_path / "page.html", bare).encode()) < 60_000


def test_spectrogram_has_low_frequencies_at_the_bottom(tmp_path):
    spectrogram = np.zeros((8, 5), np.uint8)
    spectrogram[0] = 255
    page = write(tmp_path / "page.html", report(tmp_path / "a.wav", spectrogram=spectrogram))
    address = json.loads(block(page, "recording-0"))["spectrogram"]
    encoded = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    pixels = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
    assert pixels.shape == (8, 5, 3)
    assert pixels[7].min() > 190  # magma's brightest is (252, 253, 191)
    assert pixels[0].max() < 5


def test_hostile_text_stays_data(tmp_path):
    hostile = "</script><!--<script><img src=x onerror=alert(1)>"
    shown = report(tmp_path / "a.wav", labels=(hostile, "rain"), name=hostile)
    page = write(tmp_path / "page.html", shown, title=hostile)
    assert "<img src=x" not in page
    assert "<!--" not in page
    assert json.loads(block(page, "about"))["labels"][0] == hostile
    assert json.loads(block(page, "recording-0"))["name"] == hostile
    assert f"<title>{hostile.replace('<', '&lt;').replace('>', '&gt;')}</title>" in page


def test_a_name_that_is_not_unicode_can_be_shown(tmp_path):
    name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    page = write(tmp_path / "page.html", report(tmp_path / "a.wav", name=name), title=name)
    assert json.loads(block(page, "recording-0"))["name"] == name


def test_policy_names_the_script_and_style_of_the_page(tmp_path):
    page = write(tmp_path / "page.html", report(tmp_path / "a.wav"))
    assert page.count("<script>") == page.count("<style>") == 1
    assert "default-src 'none'" in page
    for tag in ("script", "style"):
        assert re.search(rf"{tag}-src 'sha256-[\w+/]+='", page)
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)


def test_embedded_sound_is_the_recording(tmp_path, recording):
    page = write(tmp_path / "page.html", report(recording), audio="embed")
    encoded = base64.b64decode(block(page, "sound-0"), validate=True)
    waveform, rate = soundfile.read(io.BytesIO(encoded))
    assert waveform.ndim == 1
    assert len(waveform) / rate == pytest.approx(4, abs=0.1)
    assert len(encoded) < 4.2 * 48_000 / 8 + 1000
    level = np.sqrt(np.mean(waveform[: 4 * rate].reshape(-1, rate // 10) ** 2, axis=1))
    assert level[11:19].min() > 0.3
    assert max(level[:9].max(), level[21:].max()) < 0.01
    onset = np.flatnonzero(np.abs(waveform) > 0.2)[0] / rate
    assert onset == pytest.approx(1 + sound.DELAY, abs=0.003)
    assert json.loads(block(page, "recording-0"))["delay"] == sound.DELAY


def test_linked_sound_is_found_from_the_page(tmp_path, recording):
    odd = recording.rename(tmp_path / "50% #1 hum.wav")
    page = write(tmp_path / "out" / "page.html", report(odd), audio="link")
    content = json.loads(block(page, "recording-0"))
    assert content["link"] == "../50%25%20%231%20hum.wav"
    assert content["audio"] == "link"
    assert block(page, "sound-0") is None


def test_sound_is_embedded_up_to_an_hour_in_all_and_linked_beyond(tmp_path):
    lengths = [3000.0, 700.0, 600.0, 1.0]
    recordings = [report(tmp_path / "a.wav", duration=length) for length in lengths]
    assert sound.choose_playback(recordings, "embed") == ["embed", "link", "embed", "link"]
    assert sound.choose_playback(recordings[:1], "none") == ["none"]


def test_sound_left_out_needs_no_file(tmp_path):
    page = write(tmp_path / "page.html", report(tmp_path / "gone.wav"))
    assert json.loads(block(page, "recording-0"))["audio"] == "none"


@pytest.mark.parametrize("audio", ["embed", "link"])
def test_missing_recording_is_named_and_no_page_is_left(tmp_path, audio):
    with pytest.raises(InputError, match=r"gone\.wav: expected an audio file, but there is none"):
        write(tmp_path / "page.html", report(tmp_path / "gone.wav"), audio=audio)
    assert list(tmp_path.iterdir()) == []


def test_unknown_audio_is_refused(tmp_path):
    with pytest.raises(ValueError, match="one of embed, link, none, got 'mp3'"):
        write(tmp_path / "page.html", report(tmp_path / "a.wav"), audio="mp3")


def test_a_page_of_no_recording_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least one recording to show, got none"):
        write(tmp_path / "page.html")
