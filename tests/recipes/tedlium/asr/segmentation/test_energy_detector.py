import numpy as np
import pytest
import soundfile
from hypothesis import given, settings, strategies as st

from aed_plugins.core import InputError
from asr.formats.segments import SpeechSegment
from asr.segmentation.energy_detector import EnergyDetector, compute_frame_levels
from asr.segmentation.shaping import SegmentShaping

NOISE = np.random.default_rng(5).normal(0, 1, 16000 * 10)


def written(folder, wave, rate=16000):
    path = folder / "talk.wav"
    soundfile.write(path, wave, rate, "FLOAT")
    return path


def talk_with_loud(spans, loud=0.1, quiet=0.001):
    gain = np.full(len(NOISE), quiet)
    for onset, offset in spans:
        gain[round(16000 * onset) : round(16000 * offset)] = loud
    return NOISE * gain


def test_a_level_is_the_mean_square_of_25_ms_every_10_ms():
    wave = talk_with_loud([(1, 2)])[:50_001]
    starts = range(0, len(wave) - 399, 160)
    squares = np.array([np.mean(wave[start : start + 400] ** 2) for start in starts])
    assert compute_frame_levels([wave]) == pytest.approx(10 * np.log10(squares), abs=1e-9)


@given(st.lists(st.integers(0, 3000), max_size=8))
@settings(max_examples=50, deadline=None)
def test_levels_do_not_depend_on_how_the_waveform_is_divided(cuts):
    wave = NOISE[:3000]
    blocks = np.split(wave, sorted(cuts))
    assert compute_frame_levels(blocks) == pytest.approx(compute_frame_levels([wave]), abs=1e-9)


def test_loud_stretches_are_found_within_two_frames(tmp_path):
    spans = [(1.0, 2.5), (4.0, 6.0), (9.0, 9.9)]
    found = EnergyDetector().detect("a", written(tmp_path, talk_with_loud(spans)))
    assert [segment.talk for segment in found] == ["a"] * 3
    assert np.array([segment[1:] for segment in found]) == pytest.approx(np.array(spans), abs=0.02)


def test_the_recordings_gain_makes_no_difference(tmp_path):
    wave = talk_with_loud([(1.0, 2.5), (4.0, 6.0)])
    found = EnergyDetector().detect("a", written(tmp_path, wave))
    assert EnergyDetector().detect("a", written(tmp_path, wave / 10)) == found


def test_the_recordings_rate_makes_little_difference(tmp_path):
    wave = talk_with_loud([(1.0, 2.5), (4.0, 6.0)])
    found = EnergyDetector().detect("a", written(tmp_path, np.repeat(wave, 2), rate=32000))
    assert [segment[1:] for segment in found] == [
        pytest.approx((1.0, 2.5), abs=0.03),
        pytest.approx((4.0, 6.0), abs=0.03),
    ]


def test_clicks_are_smoothed_away(tmp_path):
    found = EnergyDetector().detect("a", written(tmp_path, talk_with_loud([(1, 3), (5, 5.01)])))
    assert len(found) == 1


def test_a_higher_threshold_finds_less(tmp_path):
    ramp = written(tmp_path, NOISE * np.geomspace(0.001, 0.1, len(NOISE)))
    lengths = [
        sum(segment.duration for segment in EnergyDetector(threshold).detect("a", ramp))
        for threshold in (0.2, 0.5, 0.8)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths == pytest.approx([7.3, 4.75, 2.2], abs=0.3)


@pytest.mark.parametrize("samples", [100, 16000])
def test_silence_and_what_is_shorter_than_a_frame_have_no_speech(tmp_path, samples):
    assert EnergyDetector().detect("a", written(tmp_path, np.zeros(samples))) == []


def test_what_it_finds_can_be_shaped(tmp_path):
    found = EnergyDetector().detect("a", written(tmp_path, talk_with_loud([(1, 1.4), (1.6, 2)])))
    shaped = SegmentShaping(padding=0.5, merge_gap=0.3).apply(found, 10.0)
    assert shaped == [
        SpeechSegment("a", pytest.approx(0.5, abs=0.02), pytest.approx(2.5, abs=0.02))
    ]


@pytest.mark.parametrize("threshold", [0, 1, float("nan")])
def test_a_threshold_outside_floor_and_peak_is_refused(threshold):
    with pytest.raises(InputError, match=r"threshold between 0 \(noise floor\) and 1 \(peak\)"):
        EnergyDetector(threshold)
