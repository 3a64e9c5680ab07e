"""`aed check-audio`: recordings that cannot be used."""

import numpy as np
import soundfile
from noise_file import RATE


def test_check_audio_tells_good_from_bad_and_odd(aed, folder):
    soundfile.write("talks/silent.wav", np.zeros((4000, 2)), RATE)
    soundfile.write("talks/short.wav", np.zeros(80), RATE)
    status, out, err = aed("check-audio", "talks")
    assert status == 1
    assert "talks/a.wav  3.00 s, 8000 Hz, 1 channel, WAV PCM_16" in out
    assert "talks/silent.wav  0.50 s, 8000 Hz, 2 channels, WAV PCM_16  odd: silence" in out
    assert "talks/short.wav: expected 0.05 s of sound or more, got 0.01 s" in err
    assert "2 of 5 recordings were skipped" in err
