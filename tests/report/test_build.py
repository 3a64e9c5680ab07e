"""What a page shows is what the model detected."""

import numpy as np
import pytest
import soundfile
import torch
from tiny_model import LABELS, write_model

from aed_plugins.data.synthetic.recording import build_demonstration_recording
from aed_plugins.detection import PostProcessing, TimelineSettings
from aed_plugins.inference import PretrainedTagger
from aed_plugins.models import LogMel
from aed_plugins.report import build_report, describe_settings
from aed_plugins.report.build import SpectrogramOverview, _lanes

HOW = TimelineSettings(1.0, 0.5, post_processing=PostProcessing(0.5))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "street.wav"
    build_demonstration_recording(path, sounds=3, sample_rate=8000)
    return path


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    folder = write_model(tmp_path_factory.mktemp("model") / "tiny")
    return PretrainedTagger.from_hparams(folder, run_opts={"device": "cpu"})


def test_a_report_has_the_events_durations_and_probabilities_of_the_time_line(tagger, recording):
    tagger.timeline_settings = HOW
    report = build_report(tagger, recording)
    frames = []
    timeline = tagger.timeline(recording, on_probabilities=frames.append)
    assert timeline.events
    assert tuple(report.events) == timeline.events
    assert report.duration == timeline.duration
    assert sorted(report.labels) == sorted(LABELS)
    seconds = dict.fromkeys(LABELS, 0.0)
    for event in timeline.events:
        seconds[event.label] += event.duration
    assert {d.label: pytest.approx(d.seconds) for d in report.durations} == seconds
    levels = np.rint(255 * np.concatenate(frames).T).astype(np.uint8)
    order = [LABELS.index(label) for label in report.labels]
    assert np.array_equal(report.curves, levels[order])
    assert report.column_length == 0.5
    assert report.thresholds == dict.fromkeys(report.labels, 0.5)


def test_the_spectrogram_is_that_of_the_whole_however_it_was_cut():
    waveform = np.random.default_rng(0).standard_normal(16000 * 3).astype(np.float32)
    overview = SpectrogramOverview(16000)
    for part in np.split(waveform, [1, 100, 7000, 7001, 20000]):
        overview.push(part)
    overview.finish()
    log_mel = overview.log_mel
    assert isinstance(log_mel, LogMel)
    whole = log_mel(torch.from_numpy(waveform)[None])[0].numpy()
    low, high = overview.overview.range()
    found, _ = overview.overview.result(low, high)
    expected = np.rint(np.clip((whole - low) / (high - low), 0, 1) * 255).astype(np.uint8).T
    assert found.shape[1] >= expected.shape[1]
    difference = found[:, : expected.shape[1]].astype(int) - expected
    assert np.abs(difference).max() <= 1


def test_a_tone_lies_at_its_mark_on_the_frequency_axis():
    for hertz in (500, 2000):
        overview = SpectrogramOverview(16000)
        time = np.arange(16000) / 16000
        overview.push(np.sin(2 * np.pi * hertz * time).astype(np.float32))
        overview.finish()
        picture, _ = overview.overview.result(*overview.overview.range())
        row = {int(mark): row for row, mark in overview.marks()}[hertz]
        assert abs(int(picture[:, 40].argmax()) - row) <= 1


def test_of_many_classes_those_that_are_present_longest_have_a_lane():
    labels = [f"class {number}" for number in range(40)]
    levels = np.zeros((40, 5), np.uint8)
    levels[7], levels[9] = 100, 90
    ranks = [0.0] * 40
    ranks[30], ranks[3] = -5.0, -2.0
    assert _lanes(labels, ranks, levels) == [30, 3, 7]
    assert len(_lanes(labels, [-1.0] * 40, levels)) == 12
    assert len(_lanes(labels[:12], ranks[:12], levels[:12])) == 12


def test_settings_are_described_in_words():
    how = PostProcessing({"dog": 0.2, "siren": 0.4}, 0.1, 0.5, {"dog": 1.0}, 0.0)
    assert describe_settings(TimelineSettings(10.0, 5.0, "step", post_processing=how)) == {
        "Windows": "10 s every 5 s, the encoder's steps classified",
        "Threshold": "for each class its own",
        "Offset threshold": "0.1",
        "Shortest event": "0.5 s",
        "Gaps closed": "1 s",
    }


def test_the_demonstration_recording_is_what_its_table_says(recording):
    waveform, rate = soundfile.read(recording)
    rows = recording.with_suffix(".csv").read_text().splitlines()
    events = build_demonstration_recording(recording.with_name("again.wav"), 3, 8000)
    assert rate == 8000
    assert rows[0] == "onset,offset,label"
    assert rows[1:] == [f"{e.onset},{e.offset},{e.label}" for e in events]
    assert recording.read_bytes() == recording.with_name("again.wav").read_bytes()
    assert events[0].onset == 0
    assert len(waveform) / rate == pytest.approx(events[-1].offset, abs=0.06)
    assert 0.1 < np.abs(waveform).max() <= 1
