"""What a page and a picture are made of, without looking at them in a browser."""

import base64
import dataclasses
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings, strategies as st
from matplotlib.figure import Figure
from PIL import Image

from aed_plugins.core import Event, InputError
from aed_plugins.metrics import LabelDuration
from aed_plugins.report import sound, write_page, write_picture
from aed_plugins.report.overview import Overview
from aed_plugins.report.recording import (
    DARK_COLORS,
    LIGHT_COLORS,
    RecordingReport,
    all_labels,
    format_duration,
)

RATE = 16_000


def duration_of(label, seconds=1.0, fraction=0.25, events=1, interval=(0.5, 1.5)):
    """Return the duration of a class."""
    return LabelDuration(label, seconds, fraction, events, interval, None, None)


def report(path, duration=4.0, labels=("dog", "rain"), **changed):
    """Describe a recording whose first class has one event from 1 to 2 s."""
    curves = np.zeros((len(labels), 40), np.uint8)
    curves[0, 10:20] = 240
    given = RecordingReport(
        name=path.name,
        path=path,
        duration=duration,
        labels=list(labels),
        curves=curves,
        column_length=duration / 40,
        events=[Event(labels[0], 1.0, 2.0, 0.93)],
        spectrogram=np.arange(16 * 50, dtype=np.uint8).reshape(16, 50),
        spectrogram_column_length=duration / 50,
        mel_frequencies=[(0, 60.0), (15, 7800.0)],
        durations=[duration_of(labels[0], fraction=1 / duration)],
        thresholds=dict.fromkeys(labels, 0.5),
    )
    return dataclasses.replace(given, **changed)


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


# The overview


@settings(max_examples=60)
@given(
    columns=st.integers(1, 200),
    half=st.integers(1, 6),
    cuts=st.lists(st.integers(0, 200), max_size=8),
    seed=st.integers(0, 9),
)
def test_overview_keeps_the_largest_however_it_is_fed(columns, half, cuts, seed):
    values = np.random.default_rng(seed).random((columns, 3), np.float32)
    overview = Overview(3, column_length=0.1, most=2 * half)
    for part in np.split(values, sorted(min(cut, columns) for cut in cuts)):
        overview.push(part)
    merged = 1
    while -(-columns // merged) > 2 * half:
        merged *= 2
    expected = np.maximum.reduceat(values, range(0, columns, merged))
    result, length = overview.result()
    assert length == pytest.approx(0.1 * merged)
    np.testing.assert_array_equal(result, np.rint(expected.T * 255).astype(np.uint8))


def test_overview_of_eight_hours_of_all_classes_stays_within_4096_columns():
    overview = Overview(527, column_length=0.5)
    for start in range(0, 57_600, 7_200):
        values = np.zeros((7_200, 527), np.float32)
        values[0, start % 527] = 1
        overview.push(values)
    result, length = overview.result()
    assert result.shape == (527, 3600)
    assert length == 8.0
    assert result[7200 % 527, 450] == 255


def test_overview_scales_to_the_levels_it_is_asked_for():
    overview = Overview(1, column_length=1.0)
    overview.push([[-80.0], [-60.0], [-40.0], [0.0]])
    result, _ = overview.result(-60, -20)
    assert result.tolist() == [[0, 0, 128, 255]]
    assert overview.range(0, 1) == (-80, 0)


def test_silence_is_quiet_everywhere():
    overview = Overview(2, column_length=1.0)
    overview.push(np.full((3, 2), -9.0))
    assert not overview.result(*overview.range())[0].any()


def test_nothing_pushed_gives_no_columns():
    assert Overview(2, column_length=1.0).result()[0].shape == (2, 0)
    with pytest.raises(ValueError, match="got none"):
        Overview(2, column_length=1.0).range()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": 0}, "1 row, got 0"),
        ({"most": 5}, "even number of columns, 2 or more, got 5"),
        ({"column_length": 0.0}, "above 0 seconds, got 0"),
    ],
)
def test_overview_refuses_sizes_out_of_range(wrong, message):
    with pytest.raises(ValueError, match=message):
        Overview(**{"rows": 1, "column_length": 1.0} | wrong)


@pytest.mark.parametrize(
    ("values", "message"),
    [([[1.0, 2.0]], r"\(column, 1\), got shape \(1, 2\)"), ([[np.nan]], "expected finite")],
)
def test_overview_refuses_other_values(values, message):
    with pytest.raises(ValueError, match=message):
        Overview(1, column_length=1.0).push(values)


def test_overview_refuses_levels_upside_down():
    with pytest.raises(ValueError, match="expected low <= high, got 1 and 0"):
        Overview(1, column_length=1.0).result(1, 0)


# What is shown of a recording


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"duration": -1.0}, "duration above 0 seconds, got -1.0"),
        ({"column_length": np.inf}, "column_length above 0"),
        ({"curves": np.zeros((2, 40))}, "curves to be uint8 with 2 axes, got float64"),
        ({"curves": np.zeros((3, 40), np.uint8)}, "curve for each of 2 labels, got 3"),
        ({"events": [Event("cat", 0, 1)]}, "got 'cat'"),
        ({"durations": [duration_of("cow")]}, "got 'cow'"),
        ({"thresholds": {"pig": 0.5}}, "got 'pig'"),
        ({"labels": ["dog", "dog"]}, "every label once"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        report(Path("a.wav"), **wrong)


def test_a_class_keeps_its_color_in_every_recording():
    first = report(Path("a.wav"), labels=("dog", "rain"))
    second = report(Path("b.wav"), labels=("cat", "dog"))
    assert all_labels([first, second]) == ["dog", "rain", "cat"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3599.4, "59 min 59 s"),
        (7199, "2 h 0 min"),
    ],
)
def test_lengths_of_time_never_show_60(seconds, words):
    assert format_duration(seconds) == words


def luminance(color):
    levels = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize(("colors", "ground"), [(LIGHT_COLORS, 1.0), (DARK_COLORS, 0.0107)])
def test_every_color_stands_out_from_its_ground(colors, ground):
    for color in colors:
        low, high = sorted((luminance(color), ground))
        assert (high + 0.05) / (low + 0.05) >= 3


# The page


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


def test_no_recording_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least one recording to show, got none"):
        write(tmp_path / "page.html")
    with pytest.raises(InputError, match="at least one recording to draw, got none"):
        write_picture(tmp_path / "a.png", [])


# The picture


def test_picture_shows_recordings_below_each_other(tmp_path):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    write_picture(one, [report(Path("a.wav"))])
    write_picture(two, [report(Path("a.wav")), report(Path("b.wav"), duration=9000.0)])
    assert Image.open(one).width == Image.open(two).width == 1440
    assert Image.open(two).height > 1.8 * Image.open(one).height
    pixels = np.asarray(Image.open(one).convert("RGB")).reshape(-1, 3)
    blue = [int(LIGHT_COLORS[0][place : place + 2], 16) for place in (1, 3, 5)]
    assert (pixels == blue).all(axis=1).sum() > 1000  # the bar and the event


def test_texts_of_a_picture_do_not_overlap(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: kept.append(figure))
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: None)
    labels = ("Male speech, man speaking", "Incidental music of the opening", "$x$ " * 20)
    entries = [
        duration_of(label, seconds=4000.0, events=1234, interval=(3000.0, 4100.0))
        for label in labels
    ]
    own = report(Path("a.wav"), duration=9000.0, labels=labels, durations=entries)
    write_picture(tmp_path / "a.png", [own, report(Path("b.wav"))])
    figure = kept[0]
    figure.canvas.draw()
    texts = [axes.title for axes in figure.axes] + [axes.yaxis.label for axes in figure.axes]
    texts += [text for axes in figure.axes for text in axes.texts]
    texts += [axes.xaxis.label for axes in figure.axes] + [axes._left_title for axes in figure.axes]
    texts += [
        tick.label1
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if tick.label1.get_visible()
    ]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert len(boxes) > 20
    for place, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
        assert box.y0 >= 0
        for other in boxes[:place]:
            assert not box.shrunk(0.9, 0.9).overlaps(other)


def test_too_many_recordings_for_a_picture_are_refused(tmp_path):
    with pytest.raises(InputError, match="into 300 inches, got 200 that take 478"):
        write_picture(tmp_path / "a.png", [report(Path("a.wav"))] * 200)


def test_report_needs_neither_torch_nor_speechbrain():
    heavy = "{'torch', 'speechbrain', 'matplotlib'}"
    program = f"import sys, aed_plugins.report; print({heavy} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
